"""The gate's own line of time: monotonic, going on while the host sleeps, with a way to the wall and back.

Windows measure elapsed time, so they run on the event loop's monotonic clock, which no one can set. Two things need
more: daily quotas go on being freed while a laptop sleeps (the monotonic clock of most systems stands still then), and
what is written to a ledger must mean something to the next process (wall time).

`check` compares the clocks. Time that passed while the host slept is added to the line. A wall clock that was *set* (a
disagreement of more than `TOLERANCE` that no sleep explains) changes nothing on the line: elapsed time is elapsed time.
Where the system cannot tell sleep from setting (no CLOCK_BOOTTIME), a jump forward is taken for sleep.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ..clock import Clock

__all__ = ["TOLERANCE", "TimeLine", "host_sleep"]

TOLERANCE = 2.0
"""Seconds by which wall and line may drift apart between two looks before it counts as a jump: NTP slews less."""


def host_sleep() -> float | None:
    """Seconds this host has slept since it started; None if the system cannot tell."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return None
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


class TimeLine:
    """Nominal seconds for one gate.

    Args:
        clock: Loop time and wall time.
        sleep: How long the host has slept, seconds; None if unknown.
    """

    __slots__ = ("_ahead", "_asleep", "_sleep", "clock", "loop", "slept")

    def __init__(self, clock: Clock, *, sleep: Callable[[], float | None] = host_sleep) -> None:
        self.clock = clock
        self.loop: asyncio.AbstractEventLoop | None = None
        self.slept = 0.0
        self._sleep = sleep
        self._asleep = sleep()
        self._ahead: float | None = None

    def now(self) -> float:
        """Nominal seconds on the line. Needs the bound loop."""
        loop = self.loop
        assert loop is not None
        return loop.time() * self.clock.scale + self.slept

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go on under this loop."""
        self.loop = loop
        if self._ahead is None:
            self._ahead = self.clock.wall() - self.now()

    def wall_of(self, instant: float) -> float:
        """Wall time of an instant on the line, as the wall clock stands now."""
        return self.clock.wall() + (instant - self.now())

    def dated(self, instant: float) -> float:
        """Wall time to write down: by whichever clock is later, so that a clock that was set back frees nothing."""
        assert self._ahead is not None
        return max(self.wall_of(instant), instant + self._ahead)

    def at_wall(self, wall: float) -> float:
        """The instant on the line at which the wall clock will show `wall`."""
        return self.now() + (wall - self.clock.wall())

    def call_at(self, instant: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Call back when the line has reached `instant`, sleep of the host not foreseen."""
        assert self.loop is not None
        return self.loop.call_at((instant - self.slept) / self.clock.scale, callback)

    def check(self) -> float:
        """Compare the clocks: sleep of the host is added to the line. Returns by how much the wall was set, or 0."""
        assert self._ahead is not None
        asleep = self._sleep()
        if asleep is not None and self._asleep is not None:
            more = (asleep - self._asleep) * self.clock.scale
        else:
            more = self.clock.wall() - self.now() - self._ahead
        if more > TOLERANCE * self.clock.scale:
            self.slept += more
            self._asleep = asleep
        drift = self.clock.wall() - self.now() - self._ahead
        self._ahead += drift
        return drift if abs(drift) > TOLERANCE * self.clock.scale else 0.0
