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
from collections.abc import Coroutine, Mapping
from typing import Any, Final

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

    def acquire(
        self,
        model: str,
        *,
        priority: Priority = "default",
        deadline: float | None = None,
        tokens_in: int = 0,
        tokens_out: int = 0,
        on_exhausted: OnExhausted = "raise",
        front: tuple[int, int] | None = None,
    ) -> Coroutine[Any, Any, Permit]:
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
        # Nothing happens before the coroutine runs. It is made here, with the permit for its only argument, because its
        # frame exists once per waiter: eight arguments there were a tenth of a waiter's memory.
        lane = self._lanes.get(model)
        if lane is None:
            return self._meet(
                model,
                priority=priority,
                deadline=deadline,
                tokens_in=tokens_in,
                tokens_out=tokens_out,
                on_exhausted=on_exhausted,
                front=front,
            )
        permit = Permit(lane, _RANK[priority])
        if deadline is not None:
            permit.deadline = deadline
        if lane.token_logs:
            permit.tokens = (tokens_in, tokens_out)
        permit.waits = on_exhausted == "wait"
        if front is not None:
            permit.seq = front[1]
        return self._pass(permit)

    async def _meet(self, model: str, **terms: Any) -> Permit:
        """`acquire` for a model that has no lane yet."""
        await self.open()
        self._lane(model)
        return await self.acquire(model, **terms)

    async def _pass(self, permit: Permit) -> Permit:
        """`acquire`, begun."""
        if self._at_once(permit):
            return permit
        if not self.desk.books.opened or self._line.loop is not asyncio.get_running_loop():
            await self.open()
        self._line_up(permit)
        if permit.state == QUEUED:
            try:
                await permit.future  # type: ignore[misc]  # a queued permit has one
            except BaseException:
                self.desk.abandon(permit)
                raise
        if permit.lane.covered:
            await self.desk.confirm(permit)
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

    def idle(self, model: str) -> bool:
        """Whether quota goes unused for want of calls. False where no limit on requests is known: nothing to fill."""
        return self.desk.admission.idle(self._lane(model))

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

    def _at_once(self, permit: Permit) -> bool:
        """Grant it if nothing but counting has to be done for that."""
        lane = permit.lane
        if self._queue.waiting or not lane.quick or self._line.loop is not asyncio.get_running_loop():
            return False
        if permit.deadline is not None and permit.deadline < self.clock.now():
            return False
        smoother, spare = (lane.smoother, lane.spare) if permit.rank == BATCH else (None, 1)
        for log in lane.logs:
            if log.quick < spare:
                return False
        for place in lane.places:
            if place.free <= 0:
                return False
        if smoother is not None and not smoother.at_once():
            return False
        if lane.covered and not self.desk.books.at_once(permit):
            if smoother is not None:
                smoother.refund()
            return False
        if not permit.seq:
            self._seq = permit.seq = self._seq + 1
        permit.state = GRANTED
        permit.rig = lane.rig
        for log in lane.logs:
            log.held += 1
            log.quick -= 1
        for place in lane.places:
            place.take()
        return True

    def _line_up(self, permit: Permit) -> None:
        returning = permit.seq > 0
        if not returning:
            self._seq = permit.seq = self._seq + 1
        if permit.deadline is not None and self._line.slept:
            permit.deadline += self._line.slept
        permit.granted_at = self._line.now()  # until it is granted: when it came
        self.desk.enqueue(permit, returning)
        if permit.state == QUEUED and self._queue.waiting == 1:
            self.desk.wake()  # nobody has looked at the clocks since the last one waited: the host may have slept
