"""What a run has finished, durable before it is believed."""

from __future__ import annotations

import asyncio
import errno
import os
from contextlib import closing
from pathlib import Path

import pytest

from ghmodels_async.batch import journal as journal_module
from ghmodels_async.batch.journal import (
    CHANGED,
    Journal,
    JournalError,
    failures,
    fault_counts,
    own_segment,
    read_finished,
    segment_files,
)
from ghmodels_async.batch.segments import SegmentWriter, record_line


def line(row: int, fault: str | None = None, *, hash: int = 1, status: int = 200) -> bytes:
    return record_line(row, hash, status, fault, b'{"custom_id":"c"}')


def write(directory: Path, *lines: bytes, name: str = "1of1-000001.jsonl") -> None:
    with (directory / name).open("ab") as file:
        file.writelines(lines)


async def test_a_row_is_acknowledged_only_after_its_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda handle: (real(handle), synced.append(os.fstat(handle).st_size)))
    acknowledged: list[tuple[int, int]] = []
    async with Journal(tmp_path) as journal:
        for row in range(5):
            journal.append(line(row), lambda row=row: acknowledged.append((row, synced[-1] if synced else 0)))
            assert not acknowledged
        await journal.flush()
        size = len(line(0))
        assert [row for row, _ in acknowledged] == list(range(5))
        assert all(durable >= (row + 1) * size for row, durable in acknowledged)


async def test_rows_that_finish_together_share_one_sync(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        for row in range(100):
            journal.append(line(row), lambda: None)
        await journal.flush()
        assert journal.syncs == 1
    with closing(read_finished(tmp_path)) as finished:
        assert len(finished.succeeded) == 100


async def test_rows_that_finish_while_others_are_synced_form_the_next_group(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        done: list[int] = []

        async def finish(row: int) -> None:
            await asyncio.sleep(row * 0.0005)
            journal.append(line(row), lambda: done.append(row))

        await asyncio.gather(*(finish(row) for row in range(60)))
        await journal.flush()
        assert sorted(done) == list(range(60))
        assert journal.syncs <= 60


async def test_leaving_writes_what_is_pending(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        journal.append(line(3), lambda: None)
    with closing(read_finished(tmp_path)) as finished:
        assert list(finished.answered) == [3]


async def test_a_full_disk_is_an_error_and_acknowledges_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    acknowledged: list[int] = []
    async with Journal(tmp_path) as journal:
        journal.append(line(0), lambda: acknowledged.append(0))
        await journal.flush()
        monkeypatch.setattr(os, "fdatasync", full)
        journal.append(line(1), lambda: acknowledged.append(1))
        with pytest.raises(JournalError, match="No space left"):
            await journal.flush()
        with pytest.raises(JournalError):
            journal.append(line(2), lambda: acknowledged.append(2))
    assert acknowledged == [0]
    assert (tmp_path / "1of1-000001.jsonl").read_bytes() == line(0)


async def test_a_long_segment_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 100)
    async with Journal(tmp_path) as journal:
        for row in range(6):
            journal.append(line(row), lambda: None)
            await journal.flush()
    assert [path.name for path in segment_files(tmp_path)] == [f"1of1-{n:06d}.jsonl" for n in (1, 2, 3)]
    with closing(read_finished(tmp_path)) as finished:
        assert list(finished.answered) == list(range(6))
    assert own_segment(tmp_path, "1of1").name == "1of1-000003.jsonl"
    assert own_segment(tmp_path, "2of4").name == "2of4-000001.jsonl"


def test_an_answer_is_a_success_or_a_failure(tmp_path: Path) -> None:
    write(tmp_path, line(0), line(1, "server", status=500), line(2, "timeout", status=0))
    with closing(read_finished(tmp_path)) as finished:
        assert list(finished.answered) == [0, 1, 2]
        assert list(finished.succeeded) == [0]
        assert fault_counts(failures(tmp_path, finished)) == {"500": 1, "timeout": 1}


def test_a_success_is_never_undone_by_a_later_failure(tmp_path: Path) -> None:
    write(tmp_path, line(0), line(0, "server"))
    with closing(read_finished(tmp_path)) as finished:
        assert list(finished.succeeded) == [0]
        assert not list(failures(tmp_path, finished))


def test_a_later_success_heals_a_failure(tmp_path: Path) -> None:
    write(tmp_path, line(0, "server"), line(0))
    with closing(read_finished(tmp_path)) as finished:
        assert list(finished.succeeded) == [0]


def test_a_changed_row_needs_an_answer_again(tmp_path: Path) -> None:
    write(tmp_path, line(0, hash=1), line(0, CHANGED, hash=2, status=0))
    with closing(read_finished(tmp_path)) as finished:
        assert (len(finished.answered), len(finished.succeeded), finished.hashes[0]) == (0, 0, 2)
    write(tmp_path, line(0, hash=2))
    with closing(read_finished(tmp_path)) as finished:
        assert list(finished.succeeded) == [0]


def test_segments_of_all_shards_are_read(tmp_path: Path) -> None:
    write(tmp_path, line(0), name="1of2-000001.jsonl")
    write(tmp_path, line(1), name="2of2-000001.jsonl")
    write(tmp_path, line(2), name="notes.jsonl")
    with closing(read_finished(tmp_path)) as finished:
        assert list(finished.answered) == [0, 1]


async def test_a_writer_that_cannot_open_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SegmentWriter(tmp_path / "gone" / "1of1-000001.jsonl")
