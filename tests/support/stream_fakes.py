"""A byte source and an opener that do what a script says, for tests of `ChatStream`.

`tests/unit/stream/test_stream_fakes.py` holds the source to the protocol that real responses keep.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from ghmodels_async.errors import ConnectionFailedError, ServerError
from ghmodels_async.stream import Begin, ReplyMeta, StreamOutcome
from ghmodels_async.wire import Usage

HANG = object()
"""In a script: nothing arrives any more."""


class ScriptedSource:
    """A response body. Script steps: bytes (one network read), a number (seconds until the next), an exception, HANG.

    Attributes:
        reads: How many times somebody asked for bytes: nothing is read ahead of that.
        released: How often `release` was called.
        exhausted: The end of the body was reached.
        ended: What the source says of itself: the end has arrived, read or not.
    """

    def __init__(self, *script: Any) -> None:
        self._script = list(script)
        self.reads = 0
        self.released = 0
        self.exhausted = False
        self.ended = False
        self._waiting: asyncio.Future[None] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self.reads += 1
        if self.released:
            raise ConnectionFailedError("read after release", sent=True)
        while self._script:
            step = self._script.pop(0)
            if isinstance(step, bytes):
                return step
            if isinstance(step, BaseException):
                raise step
            await self._wait(None if step is HANG else step)
        self.exhausted = True
        raise StopAsyncIteration

    async def _wait(self, seconds: float | None) -> None:
        """Wait as a socket does: closing the connection wakes the reader with an error."""
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self._wake, None)
        try:
            await self._waiting
        finally:
            self._waiting = None
            if timer is not None:
                timer.cancel()

    def _wake(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            if error is None:
                self._waiting.set_result(None)
            else:
                self._waiting.set_exception(error)

    def release(self) -> None:
        self.released += 1
        self._wake(ConnectionFailedError("closed while reading", sent=True))


class FakeOpener:
    """Opens one source after the other, trying the next when `begin` fails; settles as the protocol asks.

    Attributes:
        attempts: Errors of the attempts that failed before their first content.
        finished: What `finish` was called with.
        opened: Whether `open` has returned.
    """

    def __init__(self, *sources: Any, meta: ReplyMeta | None = None, before: float = 0.0) -> None:
        self.sources = list(sources)
        self.meta = meta or ReplyMeta(head_after=0.25)
        self.attempts: list[BaseException] = []
        self.finished: list[tuple[StreamOutcome, Usage | None]] = []
        self.opened = False
        self._before = before

    @property
    def ended(self) -> int:
        """How many times the last attempt was settled; must be exactly one."""
        return len(self.finished) + (not self.opened and len(self.attempts) > 0)

    async def open(self, begin: Begin) -> None:
        for source in self.sources:
            try:
                if self._before:
                    await asyncio.sleep(self._before)
                if isinstance(source, Exception):
                    raise source
                await begin(source)
            except BaseException as error:
                self.attempts.append(error)
                if source is self.sources[-1] or not isinstance(error, Exception):
                    raise
            else:
                self.opened = True
                return

    def classify(self, error: Any) -> Exception:
        return ServerError("the server reported an error", status=200, body=error)

    def finish(self, outcome: StreamOutcome, usage: Usage | None) -> None:
        self.finished.append((outcome, usage))
