"""One model's way out: the limits that bind it and the queues in front of them. No event loop, no waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from .eta import grant_at
from .options import GateOptions
from .permit import GRANTED, QUEUED, Permit
from .quota import Allowance
from .shares import NOBODY, Shares
from .slots import Slots
from .smoother import Smoother
from .tokens import TokenLog
from .window import NEVER, RateLog

__all__ = ["BATCH", "Lane"]

BATCH = 2


class Lane:
    """Limits and queues of one model.

    Attributes:
        logs: Limits on requests, its own and the account's, shortest window first.
        token_logs: Limits on tokens.
        places: Concurrency limits.
        waiting: Live waiters per class. The deques may hold withdrawn ones too, until they come to the front.
        smoother: Paces batch; None if there is no window to pace in.
        covered: Whether the ledger must reserve before a request of this model may be sent.
        recorded: Whether the ledger is told about limits it does not reserve.
        watched: Whether answers other than 429s matter: a canary is out, or headers tell the truth.
        cautious_until: Until when a late head counts as a late arrival.
        guessed_at: When an arrival was last assumed for want of evidence.
        served: Counts grants over all lanes, for fairness between models.
    """

    __slots__ = (
        "_options",
        "_queues",
        "allowance",
        "caution",
        "cautious_until",
        "covered",
        "guessed_at",
        "logs",
        "model",
        "place_names",
        "places",
        "quick",
        "recorded",
        "served",
        "shares",
        "smoother",
        "token_logs",
        "waiting",
        "watched",
    )

    def __init__(self, allowance: Allowance, places: tuple[Slots, ...], options: GateOptions) -> None:
        self.model = allowance.model
        self.allowance = allowance
        self.places = places
        self.place_names: tuple[str, ...] = ()
        self.smoother: Smoother | None = None
        self.shares = Shares((0.0, options.default_share, options.batch_share))
        self.waiting = [0, 0, 0]
        self.covered = self.recorded = self.watched = False
        self.caution = 0.0
        self.cautious_until = self.guessed_at = -NEVER
        self.served = 0
        self._options = options
        self._queues: tuple[deque[Permit], ...] = (deque(), deque(), deque())
        self.rig(())

    def rig(self, logs: Sequence[RateLog]) -> None:
        """Bind the lane to these limits. Permits that are out keep the ones they were granted under."""
        ordered = sorted(logs, key=lambda log: log.limit.window)
        self.logs = tuple(log for log in ordered if not isinstance(log, TokenLog))
        self.token_logs = tuple(log for log in ordered if isinstance(log, TokenLog))
        self.quick = not self.token_logs and not self.covered

    # --- the queue -------------------------------------------------------------------------------------------------

    def enqueue(self, permit: Permit, front: bool) -> None:
        """Put a permit at its class's end, or back to the place its `seq` had."""
        queue = self._queues[permit.rank]
        self.waiting[permit.rank] += 1
        if not front or not queue or queue[-1].seq < permit.seq:
            queue.append(permit)
            return
        passed = 0
        while passed < len(queue) and queue[passed].seq < permit.seq:
            passed += 1
        queue.insert(passed, permit)

    def withdraw(self, permit: Permit) -> None:
        """One waiter less. It stays in its deque until it comes to the front, or until most of the deque is dead."""
        rank = permit.rank
        self.waiting[rank] -= 1
        queue = self._queues[rank]
        if len(queue) > 64 and len(queue) > 4 * self.waiting[rank]:
            live = [waiter for waiter in queue if waiter.state == QUEUED]
            queue.clear()
            queue.extend(live)

    def queued(self, rank: int) -> list[Permit]:
        """Live waiters of a class in their order."""
        return [permit for permit in self._queues[rank] if permit.state == QUEUED]

    def head(self, rank: int) -> Permit:
        """The first live waiter of a class that has one."""
        queue = self._queues[rank]
        while queue[0].state != QUEUED:
            queue.popleft()
        return queue[0]

    def turn(self) -> int:
        """The class whose head goes next; `NOBODY` if none waits, or only batch and its pace does not allow it yet."""
        interactive, default, batch = self.waiting
        if batch and (self.smoother is None or self.smoother.ticket):
            return self.shares.turn((interactive, default, batch)) if interactive or default else BATCH
        if interactive:
            return self.shares.turn((interactive, default, 0)) if default else 0
        return 1 if default else NOBODY

    # --- the limits ------------------------------------------------------------------------------------------------

    def ready_at(self, permit: Permit, now: float) -> float:
        """When every limit lets this permit go: `now`, an instant, or `NEVER` (an event must come first)."""
        at = now
        spare = 1 + self._options.headroom if permit.rank == BATCH else 1
        for log in self.logs:
            if log.quick < spare:
                at = max(at, log.ready_at(now, spare))
        for tokens in self.token_logs:
            at = max(at, tokens.ready_at(now, permit.weight(tokens)))
        for place in self.places:
            if place.free <= 0:
                at = max(at, place.ready_at(now))
        return at

    def grant(self, permit: Permit, now: float) -> None:
        """Take everything for the head of a class, at once."""
        rank = permit.rank
        self.take(permit, now)
        queue = self._queues[rank]
        if queue and queue[0] is permit:
            queue.popleft()
        waiting = self.waiting
        self.shares.granted(rank, waiting)
        waiting[rank] -= 1
        if rank == BATCH and self.smoother is not None:
            self.smoother.spend()

    def take(self, permit: Permit, now: float) -> None:
        """Reserve every limit. The caller has seen that all are ready."""
        permit.state = GRANTED
        permit.granted_at = now
        permit.logs, permit.places = self.logs, self.places
        for log in self.logs:
            log.take(now)
        if self.token_logs:
            permit.token_logs = self.token_logs
            permit.weights = tuple(permit.weight(log) for log in self.token_logs)
            for tokens, weight in zip(self.token_logs, permit.weights, strict=True):
                tokens.take(now, weight)
        for place in self.places:
            place.take()

    # --- estimates -------------------------------------------------------------------------------------------------

    def ahead(self, rank: int) -> int:
        """How many waiters of this model are served before a newcomer of class `rank`."""
        return sum(self.waiting[: rank + 1])

    def eta(
        self, now: float, ahead: int, rank: int, batch_ahead: int, permit: Permit | None = None
    ) -> tuple[float, str]:
        """When a waiter with `ahead` before it can go, and the limit that decides."""
        at, limit = now, ""
        if self.logs and (rates := grant_at(self.logs, ahead, now)) > at:
            at, limit = rates, self._decisive(ahead, now)
        for place in self.places:
            if (free := place.wait_for(ahead, now)) > at:
                at, limit = free, "concurrency"
        if rank == BATCH and self.smoother is not None and (paced := self.smoother.eta(batch_ahead, now)) > at:
            at, limit = paced, limit or "pacing of batch"
        return at, limit

    def _decisive(self, ahead: int, now: float) -> str:
        """The limit that alone opens last."""
        return max(self.logs, key=lambda log: grant_at((log,), ahead, now)).limit.type
