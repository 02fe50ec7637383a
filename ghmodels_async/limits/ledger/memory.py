"""A ledger that lives as long as its process.

It keeps the same laws as the file-backed one, so a gate need not know which it has. Two gates of one process may be
given the same object, one after the other or (`shared=True`) at once.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable, Mapping, Sequence

from ...clock import Clock
from .book import Book
from .port import Block, Busy, Learned, Opened, Reserved, SlotWant, Want
from .timebase import Reading, clock_reader

__all__ = ["LEASE", "LONG_WINDOW", "MemoryLedger"]

LONG_WINDOW = 3600.0
"""Windows of at least this many seconds are reserved by a private ledger: they outlive a process."""

LEASE = 30.0
"""Seconds after which a dead process's leases end: two renewals, every 10 s, may be late or lost."""


class MemoryLedger:
    """`Ledger` over a `Book`. Nothing here ever suspends.

    Args:
        clock: Where wall time comes from.
        shared: Let several gates reserve every limit and lease slots here.
        lease: Nominal seconds a lease lasts without renewal.
        book: Share this book with another ledger object, as two processes share a file.
        read: Replaces both clocks, in tests.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        shared: bool = False,
        lease: float = LEASE,
        book: Book | None = None,
        read: Callable[[], Reading] | None = None,
    ) -> None:
        self._clock = clock or Clock()
        self._read = read
        self._shared = shared
        self.lease = lease
        self._book = Book() if book is None else book
        self._holder = secrets.token_hex(6)
        self._ids = (f"{self._holder}-{n:x}" for n in itertools.count(1))

    @property
    def shared(self) -> bool:
        return self._shared

    def covers(self, window: float) -> bool:
        return self._shared or window >= LONG_WINDOW

    def new_id(self) -> str:
        return next(self._ids)

    async def open(self) -> Opened:
        self._read = self._read or clock_reader(self._clock, asyncio.get_running_loop().time())
        return self._book.contents(self._now())

    async def reserve(self, id: str, wants: Sequence[Want], slots: Sequence[SlotWant] = ()) -> Reserved | Busy:
        return self._book.reserve(id, wants, slots, holder=self._holder, now=self._now(), lease=self.lease)

    def record(self, id: str, wants: Sequence[Want], *, at: float) -> None:
        self._book.record(id, wants, at=at, holder=self._holder, now=self._now())

    def sent(self, id: str, at: float) -> None:
        self._book.sent(id, at)

    def settle(self, id: str, *, amounts: Mapping[str, int] | None = None, slots_until: float | None = None) -> None:
        self._book.settle(id, amounts or {}, slots_until, now=self._now())

    def refund(self, id: str) -> None:
        self._book.refund(id)

    def block(self, block: Block) -> None:
        self._book.block(block)

    def learn(self, learned: Learned) -> None:
        self._book.learn(learned)

    def heartbeat(self) -> int:
        """Renew this holder's leases; how many there are."""
        return self._book.heartbeat(self._holder, now=self._now(), lease=self.lease)

    async def flush(self) -> None:
        return None

    async def aclose(self) -> None:
        self._book.leave(self._holder, now=self._now())

    def _now(self) -> float:
        return self._clock.wall() if self._read is None else self._book.tell_time(self._read())
