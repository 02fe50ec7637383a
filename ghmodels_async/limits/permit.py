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
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .evidence import latest_arrival
from .slots import Slots
from .tokens import TokenLog
from .window import RateLog

if TYPE_CHECKING:
    from .desk import Desk
    from .lane import Lane
    from .leases import Lease, Stock

__all__ = ["DONE", "GRANTED", "QUEUED", "SENT", "Outcome", "Permit"]

QUEUED, GRANTED, SENT, DONE = 0, 1, 2, 3


class Outcome(enum.Enum):
    """How a permit ended; the module's table says what each means for the limits."""

    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    ABANDONED = "abandoned"


#: Outcomes that prove an answer came, so that the request was sent whatever the transport told.
_ANSWERED = frozenset((Outcome.COMPLETED, Outcome.FAILED, Outcome.REJECTED))

#: Outcomes after which, without a head, nobody knows when the request arrived, if at all.
_UNSURE = frozenset((Outcome.UNKNOWN, Outcome.ABANDONED))


class Permit:
    """The right to send one request. Made by `Gate.acquire`.

    Attributes:
        model: The model it is for.
        position: Pass it as `front=` to get this place in the queue back after a 429.
        queue_wait: Nominal seconds it waited for its turn.
    """

    __slots__ = (
        "answered_at",
        "deadline",
        "desk",
        "epoch",
        "future",
        "granted_at",
        "lane",
        "leases",
        "ledger_id",
        "logs",
        "mark",
        "places",
        "queue_wait",
        "rank",
        "sent_at",
        "seq",
        "state",
        "token_logs",
        "tokens_in",
        "tokens_out",
        "waits",
        "weights",
    )

    def __init__(self, desk: Desk, lane: Lane, rank: int, seq: int) -> None:
        self.desk = desk
        self.lane = lane
        self.rank = rank
        self.seq = seq
        self.state = QUEUED
        self.mark = 0.0
        self.queue_wait = 0.0
        self.epoch = desk.epoch
        self.ledger_id: str | None = None
        self.leases: tuple[tuple[Stock, Lease], ...] = ()
        # The rest is set by whoever needs it: a waiter costs memory a hundred thousand times.
        self.logs: tuple[RateLog, ...] = ()
        self.token_logs: tuple[TokenLog, ...] = ()
        self.weights: tuple[int, ...] = ()
        self.places: tuple[Slots, ...] = ()
        self.tokens_in = self.tokens_out = 0
        self.deadline: float | None = None
        self.waits = False
        self.future: asyncio.Future[None] | None = None
        self.granted_at = self.sent_at = self.answered_at = 0.0

    @property
    def model(self) -> str:
        return self.lane.model

    @property
    def position(self) -> tuple[int, int]:
        """Class and place in the queue."""
        return self.rank, self.seq

    def __repr__(self) -> str:
        return f"<Permit {self.model} {('queued', 'granted', 'sent', 'settled')[self.state]}>"

    def sent(self, at: float) -> None:
        """The request's first bytes leave now. From here on nothing is refunded.

        Args:
            at: Nominal monotonic seconds (`Clock.now`).
        """
        if self.state != GRANTED or self.epoch != self.desk.epoch:
            return
        self.state = SENT
        at += self.desk.line.slept
        self.sent_at = at
        self.mark = mark = at + self.desk.travel
        for log in self.logs:
            log.sent(mark)
        for tokens, weight in zip(self.token_logs, self.weights, strict=True):
            tokens.sent(mark, weight)
        if self.lane.covered or self.lane.recorded:
            self.desk.sent(self)

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
        at += self.desk.line.slept
        self.answered_at = at
        lane = self.lane
        arrival = latest_arrival(
            self.sent_at, at, status, headers, travel=self.desk.travel, cautious=lane.cautious_until > at
        )
        if arrival == self.mark and arrival < at:
            lane.guessed_at = at
        self._move(arrival)
        if lane.watched:
            self.desk.answered(self, at, status, headers)

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
        if self.epoch != self.desk.epoch:  # its loop is gone, and the gate has counted it as sent then
            self.state = DONE
            return
        if self.state == GRANTED:
            if outcome not in _ANSWERED:
                self.give_back()
                return
            self.sent(at)
        at += self.desk.line.slept
        self.state = DONE
        if not self.answered_at and outcome in _UNSURE:
            self._move(max(self.mark, at))
        if self.token_logs and usage_tokens_in is not None:
            self._amend(usage_tokens_in, usage_tokens_out or 0)
        until = None if outcome in _ANSWERED else at + self.desk.options.linger
        for place in self.places:
            if outcome is Outcome.COMPLETED:
                place.completed(at - self.sent_at)
            place.give_back(until)
        self.desk.settled(self, until)

    def weight(self, log: TokenLog) -> int:
        """What this request weighs in a limit on tokens."""
        own = self.tokens_in if log.limit.unit == "input_tokens" else self.tokens_in + self.tokens_out
        return max(1, own)

    def weight_in(self, log: RateLog) -> int:
        """What this permit took of a limit; 0 if it was granted without it."""
        if log in self.logs:
            return 1
        return next((weight for own, weight in zip(self.token_logs, self.weights, strict=True) if own is log), 0)

    def give_back(self) -> None:
        """Nothing was sent: every limit as if this permit had never been."""
        self.state = DONE
        if self.epoch != self.desk.epoch:
            return
        for log in self.logs:
            log.refund()
        for tokens, weight in zip(self.token_logs, self.weights, strict=True):
            tokens.refund(weight)
        for place in self.places:
            place.give_back()
        self.desk.refunded(self)

    def _move(self, arrival: float) -> None:
        if arrival == self.mark:
            return
        old, self.mark = self.mark, arrival
        for log in self.logs:
            log.move(old, arrival)
        for tokens, weight in zip(self.token_logs, self.weights, strict=True):
            tokens.move(old, arrival, weight)

    def _amend(self, tokens_in: int, tokens_out: int) -> None:
        self.tokens_in, self.tokens_out = tokens_in, tokens_out
        weights = tuple(self.weight(log) for log in self.token_logs)
        for log, old, new in zip(self.token_logs, self.weights, weights, strict=True):
            log.amend(self.mark, old, new)
        self.weights = weights
