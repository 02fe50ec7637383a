"""Long limits in blocks: where a day holds thousands, the ledger is asked once for many.

A block of k is one row, reserved as a whole and open: the ledger renews it while the process lives. Permits take from
it without asking anybody. When all k have left, the row counts from the last of them (a few minutes of a day too long);
on a clean close what was not used is given back; a crash forfeits the rest of one block and never overspends.
"""

from __future__ import annotations

import asyncio

from .ledger import Busy, Ledger, Want
from .options import DEFAULTS
from .timeline import TimeLine

__all__ = ["Lease", "Stock"]


class Lease:
    """One block of a limit: `left` to be taken, `gone` used up, `mark` the latest of them."""

    __slots__ = ("_stock", "gone", "id", "left", "mark", "size")

    def __init__(self, stock: Stock, id: str, size: int) -> None:
        self._stock = stock
        self.id = id
        self.size = self.left = size
        self.gone = 0
        self.mark = 0.0

    def sent(self, mark: float) -> None:
        """One of it left and has arrived by `mark`."""
        self.gone += 1
        if mark > self.mark:
            self.mark = mark
        if self.gone == self.size:
            self._stock.end(self)


class Stock:
    """Blocks of one limit that this gate holds.

    Args:
        key: The limit's name in the ledger.
        ledger: Where blocks come from.
        line: The gate's time.
    """

    __slots__ = ("_asking", "_leases", "_ledger", "_line", "key")

    def __init__(self, key: str, ledger: Ledger, line: TimeLine) -> None:
        self.key = key
        self._ledger = ledger
        self._line = line
        self._leases: list[Lease] = []
        self._asking = asyncio.Lock()

    def take(self) -> Lease | None:
        """One of what is in stock; None if nothing is."""
        for lease in reversed(self._leases):
            if lease.left:
                lease.left -= 1
                return lease
        return None

    async def fetch(self, want: Want) -> Lease | Busy:
        """One, from the ledger if need be. `want` asks for one.

        Cancellation: safe: a block that was granted stays in stock.
        """
        async with self._asking:
            lease = self.take()
            if lease is not None:
                return lease
            found = await self._fetch(want, max(1, want.maximum // int(DEFAULTS["lease_parts"].value)))
            return found if isinstance(found, Lease) else await self._fetch(want, 1)

    async def _fetch(self, want: Want, size: int) -> Lease | Busy:
        id = self._ledger.new_id()
        block = Want(want.limit, size, want.maximum, want.window, want.margin, want.period)
        answer = await self._ledger.reserve(id, (block,))
        if isinstance(answer, Busy):
            return answer
        lease = Lease(self, id, size)
        lease.left -= 1
        self._leases.append(lease)
        return lease

    def rebound(self) -> None:
        """Another event loop."""
        self._asking = asyncio.Lock()

    def close(self) -> None:
        """Give back what was not used."""
        for lease in list(self._leases):
            self.end(lease)

    def end(self, lease: Lease) -> None:
        """A block is used up, or the client closes: what was sent of it counts, the rest comes back."""
        self._leases.remove(lease)
        if not lease.gone:
            self._ledger.refund(lease.id)
            return
        self._ledger.sent(lease.id, self._line.dated(lease.mark))
        # What is out and neither sent nor given back may still be sent: only what lies in stock is returned.
        self._ledger.settle(lease.id, amounts={self.key: lease.size - lease.left})
