"""Sessions that belong to one event loop at a time, and end with it.

Theory of operation. `adopt()` makes the running loop the owner. When that loop is finalised (`asyncio.run` ends it, or
a test runner does), an async generator started in it wakes up and closes every session, so that successive
`asyncio.run` calls work without a word even if nobody called `aclose()`. A second loop while the first is open is an
error. After a fork the child forgets the parent's sessions without touching them: descriptors, epoll set and TLS state
are shared, and closing would cut the parent's connections.
"""

from __future__ import annotations

import asyncio
import os
import warnings
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Generic, TypeVar

__all__ = ["LoopSessions"]

S = TypeVar("S")

_live: weakref.WeakSet[LoopSessions[Any]] = weakref.WeakSet()
_left_to_parent: list[object] = []


class LoopSessions(Generic[S]):
    """Sessions by key, for the loop that is `loop`.

    Args:
        close: Closes one session; must not fail when its loop is closed already.
    """

    def __init__(self, close: Callable[[S], Coroutine[Any, Any, None]]) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.sessions: dict[object, S] = {}
        self._close = close
        self._sentinel: AsyncGenerator[None, None] | None = None
        self._stay: object = None  # one object per adoption, so that a late farewell closes only what is its own
        self._on_change: list[Callable[[], None]] = []
        _live.add(self)

    def on_change(self, forget: Callable[[], None]) -> None:
        """Call `forget` whenever the sessions are gone: for whatever was derived from them."""
        self._on_change.append(forget)

    async def adopt(self) -> None:
        """Make the running loop the owner, closing what is left of the previous one.

        Raises:
            RuntimeError: The previous loop is still open.
        """
        loop = asyncio.get_running_loop()
        if self.loop is not None and self.loop is not loop and not self.loop.is_closed():
            raise RuntimeError(
                "This client is in use in another event loop that is still open. Make one client per loop, or close "
                "that loop first; successive asyncio.run() calls may share one."
            )
        await self.aclose()
        if self.loop is loop:
            return  # another task was faster while this one waited
        self.loop = loop
        self._stay = object()
        self._sentinel = self._until_loop_ends(self._stay)
        await anext(self._sentinel)

    async def aclose(self) -> None:
        """Close every session. Idempotent; usable again after `adopt()`.

        Cancellation: the closing goes on without the caller.
        """
        sentinel, self._sentinel = self._sentinel, None
        await self._leave()
        if sentinel is not None:
            await sentinel.aclose()

    async def _until_loop_ends(self, stay: object) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            if self._stay is stay:
                await self._leave()

    async def _leave(self) -> None:
        self.loop = self._stay = None
        left, self.sessions = self.sessions, {}
        self._forget_derived()
        if left:
            await asyncio.shield(asyncio.gather(*map(self._close, left.values())))

    def _forget_derived(self) -> None:
        for forget in self._on_change:
            forget()

    def _after_fork(self) -> None:
        _left_to_parent.append((self.loop, self._sentinel, self.sessions))
        self.loop = self._sentinel = self._stay = None
        self.sessions = {}
        self._forget_derived()

    def __del__(self) -> None:
        if self.sessions and self.loop is not None and self.loop.is_closed():
            message = "Connections were left open: use `async with` or aclose()"
            warnings.warn(message, ResourceWarning, stacklevel=2, source=self)


def _forget_in_child() -> None:
    for sessions in list(_live):
        sessions._after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_forget_in_child)
