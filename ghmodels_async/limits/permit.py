"""One request's right to be sent, from its place in the queue to the last byte of its reply.

A permit is first a place in a queue, then a reservation of every limit at once, then evidence about when the request
arrived, and is settled exactly once:

    outcome      rate limits                          slot
    COMPLETED    spent                                free
    FAILED       spent (an error other than 429)      free
    REJECTED     spent (some servers count refusals)  free
    NOT_SENT     given back                           free
    UNKNOWN      spent, may have arrived until now    free after a linger: the server may still be working
    ABANDONED    likewise                             free after a linger
Before `sent` was called NOT_SENT, UNKNOWN and ABANDONED all give everything back; after it nothing is given back.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .evidence import latest_arrival
from .rig import Rig
from .tokens import TokenLog
from .window import RateLog

if TYPE_CHECKING:
    from .lane import Lane
    from .leases import Lease

__all__ = ["ANSWERED", "DONE", "GRANTED", "QUEUED", "SENT", "Outcome", "Permit"]

QUEUED, GRANTED, SENT, ANSWERED, DONE = 0, 1, 2, 3, 4

_NO_TOKENS = (0, 0)
NOTHING = Rig()
"""What a waiter holds."""


class Outcome(enum.Enum):
    """How a permit ended; the module's table says what each means for the limits."""

    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    ABANDONED = "abandoned"


_COMPLETED, _NOT_SENT, _UNKNOWN, _ABANDONED = Outcome.COMPLETED, Outcome.NOT_SENT, Outcome.UNKNOWN, Outcome.ABANDONED


