"""Even spacing for batch traffic: the only place that uses aiolimiter.

The sliding logs are what guarantees; they would also let a batch burst through a whole window at its start, and an
urgent call behind it would wait for the rest of the minute. So each model with batch waiters has one pacing task. It
awaits an `AsyncLimiter(1, (W+m)/L)` and deposits at most one ticket; a ticket is one more condition for the
dispatcher, who never waits. A ticket belongs to nobody: if a waiter is cancelled the next one uses it.

Used this way aiolimiter has exactly one waiter, so its barging and its starvation of heavy acquires cannot occur, and a
bucket of capacity 1 never emits more than one request per period, which no window can refuse.
Source: aiolimiter 1.3.0, `leakybucket.py` (read 2026-11-22).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from aiolimiter import AsyncLimiter

from .timeline import TimeLine

__all__ = ["Smoother"]


class Smoother:
    """Paces one model's batch traffic.

    Args:
        period: Tells the nominal seconds between two tickets; may change with what is learned about the limits.
        line: The gate's time.
        waiting: Whether any batch call waits now.
        deposited: Called when a ticket is there.
    """

    __slots__ = (
        "_deposited",
        "_limiter",
        "_line",
        "_period",
        "_spent",
        "_task",
        "_tuned",
        "_waiting",
        "last",
        "ticket",
    )

    def __init__(
        self,
        period: Callable[[], float],
        line: TimeLine,
        *,
        waiting: Callable[[], bool],
        deposited: Callable[[], object],
    ) -> None:
        self.ticket = False
        self._period = period
        self._tuned = 0.0
        self.last: float | None = None
        self._line = line
        self._waiting = waiting
        self._deposited = deposited
        self._limiter: AsyncLimiter | None = None
        self._spent = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """See that tickets come for as long as somebody waits. Needs a running loop."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._pace(), name="ghmodels pacing")

    def at_once(self) -> bool:
        """Use a ticket that lies there or is due, without waiting; False if there is none. Nobody may be waiting."""
        if self.ticket:
            self.spend()
            return True
        if self._task is not None and not self._task.done():
            return False
        limiter = self._limiter_now()
        if not limiter.has_capacity():
            return False
        with suppress(StopIteration):
            limiter.acquire().send(None)  # with capacity and no other waiter it runs to its end
        self.last = self._line.now()
        return True

    def spend(self) -> None:
        """Use the ticket."""
        self.ticket = False
        self._spent.set()

    def poke(self) -> None:
        """Somebody gave up waiting: stop if it was the last."""
        self._spent.set()

    def refund(self) -> None:
        """Whoever used the ticket did not send anything."""
        self.ticket = True

    def eta(self, ahead: int, now: float) -> float:
        """When a batch call with `ahead` batch calls before it gets a ticket."""
        if self.ticket:
            return now if ahead == 0 else self._next(now) + (ahead - 1) * self._period()
        return self._next(now) + ahead * self._period()

    def stop(self) -> None:
        """Let go of the loop. Tickets that were deposited stay."""
        if self._task is not None and not self._task.get_loop().is_closed():
            self._task.cancel()
        self._task = None
        self._limiter = None
        self._spent = asyncio.Event()

    def _next(self, now: float) -> float:
        return now if self.last is None else max(now, self.last + self._period())

    def _limiter_now(self) -> AsyncLimiter:
        """The limiter at the rate of the present limits."""
        period = self._period()
        if self._limiter is None or period != self._tuned:
            self._tuned = period
            self._limiter = AsyncLimiter(1, self._line.clock.real(period))
        return self._limiter

    async def _pace(self) -> None:
        """Cancellation: safe, a ticket that was not deposited was not owed."""
        while self._waiting():
            if self.ticket:
                self._spent.clear()
                await self._spent.wait()
                continue
            await self._limiter_now().acquire()
            self.last = self._line.now()
            self.ticket = True
            self._deposited()
