"""The gate's side of the ledger: what must be reserved before sending, and what is noted afterwards.

The line's instants become wall times here and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from .anchored import AnchoredLog
from .leases import Lease, Stock
from .ledger import Block, Busy, Learned, Ledger, Opened, SlotWant, Want
from .ledger.memory import LONG_WINDOW
from .permit import Permit
from .rig import Rig
from .sharing import closed
from .timeline import TimeLine
from .window import NEVER, RateLog

__all__ = ["Books"]

GATHER = 0.02
"""Real seconds for which notes of short windows are gathered: an answer takes longer than that to come back."""


class Books:
    """One gate's dealings with its ledger.

    Args:
        ledger: Not opened yet.
        line: The gate's time.
        lease_from: Amount from which a limit is taken from the ledger in blocks.
    """

    def __init__(self, ledger: Ledger, line: TimeLine, *, lease_from: int) -> None:
        self.ledger = ledger
        self.opened = False
        self.where = ""
        self._line = line
        self._lease_from = lease_from
        self._stocks: dict[str, Stock] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._unnoted: list[Rig] = []
        self._noted_at = -NEVER

    async def open(self) -> Opened:
        """Open the ledger; what it knows."""
        contents = await self.ledger.open()
        self._stocks = {}
        self._turns = {}
        self.opened = True
        self.where = contents.where
        return contents

    def records(self) -> bool:
        """Whether noting what need not be reserved is worth it: only if it outlives the process."""
        return self.opened and self.where != "memory"

    def at_once(self, permit: Permit) -> bool:
        """Take what the ledger must know from blocks in stock; False, and nothing taken, if it has to be asked."""
        taken: list[Lease] = []
        for log in permit.lane.rig.covered:
            stock = self._stocks.get(log.limit.key)
            lease = stock.take() if stock is not None and log.cap >= self._lease_from else None
            if lease is None:
                _put_back(taken)
                return False
            taken.append(lease)
        permit.leases = taken
        return True

    async def reserve(self, permit: Permit) -> Busy | None:
        """Have the ledger take what it covers; None when it did.

        Cancellation: safe: what was taken is given back, here or by the ledger.
        """
        if not self.ledger.shared:
            return await self._book(permit)
        turn = self._turns.get(permit.lane.model)
        if turn is None:
            turn = self._turns[permit.lane.model] = asyncio.Lock()
        async with turn:
            return closed(permit.lane, self._line) or await self._book(permit)

    async def _book(self, permit: Permit) -> Busy | None:
        ledger, wants = self.ledger, []
        taken: list[Lease] = []
        try:
            for want in self._wants(permit, covered=True):
                if want.maximum < self._lease_from or want.amount != 1 or ledger.shared:
                    wants.append(want)
                    continue
                stock = self._stock(want.limit)
                lease = stock.take() or await stock.fetch(want)
                if isinstance(lease, Busy):
                    _put_back(taken)
                    return lease
                taken.append(lease)
            answer = await self._reserve(permit, wants)
        except BaseException:
            _put_back(taken)
            raise
        if isinstance(answer, Busy):
            _put_back(taken)
            return answer
        permit.row, permit.leases = answer, taken
        return None

    def sent(self, permit: Permit) -> None:
        """It left: its windows count from its mark."""
        id, rig, mark = permit.row, permit.rig, permit.mark
        for lease in permit.leases:
            lease.sent(mark)
        if id is None and not rig.token_logs:
            if permit.lane.recorded:
                if not rig.unnoted:
                    self._note_soon(rig)
                rig.unnoted += 1
                if mark > self._noted_at:
                    self._noted_at = mark
            return
        ledger, at = self.ledger, self._line.dated(mark)
        if id is not None:
            ledger.sent(id, at)
        if permit.lane.recorded and (wants := self._wants(permit, covered=False)):
            ledger.record(id or ledger.new_id(), wants, at=at)

    def _note_soon(self, rig: Rig) -> None:
        """Tell the ledger soon: requests with no row of their own share one per limit and `GATHER`, as of the last."""
        if not self._unnoted and self._line.loop is not None:
            self._line.loop.call_later(GATHER, self._write_notes)
        self._unnoted.append(rig)

    def _write_notes(self) -> None:
        rigs, self._unnoted = self._unnoted, []
        amounts: dict[RateLog, int] = {}
        for rig in rigs:
            for log in rig.noted:
                amounts[log] = amounts.get(log, 0) + rig.unnoted
            rig.unnoted = 0
        if amounts and self.opened:
            wants = [self._want(log, amount) for log, amount in amounts.items()]
            self.ledger.record(self.ledger.new_id(), wants, at=self._line.dated(self._noted_at))

    def moved(self, permit: Permit) -> None:
        """It arrived later than was thought: others must know before it is over."""
        if permit.row is not None:
            self.ledger.sent(permit.row, self._line.dated(permit.mark))

    def settled(self, permit: Permit, until: float | None) -> None:
        """It ended; its slots are free at the instant `until`, or now."""
        id, ledger = permit.row, self.ledger
        if id is None:
            return
        weighed = zip(permit.rig.token_logs, permit.weights, strict=True)
        amounts = {log.limit.key: weight for log, weight in weighed if ledger.covers(log.window)}
        # Short windows are shared too: there better evidence is worth a write. Elsewhere only worse is.
        if ledger.shared or permit.mark > permit.sent_at + permit.lane.desk.travel:
            ledger.sent(id, self._line.dated(permit.mark))
        wall = None if until is None else self._line.dated(until)
        ledger.settle(id, amounts=amounts or None, slots_until=wall)

    def refunded(self, permit: Permit) -> None:
        """It was never sent."""
        id, leases = permit.row, permit.leases
        permit.row, permit.leases = None, ()
        if id is not None:
            self.ledger.refund(id)
        _put_back(leases)

    def block(self, key: str, until: float, reason: str) -> None:
        """Keep the next process from a limit too."""
        self.ledger.block(Block(key, self._line.wall_of(until), reason))

    def learn(self, key: str, amount: int, window: float, model: str = "safe") -> Learned:
        """Remember a lesson for the next process."""
        lesson = Learned(key, amount, window, self._line.clock.wall(), model)
        self.ledger.learn(lesson)
        return lesson

    def rebound(self) -> None:
        """Another event loop: whoever was asking is gone, and locks belong to a loop."""
        self._write_notes()
        self._turns = {}
        for stock in self._stocks.values():
            stock.rebound()

    async def close(self) -> None:
        """Give back what was leased and not used, flush, let go."""
        if self.opened:
            self._write_notes()
            for stock in self._stocks.values():
                stock.close()
            self.opened = False
            await self.ledger.aclose()

    def _stock(self, key: str) -> Stock:
        stock = self._stocks.get(key)
        if stock is None:
            stock = self._stocks[key] = Stock(key, self.ledger, self._line)
        return stock

    async def _reserve(self, permit: Permit, wants: list[Want]) -> Busy | str | None:
        """A row of the permit's own; its id, or None if nothing needs one."""
        ledger, slots = self.ledger, []
        if ledger.shared:
            named = zip(permit.lane.place_names, permit.rig.places, strict=True)
            slots = [SlotWant(name, place.cap) for name, place in named if place.cap is not None]
        if not wants and not slots:
            return None
        id = ledger.new_id()
        answer = await ledger.reserve(id, wants, slots)
        return answer if isinstance(answer, Busy) else id

    def _wants(self, permit: Permit, *, covered: bool) -> list[Want]:
        covers, rig = self.ledger.covers, permit.rig
        wants = [self._want(log, 1) for log in (rig.covered if covered else rig.noted)]
        weighed = zip(rig.token_logs, permit.weights, strict=True)
        return wants + [self._want(log, weight) for log, weight in weighed if covers(log.window) == covered]

    def _want(self, log: RateLog, amount: int) -> Want:
        period = None
        if isinstance(log, AnchoredLog):
            start, end = log.day(self._line.now())
            period = (self._line.wall_of(start), self._line.wall_of(end))
        margin = max(0.0, log.slack - log.travel) if log.window >= LONG_WINDOW else log.slack
        return Want(log.limit.key, min(amount, log.cap), log.cap, log.window, margin, period)


def _put_back(taken: Sequence[Lease]) -> None:
    """They were not sent."""
    for lease in taken:
        lease.left += 1
