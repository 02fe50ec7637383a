"""The ledger's law in SQL: one file, one connection, one transaction per batch. Synchronous; knows no event loop.

Source: sqlite.org/wal.html and sqlite.org/pragma.html#pragma_synchronous. In WAL mode with ``synchronous=NORMAL`` a
commit survives the death of the process at any point; a power cut may forget the last commits but not damage the file.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .book import KEEP
from .port import Block, Busy, Grant, Learned, Opened, Reserved, SlotWant, Want
from .refusals import blocked, refused, slot_refused, used_of
from .schema import migrate
from .timebase import Reading, step_between

__all__ = ["EVERYTHING", "Store"]

EVERYTHING = ""
"""The limit name of a block that holds for every reservation."""

PRUNE_EVERY = 512
"""Transactions between two prunings; one costs a table scan (0.2 ms at 3,000 rows)."""


class Store:
    """An open ledger file. Every method but `transaction` and `close` is called inside a transaction.

    Args:
        path: The file; made with mode 0600, like everything beside it. None: a database in memory.
        read: Reads both clocks; called inside each transaction, so that instants are in the order of commits.
        holder: Who this process is.
        lease: Nominal seconds.
        wait: Real seconds to wait for another process's transaction.

    Raises:
        sqlite3.Error, OSError, NewerSchemaError, ForeignFileError: The file cannot be used; nothing was changed.
    """

    def __init__(
        self, path: Path | None, read: Callable[[], Reading], *, holder: str, lease: float, wait: float = 5.0
    ) -> None:
        self.path = path
        self.holder = holder
        self.lease = lease
        self.now = 0.0
        self.offset = 0.0
        self._read = read
        self._countdown = PRUNE_EVERY
        self._inode = 0
        if path is not None:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._inode = path.stat().st_ino
        self._db = sqlite3.connect(path or ":memory:", timeout=wait, isolation_level=None, check_same_thread=False)
        try:
            _patiently(wait, lambda: self._db.execute("PRAGMA journal_mode = WAL"))
            self._db.execute("PRAGMA synchronous = NORMAL")
            migrate(self._db)
            verdict = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise sqlite3.DatabaseError(f"quick_check: {verdict}")
        except BaseException:
            self._db.close()
            raise

    def moved(self) -> bool:
        """Whether the path names another file by now, or none: somebody put a damaged ledger aside."""
        try:
            return self.path is not None and self.path.stat().st_ino != self._inode
        except FileNotFoundError:
            return True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed together or not at all. `now` is set to wall time read under the lock."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            changes = self._db.total_changes
            reading = self._tell_time()
            yield
            if self._db.total_changes != changes:
                # Not on every look: a refused reservation must not cost a page write.
                self._db.execute("INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?)", reading)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def align(self) -> None:
        """Adopt the time of processes that already use this file.

        With a time scale each process starts its own nominal time; elapsed time is common to them, so the first one's
        reading and what elapsed since give one time to all. Instants that cross the port are moved by `offset`.
        """
        before, now = self._last_reading(), self._read()
        if before is None or before.base != now.base or before.steady is None or now.steady is None:
            return
        self.offset = before.wall + (now.steady - before.steady) - now.wall

    def close(self) -> None:
        self._db.close()

    def reserve(self, id: str, wants: Sequence[Want], slots: Sequence[SlotWant]) -> Reserved | Busy:
        used = {want.limit: used_of(self._db, want, self.now) for want in wants}
        limits = [EVERYTHING, *used, *(slot.limit for slot in slots)]
        refusals = [busy for limit in limits if (busy := blocked(self._db, limit, self.now))]
        refusals += [busy for want in wants if (busy := refused(self._db, want, used[want.limit], self.now))]
        refusals += [busy for slot in slots if (busy := slot_refused(self._db, slot, self.now))]
        if refusals:
            return max(refusals, key=lambda busy: (busy.until, busy.limit))
        expires = self.now + self.lease
        self._db.executemany(
            "INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
            [(id, w.limit, self.holder, self.now, expires, w.amount, w.window) for w in wants],
        )
        if slots:
            self._db.executemany(
                "INSERT INTO slots VALUES (?, ?, ?, ?, 0)", [(id, s.limit, self.holder, expires) for s in slots]
            )
        return Reserved(id, {want.limit: used[want.limit] + want.amount for want in wants})

    def record(self, id: str, wants: Iterable[Want], at: float) -> None:
        self.restore(Grant(id, want.limit, at, want.amount, want.window) for want in wants)

    def restore(self, grants: Iterable[Grant]) -> None:
        """Write rows as they are."""
        self._db.executemany(
            "INSERT OR REPLACE INTO grants VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            [(g.id, g.limit, self.holder, g.at, g.at, g.amount, g.window) for g in grants],
        )

    def take_over(self, known: Opened) -> None:
        """Write everything another store knew."""
        self.restore(known.grants)
        for block in known.blocks:
            self.block(block)
        for lesson in known.learned:
            self.learn(lesson)

    def sent(self, id: str, at: float) -> None:
        self._db.execute("UPDATE grants SET at = ?, open = 0 WHERE id = ?", (at, id))

    def settle(self, id: str, amounts: Mapping[str, int], slots_until: float | None) -> None:
        self._db.execute("UPDATE grants SET at = ?, open = 0 WHERE id = ? AND open = 1", (self.now, id))
        for limit, amount in amounts.items():
            self._db.execute("UPDATE grants SET amount = ? WHERE id = ? AND lim = ?", (amount, id, limit))
        if slots_until is not None and slots_until > self.now:
            self._db.execute("UPDATE slots SET expires = ?, ending = 1 WHERE id = ?", (slots_until, id))
        else:
            self._db.execute("DELETE FROM slots WHERE id = ?", (id,))

    def refund(self, id: str) -> None:
        self._db.execute("DELETE FROM grants WHERE id = ?", (id,))
        self._db.execute("DELETE FROM slots WHERE id = ?", (id,))

    def block(self, block: Block) -> None:
        self._db.execute(
            "INSERT INTO blocks VALUES (?, ?, ?) ON CONFLICT (lim) DO UPDATE"
            " SET until = excluded.until, reason = excluded.reason WHERE excluded.until > until",
            (block.limit, block.until, block.reason),
        )

    def learn(self, lesson: Learned) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO learned VALUES (?, ?, ?, ?, ?)",
            (lesson.limit, lesson.amount, lesson.window, lesson.at, lesson.model),
        )

    def heartbeat(self) -> int:
        """Renew what this process still has; how many leases that is. What has lapsed stays lapsed."""
        beat = (self.now + self.lease, self.holder, self.now)
        slots = self._db.execute("UPDATE slots SET expires = ? WHERE holder = ? AND ending = 0 AND expires > ?", beat)
        rows = self._db.execute("UPDATE grants SET at = ? WHERE holder = ? AND open = 1 AND at > ?", beat)
        return slots.rowcount + rows.rowcount

    def leave(self) -> None:
        """This process goes in good order."""
        self._db.execute("UPDATE grants SET at = ?, open = 0 WHERE holder = ? AND open = 1", (self.now, self.holder))
        self._db.execute("DELETE FROM slots WHERE holder = ? AND ending = 0", (self.holder,))

    def prune(self) -> None:
        """Forget what can no longer count. A row outlives its window once more: learned windows may be longer."""
        self._db.execute("DELETE FROM grants WHERE at + 2 * span + ? <= ?", (KEEP, self.now))
        self._db.execute("DELETE FROM slots WHERE expires <= ?", (self.now,))
        self._db.execute("DELETE FROM blocks WHERE until <= ?", (self.now,))

    def contents(self) -> Opened:
        """Everything that may still count."""
        grants = self._db.execute(
            "SELECT id, lim, CASE open WHEN 1 THEN MIN(at, ?) ELSE at END AS counted, amount, span FROM grants"
            " ORDER BY counted, id, lim",
            (self.now,),
        ).fetchall()
        blocks = self._db.execute("SELECT lim, until, reason FROM blocks WHERE until > ?", (self.now,)).fetchall()
        lessons = self._db.execute("SELECT lim, amount, span, at, model FROM learned").fetchall()
        return Opened(
            tuple(Grant(*row) for row in grants),
            tuple(Block(*row) for row in blocks),
            tuple(Learned(*row) for row in lessons),
            where=str(self.path or "memory"),
        )

    def _last_reading(self) -> Reading | None:
        row = self._db.execute("SELECT base, wall, steady FROM clock").fetchone()
        return Reading(*row) if row else None

    def _tell_time(self) -> tuple[str, float, float | None]:
        before, now = self._last_reading(), self._read()
        now = Reading(now.base, now.wall + self.offset, now.steady)
        step = step_between(before, now)
        if step:
            self._shift(step)
        self.now = now.wall
        self._countdown -= 1
        if self._countdown <= 0:
            self._countdown = PRUNE_EVERY
            self.prune()
        return now.base, now.wall, now.steady

    def _shift(self, seconds: float) -> None:
        self._db.execute("UPDATE grants SET since = since + ?, at = at + ?", (seconds, seconds))
        self._db.execute("UPDATE slots SET expires = expires + ?", (seconds,))
        self._db.execute("UPDATE blocks SET until = until + ?", (seconds,))


def _patiently(wait: float, step: Callable[[], object]) -> None:
    """Try for `wait` real seconds. Going over to WAL fails at once while another process does the same.

    Source: sqlite.org/c3ref/busy_handler.html, "The presence of a busy handler does not guarantee that it will be
    invoked"; found with eight processes that meet a new file: in one round of eight, one of them failed.
    """
    end = time.monotonic() + wait
    while True:
        try:
            step()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
        time.sleep(0.005)
