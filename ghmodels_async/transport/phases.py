"""The two phases of getting a head, connect and head, for all requests of a pool on a handful of timers.

Theory of operation. Requests with the same limit end their phase in the order in which they entered it, so they stand
in one lane: a dictionary in order of entry with one timer, set for whoever is first. Entering and leaving cost a
dictionary operation each; nobody touches the timer. When it fires, those that are due are timed out, and it is set for
the next one. A timer per request costs 1.5 µs at best and, with hundreds in flight, 5 to 8 µs: cancelled timers stay in
the event loop's heap and are compared in Python until they are popped. `asyncio.timeout` with one reschedule: 6.5 µs.

The rules are those of `asyncio.timeout`: the lane cancels the task that waits, the cancellation is taken back, and it
becomes a timeout only if nobody else cancelled too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..clock import Clock
from ..errors import RequestTimeoutError
from .http import PhaseTimeouts

__all__ = ["Lanes", "Phases"]


class Lanes:
    """The lanes of one pool in one event loop.

    Args:
        clock: Counts nominal seconds.
    """

    __slots__ = ("_lanes", "clock")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._lanes: dict[float, _Lane] = {}

    def enter(self, phases: Phases, limit: float, since: float) -> dict[Phases, float]:
        """Stand at the end of the lane of all waits of `limit` nominal seconds; who leaves it takes itself out."""
        lane = self._lanes.get(limit)
        if lane is None:
            lane = self._lanes[limit] = _Lane(self.clock, limit)
        lane.since[phases] = since
        if lane.timer is None:
            lane.start(since)
        return lane.since

    def clear(self) -> None:
        """Forget all waits, without timing anybody out: their loop is gone."""
        for lane in self._lanes.values():
            lane.stop()
        self._lanes = {}


class Phases:
    """Times one request of the running task, from its creation until `end()`.

    Args:
        lanes: Where to stand.
        timeouts: How long each phase may take.
        on_sent: Called with nominal monotonic seconds when the first bytes leave.
    """

    __slots__ = ("_cancelling", "_expired", "_head", "_lane", "_lanes", "_on_sent", "_task", "began", "sent_at")

    def __init__(self, lanes: Lanes, timeouts: PhaseTimeouts, on_sent: Callable[[float], None] | None) -> None:
        self._lanes = lanes
        self._head = timeouts.head
        self._on_sent = on_sent
        self._expired = False
        self._task: asyncio.Task[object] | None = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task is not None else 0
        self.began = now = lanes.clock.now()
        self.sent_at: float | None = None
        connect = timeouts.connect
        self._lane: dict[Phases, float] | None = None if connect is None else lanes.enter(self, connect, now)

    def sent(self) -> None:
        """The first bytes are about to be handed to the socket: the head phase begins."""
        if self.sent_at is not None:
            return
        self.sent_at = now = self._lanes.clock.now()
        if not self._expired:
            self.end()
            if self._head is not None:
                self._lane = self._lanes.enter(self, self._head, now)
        if self._on_sent is not None:
            self._on_sent(now)

    def end(self) -> None:
        """Stop timing."""
        if self._lane is not None:
            self._lane.pop(self, None)
            self._lane = None

    def expire(self) -> None:
        """The phase is over its limit. Called by the lane, which has let go already."""
        self._lane = None
        if self._task is not None:
            self._expired = True
            self._task.cancel()

    def timed_out(self) -> bool:
        """Whether the cancellation just caught is the lane's alone. Takes it back then."""
        return self._expired and self._task is not None and self._task.uncancel() <= self._cancelling

    def error(self, checked: str) -> RequestTimeoutError:
        """The error for the phase that took too long."""
        now = self._lanes.clock.now()
        if self.sent_at is None:
            fix = "Check the network, the address and any proxy; or raise the connect timeout"
            return RequestTimeoutError(phase="connect", elapsed=now - self.began, sent=False, checked=checked, fix=fix)
        fix = "Raise the head timeout: a long answer that is not streamed sends its head last"
        return RequestTimeoutError(phase="head", elapsed=now - self.sent_at, sent=True, checked=checked, fix=fix)


class _Lane:
    """Requests whose phase has the same limit, by when they entered it and in that order."""

    __slots__ = ("_clock", "_limit", "since", "timer")

    def __init__(self, clock: Clock, limit: float) -> None:
        self._clock = clock
        self._limit = limit
        self.since: dict[Phases, float] = {}
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
        due: list[Phases] = []
        for phases, since in self.since.items():
            if since + self._limit > now:
                self.start(since)
                break
            due.append(phases)
        for phases in due:
            del self.since[phases]
            phases.expire()
