"""Files that are damaged, locked, foreign, from the future, or cannot be written: never silently unlimited."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ghmodels_async.errors import ConfigurationError
from ghmodels_async.limits.ledger import Busy, Reserved, SqliteLedger, Want, writer
from ghmodels_async.limits.ledger.schema import STEPS

DAY = Want("m|day", 1, 10, 86400.0)
Maker = Callable[..., SqliteLedger]


@pytest.fixture
async def spent(ledger_at: Maker, hands, path: Path) -> Path:
    """A ledger file that knows of 40 requests."""
    ledger = ledger_at()
    await ledger.open()
    for n in range(40):
        ledger.record(f"r{n:02d}", [Want("m|day", 1, 50, 86400.0)], at=hands.wall)
    await ledger.aclose()
    return path


def scribble(path: Path, offset: int, end: int | None = None) -> None:
    """Overwrite what is between two offsets; a negative or missing `end` counts from the file's end."""
    content = bytearray(path.read_bytes())
    end = len(content) + (end or 0) if (end or 0) <= 0 else end
    content[offset:end] = os.urandom(end - offset)
    path.write_bytes(content)


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def put_aside(path: Path) -> None:
    path.rename(path.with_name("aside"))


def fork_a_child_that_ends() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(1000):
        if await condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


@contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other
        other.execute("ROLLBACK")


def log_of(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)


class TestDamage:
    async def test_a_file_of_rubbish_is_put_aside_and_said_so(self, ledger_at: Maker, path: Path, caplog) -> None:
        put(path, b"not a database at all, but long enough to be taken for one" * 20)
        opened = await ledger_at().open()

        assert not opened.complete
        assert "damaged" in opened.notice
        assert str(path) in opened.notice
        assert "To fix" in opened.notice
        assert log_of(caplog) == "", "whoever opened it says so"
        aside = [file for file in path.parent.iterdir() if ".damaged-" in file.name]
        assert content_of(aside[0]).startswith(b"not a database")

    async def test_rows_that_can_be_read_are_kept(self, ledger_at: Maker, hands, spent: Path) -> None:
        with closing(sqlite3.connect(spent)) as database:
            root = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'grants_by_limit'").fetchone()[0]
            size = database.execute("PRAGMA page_size").fetchone()[0]
        scribble(spent, (root - 1) * size, (root - 1) * size + 200)
        ledger = ledger_at()
        opened = await ledger.open()

        assert not opened.complete
        assert len(opened.grants) == 40
        assert isinstance(await ledger.reserve("next", [Want("m|day", 1, 40, 86400.0)]), Busy)

    async def test_lost_rows_do_not_stop_the_work(self, ledger_at: Maker, spent: Path) -> None:
        scribble(spent, 20, -20)
        ledger = ledger_at()
        assert not (await ledger.open()).complete
        assert isinstance(await ledger.reserve("next", [DAY]), Reserved)

    async def test_a_shared_ledger_waits_until_what_was_lost_is_over(
        self, ledger_at: Maker, hands, spent: Path
    ) -> None:
        scribble(spent, 20, -20)
        ledger = ledger_at(shared=True)
        await ledger.open()
        busy = await ledger.reserve("next", [DAY])
        assert isinstance(busy, Busy)
        assert 60.0 < busy.until - hands.wall < 70.0
        assert "damaged" in busy.reason
        hands.pass_(busy.until - hands.wall)
        assert isinstance(await ledger.reserve("next", [DAY]), Reserved)

    async def test_somebody_elses_database_is_put_aside_too(self, ledger_at: Maker, path: Path) -> None:
        path.parent.mkdir()
        with closing(sqlite3.connect(path)) as foreign:
            foreign.execute("CREATE TABLE photos (id)")
        assert "another program" in (await ledger_at().open()).notice

    async def test_a_second_damage_gets_a_second_name(self, ledger_at: Maker, path: Path) -> None:
        for _ in range(2):
            put(path, b"rubbish" * 300)
            ledger = ledger_at()
            await ledger.open()
            await ledger.aclose()
        assert len([file for file in path.parent.iterdir() if ".damaged-" in file.name]) == 2

    async def test_damage_while_in_use_is_survived(self, ledger_at: Maker, spent: Path, caplog) -> None:
        ledger = ledger_at()
        await ledger.open()
        scribble(spent, 4096)
        with closing(sqlite3.connect(spent)) as other:
            other.execute("PRAGMA schema_version = 99")  # makes every connection read the file again
        assert isinstance(await ledger.reserve("next", [Want("m|day", 1, 50, 86400.0)]), Reserved)
        assert "damaged" in log_of(caplog)
        await ledger.aclose()
        again = ledger_at()
        assert "next" in [grant.id for grant in (await again.open()).grants]

    async def test_who_still_has_the_old_file_moves_to_the_new_one(self, ledger_at: Maker, hands, spent: Path) -> None:
        old = ledger_at()
        await old.open()
        put_aside(spent)
        new = ledger_at()
        await new.open()
        await new.reserve("by the new one", [Want("m|day", 10, 10, 86400.0)])

        assert isinstance(await old.reserve("by the old one", [DAY]), Busy)


