"""One model's way out: the limits that bind it and the queues in front of them. No event loop, no waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .eta import grant_at
from .permit import GRANTED, QUEUED, Permit
from .quota import Allowance
from .rig import Rig
from .road import SHORT, Road
from .shares import NOBODY, Shares
from .slots import Slots
from .smoother import Smoother
from .tokens import TokenLog
from .window import NEVER, RateLog

if TYPE_CHECKING:
    from .desk import Desk

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
        spare: How many places of a window must be free for a batch call to go.
        covered: Whether the ledger must reserve before a request of this model may be sent.
        recorded: Whether the ledger is told about limits it does not reserve.
        watched: Whether answers other than 429s matter: a canary is out, or headers tell the truth.
        cautious_until: Until when a late head counts as a late arrival.
        guessed_at: When an arrival was last assumed for want of evidence.
        road: What is known of the way to the server; None where no window is so short that it matters.
        served: Counts grants over all lanes, for fairness between models.
    """

    __slots__ = (
        "_load", "_queues", "allowance", "caution", "cautious_until", "covered", "desk", "guessed_at", "logs", "model",
        "place_names", "places", "quick", "recorded", "rig", "road", "served", "shares", "smoother", "spare",
        "token_logs", "waiting", "watched",
    )  # fmt: skip

    def __init__(self, desk: Desk, allowance: Allowance, places: tuple[Slots, ...]) -> None:
        options = desk.options
        self.desk = desk
        self.model = allowance.model
        self.allowance = allowance
        self.places = places
        self.place_names: tuple[str, ...] = ()
        self.smoother: Smoother | None = None
        self.shares = Shares((0.0, options.default_share, options.batch_share))
        self.waiting = [0, 0, 0]
        self._load = ([0, 0, 0], [0, 0, 0])  # prompt and reply tokens of the waiters, per class
        self.covered = self.recorded = self.watched = False
        self.caution = 0.0
        self.cautious_until = self.guessed_at = -NEVER
        self.served = 0
        self.spare = 1 + options.headroom
        self._queues: tuple[deque[Permit], ...] = (deque(), deque(), deque())
        self.road: Road | None = None
        self.hang(())

    def hang(self, logs: Sequence[RateLog]) -> None:
        """Bind the lane to these limits. Permits that are out keep the ones they were granted under."""
        ordered = sorted(logs, key=lambda log: log.limit.window)
        self.logs = tuple(log for log in ordered if not isinstance(log, TokenLog))
        self.token_logs = tuple(log for log in ordered if isinstance(log, TokenLog))
        ledger = self.desk.books.ledger
        self.quick = not self.token_logs and not (self.covered and ledger.shared)
        self.road = (self.road or Road()) if self.logs and self.logs[0].window < SHORT else None
        self.rig = Rig(self.logs, self.token_logs, self.places, self.desk.epoch, ledger.covers)

    def allow(self, allowance: Allowance) -> None:
        """Go on under other sizes and other numbers in flight."""
        self.allowance = allowance
        for name, place in zip(self.place_names, self.places, strict=True):
            ceiling = allowance.concurrent if name.startswith(self.model) else allowance.account_concurrent
            if ceiling is not None and ceiling != place.ceiling:
                place.restrict(ceiling)

    # --- the queue -------------------------------------------------------------------------------------------------

    def enqueue(self, permit: Permit, front: bool) -> None:
        """Put a permit at its class's end, or back to the place its `seq` had."""
        queue = self._queues[permit.rank]
        self.waiting[permit.rank] += 1
        if self.token_logs:
            self._burden(permit, 1)
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
        if self.token_logs:
            self._burden(permit, -1)
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
        if interactive or default:  # batch is paced to leave gaps for others; while they wait, its share is its pace
            return self.shares.turn(self.waiting) if batch or (interactive and default) else 0 if interactive else 1
        return BATCH if batch and (self.smoother is None or self.smoother.ticket) else NOBODY

    # --- the limits ------------------------------------------------------------------------------------------------

    def ready_at(self, permit: Permit, now: float) -> float:
        """When every limit lets this permit go: `now`, an instant, or `NEVER` (an event must come first)."""
        at = now
        spare = self.spare if permit.rank == BATCH else 1
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
        if self.token_logs:
            self._burden(permit, -1)
        if rank == BATCH and self.smoother is not None:
            self.smoother.spend()

    def take(self, permit: Permit, now: float) -> None:
        """Reserve every limit. The caller has seen that all are ready."""
        permit.state = GRANTED
        permit.granted_at = now
        permit.rig = self.rig
        for log in self.logs:
            log.take(now)
        if self.token_logs:
            for tokens, weight in zip(self.token_logs, permit.weights, strict=True):
                tokens.take(now, weight)
        for place in self.places:
            place.take()

    def guesses(self, since: float) -> bool:
        """Whether an arrival, or the way of a request, was assumed after `since`."""
        return self.guessed_at >= since or (self.road is not None and self.cautious_until < since)

    # --- estimates -------------------------------------------------------------------------------------------------

    def ahead(self, rank: int) -> int:
        """How many waiters of this model are served before a newcomer of class `rank`."""
        return sum(self.waiting[: rank + 1])

    def eta(self, now: float, ahead: int, rank: int, batch_ahead: int, permit: Permit | None = None) -> float:
        """When a waiter with `ahead` before it can go. `permit` tells its weight, if limits on tokens matter."""
        at = grant_at(self.logs, ahead, now)
        for tokens in self.token_logs:
            at = max(at, grant_at((tokens,), self._tokens_ahead(tokens, rank, ahead, permit), now))
        for place in self.places:
            if place.free <= ahead:
                at = max(at, place.wait_for(ahead, now))
        if rank == BATCH and self.smoother is not None:
            at = max(at, self.smoother.eta(batch_ahead, now))
        return at

    def decisive(self, now: float, ahead: int, rank: int, batch_ahead: int, permit: Permit | None = None) -> str:
        """The name of the limit that alone would open last."""
        latest, name = now, ""
        for log in self.logs:
            if (at := grant_at((log,), ahead, now)) > latest:
                latest, name = at, log.limit.type
        for tokens in self.token_logs:
            if (at := grant_at((tokens,), self._tokens_ahead(tokens, rank, ahead, permit), now)) > latest:
                latest, name = at, tokens.limit.type
        for place in self.places:
            if place.free <= ahead and (at := place.wait_for(ahead, now)) > latest:
                latest, name = at, "concurrency"
        if rank == BATCH and self.smoother is not None and self.smoother.eta(batch_ahead, now) > latest:
            name = "pacing of batch"
        return name

    def _tokens_ahead(self, log: TokenLog, rank: int, ahead: int, permit: Permit | None) -> int:
        """How many tokens are before the last one of `permit` (or of a small request): `ahead` average waiters' worth.

        For a newcomer that is exact; for one in the middle of the queue it is an estimate.
        """
        waiters = sum(self.waiting[: rank + 1])
        prompts, replies = (sum(load[: rank + 1]) for load in self._load)
        burden = prompts if log.limit.unit == "input_tokens" else prompts + replies
        before = burden * ahead // waiters if waiters else 0
        return before + (permit.weight(log) if permit is not None else 1) - 1

    def _burden(self, permit: Permit, sign: int) -> None:
        """One waiter more or less: its tokens too."""
        for load, tokens in zip(self._load, permit.tokens, strict=True):
            load[permit.rank] += sign * tokens
