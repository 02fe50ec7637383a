from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ghmodels_async.limits.ledger.schema import APPLICATION_ID, STEPS, ForeignFileError, NewerSchemaError, migrate


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "file", isolation_level=None)) as connection:
        yield connection


def version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def add_a_column(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE grants ADD COLUMN colour TEXT NOT NULL DEFAULT 'none'")


def stumble(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TABLE slots")
    raise sqlite3.OperationalError("disk full, for instance")


def test_a_new_file_gets_all_steps(database: sqlite3.Connection) -> None:
    assert migrate(database) == 0
    assert version(database) == len(STEPS)
    assert database.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert migrate(database) == len(STEPS), "and is left alone afterwards"


def test_an_older_file_keeps_its_rows_through_a_step(database: sqlite3.Connection) -> None:
    migrate(database)
    database.execute("INSERT INTO grants VALUES ('id', 'lim', 'me', 1.0, 2.0, 3, 60.0, 0)")

    assert migrate(database, (*STEPS, add_a_column)) == len(STEPS)
    assert version(database) == len(STEPS) + 1
    assert database.execute("SELECT id, amount, colour FROM grants").fetchall() == [("id", 3, "none")]


def test_a_step_that_fails_leaves_the_old_version_whole(database: sqlite3.Connection) -> None:
    migrate(database)
    with pytest.raises(sqlite3.OperationalError):
        migrate(database, (*STEPS, add_a_column, stumble))

    assert version(database) == len(STEPS)
    assert database.execute("SELECT count(*) FROM slots").fetchone() == (0,)
    assert "colour" not in [row[1] for row in database.execute("PRAGMA table_info(grants)")]


def test_a_file_from_the_future_is_not_touched(database: sqlite3.Connection) -> None:
    migrate(database, (*STEPS, add_a_column))
    with pytest.raises(NewerSchemaError) as caught:
        migrate(database)

    assert (caught.value.found, caught.value.known) == (len(STEPS) + 1, len(STEPS))
    assert version(database) == len(STEPS) + 1


def test_somebody_elses_database_is_not_touched(database: sqlite3.Connection) -> None:
    database.execute("CREATE TABLE photos (id)")
    with pytest.raises(ForeignFileError):
        migrate(database)
    assert [row[0] for row in database.execute("SELECT name FROM sqlite_schema")] == ["photos"]
