from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ghmodels_async.limits.ledger import Opened
from ghmodels_async.limits.ledger.rescue import explain, is_damage, is_locked, peek
from ghmodels_async.limits.ledger.schema import ForeignFileError, NewerSchemaError


def error_with(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as SQLite would say")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "damage", "locked"),
    [
        (error_with(sqlite3.SQLITE_CORRUPT), True, False),
        (error_with(sqlite3.SQLITE_CORRUPT | 3 << 8), True, False),
        (error_with(sqlite3.SQLITE_NOTADB), True, False),
        (error_with(sqlite3.SQLITE_BUSY), False, True),
        (error_with(sqlite3.SQLITE_BUSY | 1 << 8), False, True),
        (error_with(sqlite3.SQLITE_FULL), False, False),
        (sqlite3.DatabaseError("quick_check: row 3 missing from index"), True, False),
        (sqlite3.OperationalError("no code"), False, False),
        (ForeignFileError("photos"), True, False),
        (NewerSchemaError(9, 1), False, False),
        (PermissionError(13, "Permission denied"), False, False),
    ],
)
def test_what_is_wrong_is_told_from_the_code_and_not_from_the_words(
    error: Exception, damage: bool, locked: bool
) -> None:
    assert (is_damage(error), is_locked(error)) == (damage, locked)


def test_nothing_to_read_is_no_error(tmp_path: Path) -> None:
    nothing = Opened(where=str(tmp_path / "absent"), complete=False)
    assert peek(tmp_path / "absent") == nothing
    (tmp_path / "rubbish").write_bytes(b"rubbish " * 100)
    assert peek(tmp_path / "rubbish").grants == ()
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    ("error", "word"),
    [
        (NewerSchemaError(9, 1), "newer version"),
        (error_with(sqlite3.SQLITE_BUSY), "locked"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (error_with(sqlite3.SQLITE_FULL), "as SQLite would say"),
    ],
)
def test_every_explanation_says_what_was_checked_and_how_to_go_on(error: Exception, word: str, shared: bool) -> None:
    told = explain(error, Path("/state/ledger.sqlite3"), shared=shared)
    assert word in told.why
    assert told.checked == "/state/ledger.sqlite3"
    assert ("Nothing is sent" in told.fix) == shared
    assert ("kept in memory" in told.fix) != shared
