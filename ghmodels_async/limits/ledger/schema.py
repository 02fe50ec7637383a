"""The shape of a ledger file, its version, and the steps from one version to the next.

`user_version` holds the version; step *n* takes a file from version *n* to *n* + 1, all steps of one opening run in one
transaction, so a crash leaves the old version whole. A file from the future is never touched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

__all__ = ["APPLICATION_ID", "STEPS", "ForeignFileError", "NewerSchemaError", "migrate"]

APPLICATION_ID = 0x67686D6C
"""Tells our files from anybody else's SQLite database ("ghml")."""

Step = Callable[[sqlite3.Connection], None]


class NewerSchemaError(Exception):
    """The file was written by a later version of this library."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(f"the file has schema version {found}, this version of the library knows {known}")
        self.found = found
        self.known = known


class ForeignFileError(Exception):
    """The file is a database, but not a ledger."""


def _create(connection: sqlite3.Connection) -> None:
    for statement in _TABLES:
        connection.execute(statement)


# `since` and `at` are wall time. An open grant's `at` is the end of its lease. `id` leads the primary key because every
# correction names a request; the sums go through the covering index. `clock` has one row: the last reading of all.
_TABLES = (
    """CREATE TABLE grants (
        id TEXT NOT NULL, lim TEXT NOT NULL, holder TEXT NOT NULL, since REAL NOT NULL, at REAL NOT NULL,
        amount INTEGER NOT NULL, span REAL NOT NULL, open INTEGER NOT NULL, PRIMARY KEY (id, lim)
    ) WITHOUT ROWID""",
    "CREATE INDEX grants_by_limit ON grants (lim, at, amount)",
    "CREATE INDEX grants_open ON grants (holder) WHERE open = 1",
    """CREATE TABLE slots (
        id TEXT NOT NULL, lim TEXT NOT NULL, holder TEXT NOT NULL, expires REAL NOT NULL, ending INTEGER NOT NULL,
        PRIMARY KEY (id, lim)
    ) WITHOUT ROWID""",
    "CREATE TABLE blocks (lim TEXT PRIMARY KEY, until REAL NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE learned (
        lim TEXT PRIMARY KEY, amount INTEGER NOT NULL, span REAL NOT NULL, at REAL NOT NULL, model TEXT NOT NULL
    ) WITHOUT ROWID""",
    "CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), base TEXT NOT NULL, wall REAL NOT NULL, steady REAL)",
)

STEPS: tuple[Step, ...] = (_create,)


def migrate(connection: sqlite3.Connection, steps: Sequence[Step] = STEPS) -> int:
    """Bring the file to version ``len(steps)``; the version it had.

    Raises:
        NewerSchemaError: The file is from a later version; nothing was changed.
        ForeignFileError: The file is somebody else's; nothing was changed.
    """
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found == len(steps) and _is_ours(connection):
        return found
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])  # another process may have been faster
        if found > len(steps):
            raise NewerSchemaError(found, len(steps))
        if not _is_ours(connection) and connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
            raise ForeignFileError("the file is an SQLite database of another program")
        for step in steps[found:]:
            step(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return found


def _is_ours(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)
