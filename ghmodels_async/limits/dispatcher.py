"""Who goes next: one synchronous pass over the models that wait, one timer for all of them.

Whatever may let somebody go (a reply ended, a ticket came, a timer fired, a place was given back) calls `run`. It
grants heads of queues while every limit of a head is ready and takes all of them in the same step. Nothing awaits in
between, so nobody can barge in and nothing has to be put back. It looks at every model with waiters (few dozen at the
most); the number of waiters does not matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush

from .lane import Lane
from .permit import DONE, QUEUED, Permit
from .shares import NOBODY, Shares
from .timeline import TimeLine
from .window import NEVER

__all__ = ["Dispatcher"]

_SAME = 1e-6
"""Instants closer than this are the same: real and nominal seconds differ by rounding."""


class Dispatcher:
    """The queues of a gate in motion.

    Args:
        line: The gate's time.
        shares: Turns between classes where several models could go.
        recheck: Longest time between two looks at the clocks while somebody waits for one, seconds.
        overdue: Makes the error for a permit whose deadline passed in the queue.
    """

    __slots__ = (
        "_deadlines",
        "_due",
        "_line",
        "_overdue",
        "_recheck",
        "_shares",
        "_timer",
        "active",
        "grants",
        "waiting",
        "woken",
    )

    def __init__(
        self, line: TimeLine, shares: Shares, *, recheck: float, overdue: Callable[[Permit, float], Exception]
    ) -> None:
        self._line = line
        self._shares = shares
        self._recheck = recheck
        self._overdue = overdue
        self._deadlines: list[tuple[float, int, Permit]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._due = NEVER
        self.active: dict[Lane, None] = {}
        self.waiting = 0
        self.grants = 0
        self.woken: Callable[[], object] = self.run

    def enqueue(self, permit: Permit, front: bool = False) -> None:
        """Line up. `run` decides whether it goes at once."""
        assert self._line.loop is not None
        lane = permit.lane
        permit.state = QUEUED
        permit.future = self._line.loop.create_future()
        lane.enqueue(permit, front)
        self.active[lane] = None
        self.waiting += 1
        if permit.deadline is not None:
            heappush(self._deadlines, (permit.deadline, id(permit), permit))
        if permit.rank == 2 and lane.smoother is not None:
            lane.smoother.start()

    def withdraw(self, permit: Permit) -> None:
        """Its task gave up, or it cannot be served in time."""
        lane = permit.lane
        permit.state = DONE
        lane.withdraw(permit)
        self._left(lane)
        if lane.smoother is not None and not lane.waiting[2]:
            lane.smoother.poke()

    def fail(self, permit: Permit, error: Exception) -> None:
        """Take it out of its queue with an error."""
        self.withdraw(permit)
        future = permit.future
        if future is not None and not future.done():
            future.set_exception(error)

    def run(self) -> None:
        """Grant whoever can go, and set the timer for the next one."""
        loop = self._line.loop
        if not self.active or loop is None or loop.is_closed():
            return
        now = self._line.now()
        if self._deadlines:
            self._expire(now)
        edge = now + _SAME
        ready: list[Permit] = []
        while True:
            wake = NEVER
            ready.clear()
            for lane in self.active:
                rank = lane.turn()
                if rank == NOBODY:
                    continue
                permit = lane.head(rank)
                at = lane.ready_at(permit, now)
                if at <= edge:
                    ready.append(permit)
                elif at < wake:
                    wake = at
            if not ready:
                break
            permit = ready[0] if len(ready) == 1 else self._choose(ready)
            if permit.future is None or permit.future.done():
                self.withdraw(permit)  # its task was cancelled and has not run since
            else:
                self._grant(permit, now)
        self._arm(wake, now)

    def forget(self) -> None:
        """The loop is gone and everybody who waited on it with it."""
        for lane in list(self.active):
            for rank in range(3):
                for permit in lane.queued(rank):
                    self.withdraw(permit)
        self._deadlines.clear()
        self.disarm()

    def disarm(self) -> None:
        """Drop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due = None, NEVER

    def _grant(self, permit: Permit, now: float) -> None:
        lane = permit.lane
        permit.queue_wait = now - permit.granted_at
        lane.grant(permit, now)
        self.grants += 1
        lane.served = self.grants
        self._left(lane)
        future = permit.future
        assert future is not None
        future.set_result(None)

    def _choose(self, ready: list[Permit]) -> Permit:
        """Between models: by class like within one, then whoever was served longest ago."""
        counts = [0, 0, 0]
        for permit in ready:
            counts[permit.rank] += 1
        rank = self._shares.turn(counts)
        self._shares.granted(rank, counts)
        return min((permit for permit in ready if permit.rank == rank), key=lambda permit: permit.lane.served)

    def _left(self, lane: Lane) -> None:
        self.waiting -= 1
        if not any(lane.waiting):
            del self.active[lane]

    def _expire(self, now: float) -> None:
        while self._deadlines and (self._deadlines[0][2].state != QUEUED or self._deadlines[0][0] <= now):
            permit = heappop(self._deadlines)[2]
            if permit.state == QUEUED:
                self.fail(permit, self._overdue(permit, now))

    def _arm(self, wake: float, now: float) -> None:
        if not self.active:
            return
        if self._deadlines:
            wake = min(wake, self._deadlines[0][0])
        if wake == NEVER:
            return
        wake = min(wake, now + self._recheck)
        if self._timer is not None:
            if self._due <= wake:
                return  # it fires first, finds nothing to do, and arms again
            self._timer.cancel()
        self._due = wake
        self._timer = self._line.call_at(wake, self._fired)

    def _fired(self) -> None:
        self._timer, self._due = None, NEVER
        self.woken()
