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

__all__ = ["Booking", "Lease", "Stock"]


class Booking:
    """What the ledger knows of one permit: a row of its own (`id`), and parts of blocks."""

    __slots__ = ("id", "leases")

    def __init__(self, id: str | None, leases: list[tuple[Stock, Lease]]) -> None:
        self.id = id
        self.leases = leases


class Lease:
    """One block of a limit: `left` to be taken, `sent` used up, `mark` the latest of them."""

    __slots__ = ("id", "left", "mark", "sent", "size")

    def __init__(self, id: str, size: int) -> None:
        self.id = id
        self.size = self.left = size
        self.sent = 0
        self.mark = 0.0


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
        lease = Lease(id, size)
        lease.left -= 1
        self._leases.append(lease)
        return lease

    def sent(self, lease: Lease, mark: float) -> None:
        """One of a block left and has arrived by `mark`."""
        lease.sent += 1
        lease.mark = max(lease.mark, mark)
        if lease.sent == lease.size:
            self._end(lease)

    def put_back(self, lease: Lease) -> None:
        """One of a block was not sent."""
        lease.left += 1

    def rebound(self) -> None:
        """Another event loop."""
        self._asking = asyncio.Lock()

    def close(self) -> None:
        """Give back what was not used."""
        for lease in list(self._leases):
            self._end(lease)

    def _end(self, lease: Lease) -> None:
        self._leases.remove(lease)
        if not lease.sent:
            self._ledger.refund(lease.id)
            return
        self._ledger.sent(lease.id, self._line.dated(lease.mark))
        # What is out and neither sent nor given back may still be sent: only what lies in stock is returned.
        self._ledger.settle(lease.id, amounts={self.key: lease.size - lease.left})
