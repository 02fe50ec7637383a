"""The calls a client has begun and not ended: what `aclose` waits for, and what it ends."""

from __future__ import annotations

import asyncio
from typing import Protocol

from .clock import Clock

__all__ = ["Cuttable", "InFlight"]


class Cuttable(Protocol):
    """A call as seen from outside."""

    def cut(self) -> None:
        """End now: the client is being closed. Synchronous."""
        ...


class InFlight:
    """From the moment a call asks for its token to the last byte of its reply, waits between attempts included."""

    __slots__ = ("_calls", "_idle", "closing")

    def __init__(self) -> None:
        self._calls: set[Cuttable] = set()
        self._idle: list[asyncio.Event] = []
        self.closing = False  # no call may begin any more

    def __len__(self) -> int:
        return len(self._calls)

    def began(self, call: Cuttable) -> None:
        """One more call.

        Raises:
            RuntimeError: The client is closed, or being closed.
        """
        if self.closing:
            raise RuntimeError("This client is closed.")
        self._calls.add(call)

    def ended(self, call: Cuttable) -> None:
        """One less. Idempotent."""
        self._calls.discard(call)
        if not self._calls:
            for idle in self._idle:
                idle.set()

    def cut(self) -> None:
        """End every call."""
        for call in list(self._calls):
            call.cut()

    async def all_ended(self, seconds: float, clock: Clock) -> bool:
        """Wait until no call is in flight, for at most `seconds` nominal ones. Cancellation: safe."""
        if not self._calls:
            return True
        idle = asyncio.Event()
        self._idle.append(idle)
        try:
            async with clock.timeout(seconds):
                await idle.wait()
        except TimeoutError:
            return False
        finally:
            self._idle.remove(idle)
        return True