class Permit:
    """The right to send one request. Made by `Gate.acquire`.

    Attributes:
        model: The model it is for.
        position: Pass it as `front=` to get this place in the queue back after a 429.
        queue_wait: Nominal seconds it waited for its turn.
        row: What the ledger reserved for it alone; None if nothing.
        leases: The blocks of the ledger's that it took one of each from.
    """

    __slots__ = (
        "deadline",
        "future",
        "granted_at",
        "lane",
        "leases",
        "mark",
        "queue_wait",
        "rank",
        "rig",
        "row",
        "sent_at",
        "seq",
        "state",
        "tokens",
        "waits",
    )

    def __init__(self, lane: Lane, rank: int) -> None:
        # Few slots, and nothing in them before it is needed: a waiter costs memory a hundred thousand times.
        self.lane = lane
        self.rank = rank
        self.seq = 0
        self.state = QUEUED
        self.rig = NOTHING
        self.row: str | None = None
        self.leases: Sequence[Lease] = ()
        self.tokens = _NO_TOKENS
        self.deadline: float | None = None
        self.waits = False
        self.future: asyncio.Future[None] | None = None
        self.granted_at = self.queue_wait = self.mark = self.sent_at = 0.0

    @property
    def model(self) -> str:
        return self.lane.model

    @property
    def position(self) -> tuple[int, int]:
        """Class and place in the queue."""
        return self.rank, self.seq

    def __repr__(self) -> str:
        return f"<Permit {self.model} {('queued', 'granted', 'sent', 'answered', 'settled')[self.state]}>"

    def sent(self, at: float) -> None:
        """The request's first bytes leave now. From here on nothing is refunded.

        Args:
            at: Nominal monotonic seconds (`Clock.now`).
        """
        lane, rig = self.lane, self.rig
        desk = lane.desk
        if self.state != GRANTED or rig.epoch != desk.epoch:
            return
        self.state = SENT
        at += desk.line.slept
        self.sent_at = at
        self.mark = mark = at + desk.travel
        for log in rig.logs:
            log.sent(mark)
        if rig.token_logs:
            for tokens, weight in zip(rig.token_logs, self.weights, strict=True):
                tokens.sent(mark, weight)
        if lane.covered or lane.recorded:
            desk.books.sent(self)

    def answered(self, at: float, status: int, headers: Mapping[str, str]) -> None:
        """The head of the answer arrived: evidence of when the request did.

        Args:
            at: Nominal monotonic seconds.
            status: HTTP status.
            headers: Lower-case names.
        """
        if self.state == GRANTED:
            self.sent(at)
        if self.state != SENT:
            return
        lane = self.lane
        desk = lane.desk
        at += desk.line.slept
        self.state = ANSWERED
        arrival = at
        if at > self.mark:
            cautious = lane.cautious_until > at
            arrival = latest_arrival(self.sent_at, at, status, headers, travel=desk.travel, cautious=cautious)
            if arrival == self.mark:
                lane.guessed_at = at
        if arrival != self.mark:
            road = lane.road
            self._move(arrival if road is None else road.mark_of(self.sent_at, arrival, lane.cautious_until))
        if lane.watched:
            desk.answered(self, at, status, headers)

    def settle(
        self,
        outcome: Outcome,
        *,
        at: float,
        usage_tokens_in: int | None = None,
        usage_tokens_out: int | None = None,
    ) -> None:
        """The request is over. Synchronous; only the first call counts.

        Args:
            outcome: How it ended.
            at: Nominal monotonic seconds.
            usage_tokens_in: Prompt tokens the server counted; None if unknown, then the estimate stays.
            usage_tokens_out: Completion tokens the server counted.
        """
        if self.state == DONE or self.state == QUEUED:
            return
        rig, desk = self.rig, self.lane.desk
        if rig.epoch != desk.epoch:  # its loop is gone, and the gate has counted it as sent then
            self.state = DONE
            return
        # Without a head nobody knows after these two when the request arrived, if at all. An answer, on the other
        # hand, proves that it was sent, whatever the transport told.
        unsure = outcome is _UNKNOWN or outcome is _ABANDONED
        answered = not unsure and outcome is not _NOT_SENT
        if self.state == GRANTED:
            if not answered:
                self.give_back()
                return
            self.sent(at)
        at += desk.line.slept
        if self.state == SENT and unsure:
            self._move(max(self.mark, at))
        self.state = DONE
        if rig.token_logs and usage_tokens_in is not None:
            self._amend(usage_tokens_in, usage_tokens_out or 0)
        until = None if answered else at + desk.options.linger
        for place in rig.places:
            if outcome is _COMPLETED:
                place.completed(at - self.sent_at)
            place.give_back(until)
        desk.settled(self, until)

    def weight(self, log: TokenLog) -> int:
        """What this request weighs in a limit on tokens."""
        prompt, reply = self.tokens
        return max(1, prompt if log.limit.unit == "input_tokens" else prompt + reply)

    @property
    def weights(self) -> tuple[int, ...]:
        """What this request weighs in each limit on tokens that it was granted under."""
        return tuple(self.weight(log) for log in self.rig.token_logs)

    def weight_in(self, log: RateLog) -> int:
        """What this permit took of a limit; 0 if it was granted without it."""
        if log in self.rig.logs:
            return 1
        weighed = zip(self.rig.token_logs, self.weights, strict=True)
        return next((weight for own, weight in weighed if own is log), 0)

    def give_back(self) -> None:
        """Nothing was sent: every limit as if this permit had never been."""
        self.state = DONE
        rig, desk = self.rig, self.lane.desk
        if rig.epoch != desk.epoch:
            return
        for log in rig.logs:
            log.refund()
        for tokens, weight in zip(rig.token_logs, self.weights, strict=True):
            tokens.refund(weight)
        for place in rig.places:
            place.give_back()
        desk.refunded(self)

    def _move(self, arrival: float) -> None:
        old, self.mark = self.mark, arrival
        rig = self.rig
        for log in rig.logs:
            log.move(old, arrival)
        if rig.token_logs:
            for tokens, weight in zip(rig.token_logs, self.weights, strict=True):
                tokens.move(old, arrival, weight)
        if arrival > old and self.row is not None:
            self.lane.desk.books.moved(self)

    def _amend(self, tokens_in: int, tokens_out: int) -> None:
        before, self.tokens = self.weights, (tokens_in, tokens_out)
        for log, old, new in zip(self.rig.token_logs, before, self.weights, strict=True):
            log.amend(self.mark, old, new)
