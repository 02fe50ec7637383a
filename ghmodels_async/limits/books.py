"""The gate's side of the ledger: what must be reserved before sending, and what is noted afterwards.

The line's instants become wall times here and nowhere else.
"""

from __future__ import annotations

from .ledger import Block, Busy, Learned, Ledger, Opened, SlotWant, Want
from .permit import Permit
from .timeline import TimeLine
from .tokens import TokenLog
from .window import AnchoredLog, RateLog

__all__ = ["Books"]


class Books:
    """One gate's dealings with its ledger."""

    def __init__(self, ledger: Ledger, line: TimeLine) -> None:
        self.ledger = ledger
        self._line = line
        self.opened = False
        self.where = ""
        self._notes: set[str] = set()

    async def open(self) -> Opened:
        """Open the ledger; what it knows."""
        contents = await self.ledger.open()
        self.opened = True
        self.where = contents.where
        return contents

    def records(self) -> bool:
        """Whether noting what need not be reserved is worth it: only if it outlives the process."""
        return self.opened and self.where != "memory"

    async def reserve(self, permit: Permit) -> Busy | None:
        """Have the ledger take what it covers; None when it did.

        Cancellation: safe: what was taken is given back by the ledger.
        """
        ledger = self.ledger
        wants = [self._want(log, 1) for log in permit.logs if ledger.covers(log.window)]
        wants += [
            self._want(log, weight)
            for log, weight in zip(permit.token_logs, permit.weights, strict=True)
            if ledger.covers(log.window)
        ]
        slots = []
        if ledger.shared:
            slots = [
                SlotWant(name, place.cap)
                for name, place in zip(permit.lane.place_names, permit.places, strict=True)
                if place.cap is not None
            ]
        id = ledger.new_id()
        answer = await ledger.reserve(id, wants, slots)
        if isinstance(answer, Busy):
            return answer
        permit.ledger_id = id
        return None

    def sent(self, permit: Permit) -> None:
        """It left: its windows count from its mark."""
        ledger, at = self.ledger, self._line.dated(permit.mark)
        if permit.ledger_id is not None:
            ledger.sent(permit.ledger_id, at)
        if permit.lane.recorded:
            wants = [self._want(log, 1) for log in permit.logs if not ledger.covers(log.window)]
            wants += [
                self._want(log, weight)
                for log, weight in zip(permit.token_logs, permit.weights, strict=True)
                if not ledger.covers(log.window)
            ]
            if wants:
                ledger.record(permit.ledger_id or ledger.new_id(), wants, at=at)

    def settled(self, permit: Permit, until: float | None) -> None:
        """It ended; its slots are free at the instant `until`, or now."""
        if permit.ledger_id is None:
            return
        ledger = self.ledger
        amounts = {
            log.limit.key: weight
            for log, weight in zip(permit.token_logs, permit.weights, strict=True)
            if ledger.covers(log.window)
        }
        if ledger.shared:
            ledger.sent(permit.ledger_id, self._line.dated(permit.mark))
        wall = None if until is None else self._line.dated(until)
        ledger.settle(permit.ledger_id, amounts=amounts or None, slots_until=wall)

    def refunded(self, permit: Permit) -> None:
        """It was never sent."""
        if permit.ledger_id is not None:
            self.ledger.refund(permit.ledger_id)
            permit.ledger_id = None

    def block(self, key: str, until: float, reason: str) -> None:
        """Keep the next process from a limit too."""
        self.ledger.block(Block(key, self._line.wall_of(until), reason))

    def learn(self, key: str, amount: int, window: float, model: str = "safe") -> Learned:
        """Remember a lesson for the next process."""
        lesson = Learned(key, amount, window, self._line.clock.wall(), model)
        self.ledger.learn(lesson)
        return lesson

    async def close(self) -> None:
        """Flush and let go."""
        if self.opened:
            self.opened = False
            await self.ledger.aclose()

    def _want(self, log: RateLog, amount: int) -> Want:
        period = None
        if isinstance(log, AnchoredLog):
            start, end = log.day(self._line.now())
            period = (self._line.wall_of(start), self._line.wall_of(end))
        own = min(amount, log.cap) if isinstance(log, TokenLog) else amount
        return Want(log.limit.key, own, log.cap, log.window, log.slack, period)
