"""The way between client and server: how long a request travels, and the server's own time."""

from __future__ import annotations

import asyncio
from random import Random

from ghmodels_async.clock import Clock

__all__ = ["Network"]


class Network:
    """Travel times from one seeded source, and the instant at the server's end.

    Args:
        clock: Nominal time.
        luck: Decides.
        latency: Shortest and longest usual uplink delay in seconds; None means no delay at all.
        heavy_tail: Share of requests that take 0.5 to 5 s longer.
        linger: Seconds until the server notices that a client went away.
    """

    def __init__(
        self,
        clock: Clock,
        luck: Random,
        *,
        latency: tuple[float, float] | None = None,
        heavy_tail: float = 0.0,
        linger: float = 0.0,
    ) -> None:
        self.clock = clock
        self.linger = linger
        self._luck = luck
        self._latency = latency
        self._heavy_tail = heavy_tail
        self._loop: asyncio.AbstractEventLoop | None = None
        self._offset = 0.0

    def uplink(self) -> float:
        """Seconds the next request takes to reach the server."""
        if self._latency is None:
            return 0.0
        delay = self._luck.uniform(*self._latency)
        if self._heavy_tail and self._luck.random() < self._heavy_tail:
            delay += self._luck.uniform(0.5, 5.0)
        return delay

    def unix(self) -> float:
        """Nominal Unix seconds at the server: set by the wall clock once per event loop, monotonic after that."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self._offset = self.clock.wall() - self.clock.now()
        return self.clock.now() + self._offset
