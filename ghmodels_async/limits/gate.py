"""The gate of one account on one endpoint: every request passes here, and only with every limit's consent.

Theory of operation. `acquire` reserves all limits of a model in one synchronous step or queues. Queues are FIFO per
model and class; one dispatcher (dispatcher.py) serves them with one timer. Nothing is promised to a waiter but its
place: no pre-assigned times, so pauses, priorities and cancellations need no rewriting. A permit counts from the moment
it is granted; evidence of when its request arrived refines the logs (permit.py, evidence.py); a 429 teaches the gate
once for everybody (feedback.py). What outlives the process is in the ledger before the request may leave (books.py).

A gate belongs to the loop it was last used on. Its logs survive the loop; whoever waited on a closed loop is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from ..clock import Clock
from ..errors import RateLimitFacts
from ..profiles import Profile
from .desk import Desk
from .explain import LimitState, states
from .lane import BATCH, Lane
from .ledger import Ledger
from .options import GateOptions, OnExhausted, Priority
from .permit import GRANTED, QUEUED, Permit
from .timeline import TimeLine

__all__ = ["Gate"]

_RANK: Final[Mapping[Priority, int]] = {"interactive": 0, "default": 1, "batch": BATCH}


class Gate:
    """Made by `open_gate`; `aclose` it once per `open_gate`.

    Attributes:
        clock: Nominal time.
        options: What the user turned.
        users: How many clients have it open.
        desk: Its parts.
    """

    def __init__(
        self, profile: Profile, *, plan: str, clock: Clock, options: GateOptions, ledger: Ledger, line: TimeLine
    ) -> None:
        self.clock = clock
        self.options = options
        self.users = 0
        self.desk = Desk(profile, plan=plan, clock=clock, options=options, ledger=ledger, line=line)
        self._line = line
        self._queue = self.desk.queue
        self._lanes = self.desk.rigging.lanes
        self._seq = 0

    async def acquire(
        self,
        model: str,
        *,
        priority: Priority = "default",
        deadline: float | None = None,
        tokens_in: int = 0,
        tokens_out: int = 0,
        on_exhausted: OnExhausted = "raise",
        front: tuple[int, int] | None = None,
    ) -> Permit:
        """Wait for the right to send one request.

        Args:
            model: Its id; short names are the same model.
            priority: Class of service.
            deadline: Nominal monotonic instant by which it must be granted; None for no limit.
            tokens_in: Estimated prompt tokens, for limits on tokens.
            tokens_out: The most tokens the reply may have; 0 if unknown.
            on_exhausted: Whether to raise or to wait when a quota is used up for longer than a call should wait.
            front: `Permit.position` of an earlier attempt, to get its place back.

        Raises:
            PlanError, ConfigurationError: The plan does not include the model, or does not exist. Nothing was spent.
            WouldExceedDeadlineError: The quota opens too late, known now or after a later pause. Nothing was spent.
            QuotaExhaustedError: A long quota is used up and `on_exhausted` is "raise". Nothing was spent.
            QueueFullError: Too many wait already. Nothing was spent.
            RequestTimeoutError: The deadline passed in the queue (phase "queue"). Nothing was spent.
            RuntimeError: The gate is in use on another live loop.

        Cancellation: safe at every point: the place in the queue or the permit is given back.
        """
        rank = _RANK[priority]
        loop = asyncio.get_running_loop()
        lane = self._lanes.get(model)
        if (
            lane is not None
            and lane.quick
            and rank != BATCH
            and deadline is None
            and not self._queue.waiting
            and loop is self._line.loop
            and (permit := self._take_at_once(lane, rank)) is not None
        ):
            return permit
        if not self.desk.books.opened or loop is not self._line.loop:
            await self.desk.open(loop)
        permit = self._line_up(model, rank, deadline, (tokens_in, tokens_out), on_exhausted == "wait", front)
        if permit.state == QUEUED:
            try:
                await permit.future  # type: ignore[misc]  # a queued permit has one
            except BaseException:
                self._abandon(permit)
                raise
        if permit.lane.covered:
            await self._confirm(permit)
        return permit

    def check_size(self, model: str, tokens_in: int, tokens_out: int) -> None:
        """Refuse a request that the server would refuse.

        Args:
            model: Its id.
            tokens_in: Estimated prompt tokens.
            tokens_out: Asked for at most; 0 if nothing was asked.

        Raises:
            RequestTooLargeError: It is too large. Nothing was spent.
            PlanError, ConfigurationError: As for `acquire`.
        """
        self.desk.admission.check_size(self._lane(model), tokens_in, tokens_out)

    def rejected(self, permit: Permit, facts: RateLimitFacts, at: float) -> None:
        """A 429: pause the limit it names, once for everybody. Call it before `settle`.

        Args:
            permit: Of the refused request.
            facts: What the answer said.
            at: When its head arrived, nominal monotonic seconds.
        """
        self.desk.feedback.rejected(permit, facts, at + self._line.slept)

    def too_large(self, model: str, maximum: int) -> None:
        """A 413 named the largest prompt this account may send: remember it."""
        self.desk.feedback.too_large(self._lane(model), maximum)

    def explain(self, model: str | None = None) -> list[LimitState]:
        """Every limit of a model, or of all that were met or are remembered: used, left, next free, blocked, source."""
        lanes = [self._lane(model)] if model is not None else self.desk.rigging.known()
        return states(lanes, self._line, self.desk.feedback.last)

    def eta(self, model: str, priority: Priority = "default") -> float:
        """Seconds until a call made now could go. Exact where only rates decide."""
        return self.desk.admission.eta(self._lane(model), _RANK[priority])

    def forecast(self, rows: Mapping[str, int]) -> float:
        """Seconds until `rows` more batch calls per model, and all that wait now, should be done."""
        return self.desk.admission.forecast({self._lane(model): count for model, count in rows.items()})

    def lower_bound(self, count: int, model: str) -> float:
        """Seconds from the first to the last of `count` requests that the quota needs, whoever sends them."""
        return self.desk.admission.lower_bound(self._lane(model), count)

    async def open(self) -> None:
        """Read the ledger now instead of at the first `acquire`, so that `explain` knows what was spent before.

        Raises:
            RuntimeError: The gate is in use on another live loop.

        Cancellation: safe.
        """
        await self.desk.open(asyncio.get_running_loop())

    async def aclose(self) -> None:
        """One client less; the last one gives back leased quota and closes the ledger. The logs stay.

        Cancellation: the ledger may stay open; closing again is allowed.
        """
        self.users = max(0, self.users - 1)
        if not self.users:
            await self.desk.close()

    def _lane(self, model: str) -> Lane:
        return self.desk.rigging.lane(model)

    def _take_at_once(self, lane: Lane, rank: int) -> Permit | None:
        for log in lane.logs:
            if log.quick <= 0:
                return None
        for place in lane.places:
            if place.free <= 0:
                return None
        self._seq += 1
        permit = Permit(self.desk, lane, rank, self._seq)
        lane.take(permit, 0.0)
        return permit

    def _line_up(
        self,
        model: str,
        rank: int,
        deadline: float | None,
        tokens: tuple[int, int],
        waits: bool,
        front: tuple[int, int] | None,
    ) -> Permit:
        self._seq += 1
        permit = Permit(self.desk, self._lane(model), rank, self._seq if front is None else front[1])
        permit.deadline = None if deadline is None else deadline + self._line.slept
        permit.waits = waits
        permit.granted_at = self._line.now()  # until it is granted: when it came
        permit.tokens_in, permit.tokens_out = tokens
        self._enqueue(permit, front is not None)
        if permit.state == QUEUED and self._queue.waiting == 1:
            self.desk.wake()  # nobody has looked at the clocks since the last one waited: the host may have slept
        return permit

    def _enqueue(self, permit: Permit, returning: bool) -> None:
        self.desk.admission.admit(permit, returning=returning)
        self._queue.enqueue(permit, returning)
        self._queue.run()

    async def _confirm(self, permit: Permit) -> None:
        """Have the ledger reserve what it must know; go back to the queue as long as somebody else was faster."""
        while True:
            try:
                busy = await self.desk.books.reserve(permit)
            except BaseException:
                permit.give_back()
                raise
            if busy is None:
                return
            permit.give_back()
            self.desk.feedback.busy(permit, busy)
            permit.granted_at = self._line.now() - permit.queue_wait
            self._enqueue(permit, True)
            if permit.state == QUEUED:
                try:
                    await permit.future  # type: ignore[misc]  # a queued permit has one
                except BaseException:
                    self._abandon(permit)
                    raise

    def _abandon(self, permit: Permit) -> None:
        """Its task was cancelled, or an error was given to it."""
        future = permit.future
        if future is not None and future.done() and not future.cancelled():
            future.exception()  # looked at: it is raised, or gives way to a cancellation
        if permit.state == QUEUED:
            self._queue.withdraw(permit)
            self._queue.run()
        elif permit.state == GRANTED:
            permit.give_back()
