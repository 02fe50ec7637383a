"""A ledger in a file: durable before a permit is handed out, common to the processes of one host.

Trouble, by what it means:
1. the file was put aside by another process, or turns out damaged → opened again, rescued if need be, tried once more;
2. private, cannot be opened → memory, filled with what could be read; `Opened.notice` and the log say so;
3. private, cannot be written → reservations stand, since the gate's own log still limits this process; rows are kept
   and written as soon as that is possible; the log says what a restart or another process would not know;
4. shared, locked for too long → `Busy` for a second: slow, never wrong;
5. shared, anything else → ConfigurationError: sending without the ledger would spend the same quota several times.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ...clock import Clock
from .memory import LEASE, LONG_WINDOW
from .port import Block, Busy, Grant, Learned, Opened, Reserved, SlotWant, Want
from .rescue import UNUSABLE, explain, is_locked, open_or_rescue, peek
from .store import Store
from .timebase import Reading, clock_reader, opened_at, wants_at
from .writer import Operation, Writer

__all__ = ["SqliteLedger"]

_log = logging.getLogger("ghmodels_async.limits.ledger")

REAL_LEASE = 3.0
"""Real seconds a lease lasts at least: under a time scale a busy machine must still manage three renewals."""


class SqliteLedger:
    """`Ledger` in one SQLite file.

    Args:
        path: The file; see `ledger_path`.
        clock: Wall time and scale.
        shared: Reserve minute limits too and lease slots, for several processes on one host.
        lease: Nominal seconds; by default 30, and 3 real ones at least.
        wait: Real seconds to wait for another process's transaction.
        read: Replaces both clocks, in tests.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        shared: bool = False,
        lease: float | None = None,
        wait: float = 5.0,
        read: Callable[[], Reading] | None = None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._shared = shared
        self.lease = max(LEASE, REAL_LEASE * clock.scale) if lease is None else lease
        self._wait = wait
        self._read = read
        self._holder = secrets.token_hex(6)
        self._ids = (f"{self._holder}-{n:x}" for n in itertools.count(1))
        self._writer: Writer | None = None
        self._offset = 0.0
        self._held: dict[str, bool] = {}
        self._beat: asyncio.TimerHandle | None = None
        self._beating: asyncio.AbstractEventLoop | None = None

    @property
    def shared(self) -> bool:
        return self._shared

    def covers(self, window: float) -> bool:
        return self._shared or window >= LONG_WINDOW

    def new_id(self) -> str:
        return next(self._ids)

    async def open(self) -> Opened:
        loop = asyncio.get_running_loop()
        self._read = self._read or clock_reader(self._clock, loop.time())
        executor = ThreadPoolExecutor(1, thread_name_prefix="ghmodels-ledger")
        unused: list[Store] = []
        try:
            store, opened = await loop.run_in_executor(executor, self._open_store, unused)
        except asyncio.CancelledError:
            executor.submit(_close_all, unused)
            executor.shutdown(wait=False)
            raise
        except UNUSABLE as error:
            executor.shutdown(wait=False)
            raise explain(error, self._path, shared=True) from error
        self._offset = store.offset
        self._writer = Writer(store, executor, reopen=self._reopen, report=self._report)
        return opened_at(opened, -self._offset)

    async def reserve(self, id: str, wants: Sequence[Want], slots: Sequence[SlotWant] = ()) -> Reserved | Busy:
        wants = wants_at(wants, self._offset)
        try:
            answer: Reserved | Busy = await self._writing.ask(
                lambda store: store.reserve(id, wants, slots), lambda error: self._without_file(error, id, wants)
            )
        except asyncio.CancelledError:
            self.refund(id)
            raise
        if isinstance(answer, Busy):
            return replace(answer, until=answer.until - self._offset)
        self._hold(id, bool(slots))
        return answer

    def record(self, id: str, wants: Sequence[Want], *, at: float) -> None:
        self._post(lambda store: store.record(id, wants, at + self._offset))

    def sent(self, id: str, at: float) -> None:
        if self._held.get(id) is False:
            del self._held[id]
        self._post(lambda store: store.sent(id, at + self._offset))

    def settle(self, id: str, *, amounts: Mapping[str, int] | None = None, slots_until: float | None = None) -> None:
        until = None if slots_until is None else slots_until + self._offset
        self._held.pop(id, None)
        self._post(lambda store: store.settle(id, amounts or {}, until))

    def refund(self, id: str) -> None:
        self._held.pop(id, None)
        self._post(lambda store: store.refund(id))

    def block(self, block: Block) -> None:
        moved = replace(block, until=block.until + self._offset)
        self._post(lambda store: store.block(moved))

    def learn(self, learned: Learned) -> None:
        moved = replace(learned, at=learned.at + self._offset)
        self._post(lambda store: store.learn(moved))

    def heartbeat(self) -> None:
        """Renew this process's leases; done three times per lease while there are any."""
        self._post(Store.heartbeat)

    async def flush(self) -> None:
        await self._writing.ask(lambda store: None, lambda error: (None, None))

    async def aclose(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        self._held.clear()
        if self._writer is not None:
            await self._writer.aclose(Store.leave)

    @property
    def _writing(self) -> Writer:
        if self._writer is None:
            raise RuntimeError("open the ledger first")
        return self._writer

    def _post(self, operation: Operation) -> None:
        if self._writer is not None:
            self._writer.post(operation)

    def _open_store(self, stores: list[Store]) -> tuple[Store, Opened]:
        """In the thread. The store is in `stores` too, for a caller that stopped waiting."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            store, trouble = open_or_rescue(self._path, lambda: self._store_at(self._path), shared=self._shared)
            stores.append(store)
            opened = self._look_around(store)
        except UNUSABLE as error:
            _close_all(stores)
            if self._shared:
                raise
            trouble = explain(error, self._path, shared=False)
            store = self._store_in_memory(peek(self._path) if is_locked(error) else Opened())
            stores.append(store)
            opened = self._look_around(store)
        # Where there never was a file nothing can have been lost.
        complete = trouble is None or not os.path.lexists(self._path)
        return store, replace(opened, complete=complete, notice=str(trouble or ""))

    def _reopen(self) -> Store:
        """In the thread, while in use: what was wrong goes to the log, as nobody waits for `Opened`."""
        store, opened = self._open_store([])
        if opened.notice:
            _log.warning("%s", opened.notice)
        return store

    def _look_around(self, store: Store) -> Opened:
        store.offset = self._offset
        if self._clock.scale != 1.0:
            store.align()
        with store.transaction():
            store.prune()
            return store.contents()

    def _store_at(self, path: Path | None) -> Store:
        assert self._read is not None
        return Store(path, self._read, holder=self._holder, lease=self.lease, wait=self._wait)

    def _store_in_memory(self, known: Opened) -> Store:
        """What a private ledger falls back to. A locked file can still be read in WAL mode: then it is `known`."""
        store = self._store_at(None)
        with store.transaction():
            store.take_over(known)
        return store

    def _without_file(
        self, error: BaseException, id: str, wants: Sequence[Want]
    ) -> tuple[Reserved | Busy, Operation | None]:
        """Points 3, 4 and 5 of the list on top."""
        now = self._clock.wall() + self._offset
        if not self._shared:
            rows = [Grant(id, want.limit, now, want.amount, want.window) for want in wants]
            return Reserved(id, {}), lambda store: store.restore(rows)
        if is_locked(error):
            return Busy("ledger", now + 1.0, firm=False, reason="the ledger is locked by another process"), None
        raise explain(error, self._path, shared=True) from error

    def _report(self, error: BaseException | None) -> None:
        if error is None:
            _log.warning("The quota ledger %s can be written again.", self._path)
        else:
            _log.warning("%s", explain(error, self._path, shared=self._shared))

    def _hold(self, id: str, with_slots: bool) -> None:
        self._held[id] = with_slots
        loop = asyncio.get_running_loop()
        if self._beat is None or self._beating is not loop:
            self._beating = loop
            self._beat = loop.call_later(self._clock.real(self.lease / 3), self._next_beat)

    def _next_beat(self) -> None:
        self._beat = None
        if self._held and self._beating is not None:
            self.heartbeat()
            self._beat = self._beating.call_later(self._clock.real(self.lease / 3), self._next_beat)


def _close_all(stores: list[Store]) -> None:
    for store in stores:
        store.close()