class TestOutOfReach:
    async def test_a_locked_file_is_read_and_the_limits_kept_in_memory(
        self, ledger_at: Maker, hands, spent: Path
    ) -> None:
        ledger = ledger_at()
        with locked(spent):
            opened = await ledger.open()
            assert opened.where == "memory"
            assert not opened.complete
            assert "locked" in opened.notice
            assert len(opened.grants) == 40
            assert isinstance(await ledger.reserve("next", [Want("m|day", 1, 40, 86400.0)]), Busy)
            assert isinstance(await ledger.reserve("next", [Want("m|day", 1, 41, 86400.0)]), Reserved)

    async def test_a_file_that_another_first_process_is_making_is_waited_for(
        self, ledger_at: Maker, path: Path
    ) -> None:
        """Going over to WAL beside a writer fails at once, whatever the busy timeout is."""
        path.parent.mkdir()
        ledger = ledger_at(wait=5.0)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            opening = asyncio.create_task(ledger.open())
            await asyncio.sleep(0.05)
            other.execute("ROLLBACK")
            assert (await opening).where == str(path)

    async def test_a_directory_that_cannot_be_made_means_memory(self, ledger_at: Maker, path: Path) -> None:
        path.parent.write_text("a file is in the way")
        ledger = ledger_at()
        opened = await ledger.open()
        assert opened.where == "memory"
        assert "cannot be kept" in opened.notice
        assert "XDG_STATE_HOME" in opened.notice
        assert opened.complete, "where nothing was written nothing is lost"
        for n in range(10):
            assert isinstance(await ledger.reserve(f"r{n}", [DAY]), Reserved)
        assert isinstance(await ledger.reserve("too much", [DAY]), Busy)

    async def test_a_ledger_in_memory_outlives_a_fork(self, ledger_at: Maker, path: Path) -> None:
        path.parent.write_text("a file is in the way")
        ledger = ledger_at()
        await ledger.open()
        for n in range(10):
            assert isinstance(await ledger.reserve(f"r{n}", [DAY]), Reserved)
        path.parent.unlink()  # a file could be made now, and would know of nothing
        fork_a_child_that_ends()
        assert isinstance(await ledger.reserve("too much", [DAY]), Busy)

    async def test_a_newer_file_is_left_alone(self, ledger_at: Maker, spent: Path) -> None:
        with closing(sqlite3.connect(spent)) as newer:
            newer.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
        before = content_of(spent)
        ledger = ledger_at()
        opened = await ledger.open()
        assert "newer version" in opened.notice
        assert "Upgrade" in opened.notice
        assert not opened.complete
        assert isinstance(await ledger.reserve("next", [DAY]), Reserved)
        await ledger.aclose()
        assert content_of(spent) == before

    @pytest.mark.parametrize("trouble", ["locked", "newer", "no directory"])
    async def test_a_shared_ledger_refuses_to_open(
        self, trouble: str, ledger_at: Maker, spent: Path, tmp_path: Path
    ) -> None:
        ledger = ledger_at(shared=True)
        with closing(sqlite3.connect(spent, isolation_level=None)) as other:
            if trouble == "locked":
                other.execute("BEGIN IMMEDIATE")
            elif trouble == "newer":
                other.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
            else:
                ledger._path = tmp_path / "salt" / "below"
                (tmp_path / "salt").write_text("a file is in the way")
            with pytest.raises(ConfigurationError) as caught:
                await ledger.open()
        assert caught.value.checked == str(ledger._path)
        assert "Nothing is sent" in caught.value.fix


class TestTroubleOnTheWay:
    async def test_a_private_ledger_goes_on_and_catches_up(
        self, ledger_at: Maker, path: Path, caplog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writer, "RETRY", 0.01)
        ledger = ledger_at(wait=0.01)
        await ledger.open()
        with locked(path):
            assert await ledger.reserve("r1", [DAY]) == Reserved("r1", {})
            assert await ledger.reserve("r2", [DAY]) == Reserved("r2", {}), (
                "at once, without waiting for the lock again"
            )
            ledger.refund("r2")
            await ledger.flush()
            assert "locked" in log_of(caplog)

        async def recovered() -> bool:
            return "can be written again" in log_of(caplog)

        await eventually(recovered)
        assert await ledger.reserve("r3", [DAY]) == Reserved("r3", {"m|day": 2})

    async def test_a_shared_ledger_makes_its_gate_wait(self, ledger_at: Maker, hands, path: Path, monkeypatch) -> None:
        monkeypatch.setattr(writer, "RETRY", 0.01)
        ledger = ledger_at(shared=True, wait=0.01)
        await ledger.open()
        with locked(path):
            for _ in range(2):
                busy = await ledger.reserve("r1", [DAY])
                assert busy == Busy("ledger", hands.wall + 1.0, firm=False, reason=busy.reason)
                assert "locked" in busy.reason

        async def granted() -> bool:
            return isinstance(await ledger.reserve("r1", [DAY]), Reserved)

        await eventually(granted)

    async def test_a_shared_ledger_that_cannot_be_written_refuses(
        self, ledger_at: Maker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger = ledger_at(shared=True)
        await ledger.open()
        assert ledger._writer is not None

        def full(batch: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(ledger._writer, "_run", full)
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="disk is full"):
                await ledger.reserve("r1", [DAY])
        monkeypatch.undo()
