"""The phases of a request, connect, head and stall, for all requests of a pool on a handful of timers.

Theory of operation. Waits of the same limit run out in the order in which they began, so they stand in one lane: a
dictionary in order of entry with one timer, set for whoever is first. Entering and leaving cost a dictionary operation
each; nobody touches the timer. When it fires, those that are due are timed out, and it is set for the next one. A timer
per request costs 1.5 µs at best and, with hundreds in flight, 5 to 8 µs: cancelled timers stay in the event loop's heap
and are compared in Python until they are popped. `asyncio.timeout` with one reschedule: 6.5 µs.

The rules are those of `asyncio.timeout`: the lane cancels the task that waits, the cancellation is taken back, and it
becomes a timeout only if nobody else cancelled too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..clock import Clock
from ..errors import RequestTimeoutError
from .http import PhaseTimeouts

__all__ = ["Lanes", "Phases", "Wait"]


class Lanes:
    """The lanes of one pool in one event loop.

    Args:
        clock: Counts nominal seconds.
    """

    __slots__ = ("by_limit", "clock")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.by_limit: dict[float, _Lane] = {}

    def open(self, limit: float) -> _Lane:
        """A new lane, for all waits of `limit` nominal seconds."""
        lane = self.by_limit[limit] = _Lane(self.clock, limit)
        return lane

    def clear(self) -> None:
        """Forget all waits, without timing anybody out: their loop is gone."""
        for lane in self.by_limit.values():
            lane.stop()
        self.by_limit = {}


class Wait:
    """One wait after another of the running task, from `begin()` to `end()`.

    Args:
        lanes: Where to stand.
    """

    __slots__ = ("_cancelling", "_expired", "_lane", "_lanes", "_task")

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._lane: dict[Wait, float] | None = None
        self._expired = False
        self._task: asyncio.Task[object] | None = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task is not None else 0

    def begin(self, limit: float, now: float) -> None:
        """Wait at most `limit` nominal seconds from `now` on, instead of what is waited for."""
        if self._lane is not None:
            self._lane.pop(self, None)
        lane = self._lanes.by_limit.get(limit) or self._lanes.open(limit)
        self._lane = lane.since
        self._lane[self] = now
        if lane.timer is None:
            lane.start(now)

    def end(self) -> None:
        """Stop timing."""
        if self._lane is not None:
            self._lane.pop(self, None)
            self._lane = None

    def expire(self) -> None:
        """The wait is over its limit. Called by the lane, which has let go already."""
        self._lane = None
        if self._task is not None:
            self._expired = True
            self._task.cancel()

    def timed_out(self) -> bool:
        """Whether the cancellation just caught is the lane's alone. Takes it back then."""
        return self._expired and self._task is not None and self._task.uncancel() <= self._cancelling


class Phases(Wait):
    """Times one request of the running task until its head is there: from its creation until `end()`.

    Args:
        lanes: Where to stand.
        timeouts: How long each phase may take.
        on_sent: Called with nominal monotonic seconds when the first bytes leave.
    """

    __slots__ = ("_head", "_on_sent", "began", "sent_at")

    def __init__(self, lanes: Lanes, timeouts: PhaseTimeouts, on_sent: Callable[[float], None] | None) -> None:
        super().__init__(lanes)
        self._head = timeouts.head
        self._on_sent = on_sent
        self.began = now = lanes.clock.now()
        self.sent_at: float | None = None
        if timeouts.connect is not None:
            self.begin(timeouts.connect, now)

    def sent(self) -> None:
        """The first bytes are about to be handed to the socket: the head phase begins."""
        if self.sent_at is not None:
            return
        self.sent_at = now = self._lanes.clock.now()
        if not self._expired:
            if self._head is None:
                self.end()
            else:
                self.begin(self._head, now)
        if self._on_sent is not None:
            self._on_sent(now)

    def error(self, checked: str) -> RequestTimeoutError:
        """The error for the phase that took too long."""
        now = self._lanes.clock.now()
        if self.sent_at is None:
            fix = "Check the network, the address and any proxy; or raise the connect timeout"
            return RequestTimeoutError(phase="connect", elapsed=now - self.began, sent=False, checked=checked, fix=fix)
        fix = "Raise the head timeout: a long answer that is not streamed sends its head last"
        return RequestTimeoutError(phase="head", elapsed=now - self.sent_at, sent=True, checked=checked, fix=fix)


class _Lane:
    """Waits of the same limit, by when they began and in that order."""

    __slots__ = ("_clock", "_limit", "since", "timer")

    def __init__(self, clock: Clock, limit: float) -> None:
        self._clock = clock
        self._limit = limit
        self.since: dict[Wait, float] = {}
        self.timer: asyncio.TimerHandle | None = None

    def start(self, since: float) -> None:
        """Set the timer for the first one, who entered at `since`."""
        self.timer = self._clock.call_at(since + self._limit, self._fire)

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.since.clear()

    def _fire(self) -> None:
        self.timer = None
        now = self._clock.now()
        due: list[Wait] = []
        for wait, since in self.since.items():
            if since + self._limit > now:
                self.start(since)
                break
            due.append(wait)
        for wait in due:
            del self.since[wait]
            wait.expire()
