"""Opening a ledger file that may be damaged, and saying what is wrong with one that cannot be used.

A damaged file is put aside, never deleted, and a new one starts with every row that can still be read. What could not
be read is unknown, so the ledger says `complete=False`: the gate then sends one request against each long window first.
The worst case is one refusal per model, by the server that does remember. Assuming instead that everything was spent
would stop a user for a day because of a bad sector; assuming nothing was spent would send a burst of refusals.
A shared ledger also keeps everybody waiting for one lease and one minute (`EVERYTHING` is blocked): then every lease
and every minute window that may have been lost is over.

A locked file, one from a newer version, or a directory that cannot be written to is left alone.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError
from .port import Block, Grant, Learned, Opened
from .schema import ForeignFileError, NewerSchemaError
from .store import EVERYTHING, Store

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: two processes that repair at once may both put a file aside
    fcntl = None  # type: ignore[assignment]

__all__ = ["UNUSABLE", "explain", "is_damage", "is_locked", "open_or_rescue", "peek"]

UNUSABLE = (sqlite3.Error, OSError, NewerSchemaError)
"""What opening may raise after the rescue was tried."""

MINUTE = 60.0

_BUSY, _LOCKED, _CORRUPT, _NOT_A_DATABASE = 5, 6, 11, 26


def is_damage(error: BaseException) -> bool:
    """Whether the file's content, not its surroundings, is what is wrong."""
    if isinstance(error, ForeignFileError):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return type(error) is sqlite3.DatabaseError
    return code & 0xFF in (_CORRUPT, _NOT_A_DATABASE)


def is_locked(error: BaseException) -> bool:
    """Whether another process held the file for too long."""
    return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF in (_BUSY, _LOCKED)


def open_or_rescue(path: Path, make: Callable[[], Store], *, shared: bool) -> tuple[Store, ConfigurationError | None]:
    """The store, and what had to be done to have it.

    Raises:
        sqlite3.Error, OSError, NewerSchemaError: It cannot be had; the file is as it was.
    """
    try:
        return make(), None
    except (sqlite3.DatabaseError, ForeignFileError) as error:
        if not is_damage(error):
            raise
    with _one_at_a_time(path):
        try:
            return make(), None  # another process was faster
        except (sqlite3.DatabaseError, ForeignFileError) as error:
            if not is_damage(error):
                raise
            damage = error
        aside = _put_aside(path)
        rows = peek(aside)
        store = make()
        with store.transaction():
            store.take_over(rows)
            if shared:
                until = store.now + max(store.lease, MINUTE) + 2.0
                store.block(Block(EVERYTHING, until, "the ledger was damaged; waiting until what it held is over"))
    return store, ConfigurationError(
        f"The quota ledger was damaged ({damage}). A new one starts with the {len(rows.grants)} rows still readable.",
        checked=str(path),
        fix=f"Nothing, if requests go through. The old file is kept as {aside.name}; delete it when it is not wanted.\n"
        "Today's quota may be spent further than is known: long windows start with one request.",
    )


def peek(path: Path) -> Opened:
    """Read what can be read, without a lock and without changing anything but a hot journal."""
    grants: list[Grant] = []
    blocks: list[Block] = []
    lessons: list[Learned] = []
    try:
        database = sqlite3.connect(path.as_uri() + "?mode=rw", uri=True, timeout=0.2)
    except sqlite3.Error:
        return Opened(where=str(path), complete=False)
    try:
        grants += (Grant(*row) for row in _readable(database, "SELECT id, lim, at, amount, span FROM grants"))
        blocks += (Block(*row) for row in _readable(database, "SELECT lim, until, reason FROM blocks"))
        lessons += (Learned(*row) for row in _readable(database, "SELECT lim, amount, span, at, model FROM learned"))
    finally:
        database.close()
    sound = (grant for grant in grants if isinstance(grant.at, float) and isinstance(grant.amount, int))
    ordered = tuple(sorted(sound, key=lambda grant: (grant.at, grant.id)))
    return Opened(ordered, tuple(blocks), tuple(lessons), where=str(path), complete=False)


def explain(error: BaseException, path: Path, *, shared: bool) -> ConfigurationError:
    """What a person should know: what was checked, why it failed, how to go on."""
    if isinstance(error, NewerSchemaError):
        why = f"The quota ledger is from a newer version of ghmodels-async ({error})."
        fix = "Upgrade ghmodels-async, or point XDG_STATE_HOME at another directory."
    elif is_locked(error):
        why = "The quota ledger is locked by another program that does not let go."
        fix = f"Find out who holds it (`fuser {path}`) and end or wait for that program."
    elif isinstance(error, OSError):
        why = f"The quota ledger cannot be kept: {error.strerror or error}."
        fix = f"Make {path.parent} writable, or point XDG_STATE_HOME at a directory that is."
    else:
        why = f"The quota ledger cannot be used: {error}."
        fix = f"Look at the disk's free space and the permissions of {path.parent}."
    if shared:
        fix += "\nNothing is sent: without the ledger several processes would spend the same quota."
    else:
        fix += "\nUntil then limits are kept in memory: they hold for this process, a restart forgets what was sent."
    return ConfigurationError(why, checked=str(path), fix=fix)


def _readable(database: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    try:
        yield from database.execute(query)
    except sqlite3.DatabaseError:
        return  # the rest of this table is lost


def _put_aside(path: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    # The journal first: a new database beside an old journal would be filled from it.
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    with path.with_name(path.name + ".lock").open("a") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
