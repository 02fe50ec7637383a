"""From a journal to the two files people want."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ghmodels_async.batch import RunDirectory, merge
from ghmodels_async.batch.journal import CHANGED
from ghmodels_async.batch.segments import record_line


def line(row: int, text: str, fault: str | None = None, *, hash: int = 1) -> bytes:
    return record_line(
        row, hash, 0 if fault else 200, fault, json.dumps({"custom_id": f"c{row}", "text": text}).encode()
    )


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path)
    run.prepare({})
    return run


def write(run: RunDirectory, *lines: bytes, name: str = "1of1-000001.jsonl") -> None:
    with (run.journal / name).open("ab") as file:
        file.writelines(lines)


def texts(path: Path) -> list[tuple[str, str]]:
    return [(row["custom_id"], row["text"]) for row in map(json.loads, path.read_text().splitlines())]


def test_rows_come_in_the_order_of_the_input_whatever_order_they_finished_in(run: RunDirectory) -> None:
    write(run, *(line(row, "x") for row in (5, 1, 9, 0, 3)))
    merged = merge(run)
    assert (merged.succeeded, merged.failed) == (5, 0)
    assert [name for name, _ in texts(run.output)] == ["c0", "c1", "c3", "c5", "c9"]
    assert run.errors.read_bytes() == b""


def test_the_first_success_wins(run: RunDirectory) -> None:
    write(run, line(0, "failed", "server"), line(0, "first"), line(0, "second"), line(0, "late", "server"))
    merge(run)
    assert texts(run.output) == [("c0", "first")]
    assert texts(run.errors) == []


def test_a_row_that_never_succeeded_stands_with_its_last_failure(run: RunDirectory) -> None:
    write(run, line(0, "one", "server"), line(0, "two", "timeout"))
    merge(run)
    assert texts(run.output) == []
    assert texts(run.errors) == [("c0", "two")]


def test_a_changed_row_stands_with_its_new_answer_only(run: RunDirectory) -> None:
    write(run, line(0, "old"), line(1, "old"), line(0, "", CHANGED, hash=2), line(1, "", CHANGED, hash=2))
    write(run, line(0, "new", hash=2))
    merge(run)
    assert texts(run.output) == [("c0", "new")]
    assert texts(run.errors) == []


def test_segments_of_all_shards_come_together(run: RunDirectory) -> None:
    write(run, line(0, "a"), line(2, "c"), name="1of2-000001.jsonl")
    write(run, line(1, "b"), line(3, "d"), line(4, "torn")[:-5], name="2of2-000001.jsonl")
    merge(run)
    assert [text for _, text in texts(run.output)] == ["a", "b", "c", "d"]


def test_files_are_replaced_in_one_step_and_elsewhere_if_asked(run: RunDirectory, tmp_path: Path) -> None:
    write(run, line(0, "a"))
    run.output.write_text("what was there before\n")
    merge(run, output=tmp_path / "mine.jsonl", errors=tmp_path / "bad.jsonl")
    assert run.output.read_text() == "what was there before\n"
    assert texts(tmp_path / "mine.jsonl") == [("c0", "a")]
    merge(run)
    assert texts(run.output) == [("c0", "a")]
    assert not list(tmp_path.glob(".*.part"))


def test_a_merge_that_cannot_write_leaves_what_was_there(run: RunDirectory, tmp_path: Path) -> None:
    write(run, line(0, "a"))
    merge(run)
    with pytest.raises(OSError, match="No such file"):
        merge(run, output=tmp_path / "gone" / "output.jsonl")
    assert texts(run.output) == [("c0", "a")]
