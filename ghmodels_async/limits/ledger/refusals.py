"""What stands against a reservation, asked of the file. The same rules as in `Book`, as queries."""

from __future__ import annotations

import sqlite3

from .book import opens
from .port import Busy, SlotWant, Want

__all__ = ["blocked", "refused", "slot_refused", "used_of"]


def used_of(database: sqlite3.Connection, want: Want, now: float) -> int:
    """How much of `want.limit` counts now."""
    where, values = _counting(want, now)
    return int(database.execute(f"SELECT TOTAL(amount) FROM grants WHERE {where}", values).fetchone()[0])  # noqa: S608


def refused(database: sqlite3.Connection, want: Want, used: int, now: float) -> Busy | None:
    """When the limit has room, if it has none now."""
    excess = used + want.amount - want.maximum
    if excess <= 0:
        return None
    where, values = _counting(want, now)
    rows = database.execute(f"SELECT since, at, amount, open FROM grants WHERE {where}", values)  # noqa: S608
    return opens(want, excess, rows, now)


def slot_refused(database: sqlite3.Connection, want: SlotWant, now: float) -> Busy | None:
    """When a slot is free at the latest, if none is free now."""
    rows = database.execute(
        "SELECT expires FROM slots WHERE lim = ? AND expires > ? ORDER BY expires", (want.limit, now)
    ).fetchall()
    if len(rows) < want.maximum:
        return None
    return Busy(want.limit, rows[len(rows) - want.maximum][0], firm=False)


def blocked(database: sqlite3.Connection, limit: str, now: float) -> Busy | None:
    """Until when the limit is blocked, if it is."""
    row = database.execute("SELECT until, reason FROM blocks WHERE lim = ? AND until > ?", (limit, now)).fetchone()
    return Busy(limit, row[0], reason=row[1]) if row else None


def _counting(want: Want, now: float) -> tuple[str, tuple[object, ...]]:
    """The rows of `want.limit` that count now, as SQL with its values."""
    if want.period is not None:
        return "lim = ? AND at >= ?", (want.limit, want.period[0] - want.margin)
    span = want.window + want.margin
    # The first comparison lets the index skip old rows; the second decides, in the very terms `until` was computed in.
    return "lim = ? AND at > ? AND at + ? > ?", (want.limit, now - span - 1.0, span, now)
