"""A start that is refused leaves the run as it was; one whose listener leaves ends well."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from scripted_client import ScriptedClient

from ghmodels_async.batch import (
    BatchRun,
    ChangedRowError,
    Recipe,
    RunLockedError,
    RunMismatchError,
    Template,
    run_batch,
)
from ghmodels_async.batch.sources import Pipe


def rows(count: int, word: str = "p") -> list[dict[str, Any]]:
    return [{"id": f"r{n}", "prompt": f"{word}{n}"} for n in range(count)]


def piped(count: int, word: str = "p") -> Pipe:
    return Pipe(io.BytesIO(b"".join(json.dumps(row).encode() + b"\n" for row in rows(count, word))))


def names(path: Path) -> set[str]:
    return {each.name for each in path.iterdir()}


@pytest.mark.parametrize("other", [rows(3, "other"), rows(1), [], piped(3, "other"), piped(0)])
async def test_rows_that_are_refused_do_not_replace_those_of_the_run(tmp_path: Path, other: Any) -> None:
    """An empty pipe, say, because the command before it failed."""
    await run_batch(ScriptedClient(), rows(3), run_dir=tmp_path, models=("m",))
    before = (tmp_path / "rows.jsonl").read_bytes()
    with pytest.raises(ChangedRowError):
        await run_batch(ScriptedClient(), other, run_dir=tmp_path, models=("m",))
    assert (tmp_path / "rows.jsonl").read_bytes() == before
    assert names(tmp_path) == {"run.json", "rows.jsonl", "journal", "output.jsonl", "errors.jsonl"}
    client = ScriptedClient()
    assert (await run_batch(client, None, run_dir=tmp_path)).progress.before_done == 3
    assert client.asked == []


async def test_a_file_that_is_refused_does_not_become_the_input(tmp_path: Path) -> None:
    for name, word in (("one", "p"), ("two", "other")):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(3, word)))
    run = tmp_path / "run"
    await run_batch(ScriptedClient(), tmp_path / "one.jsonl", run_dir=run, models=("m",))
    with pytest.raises(ChangedRowError):
        await run_batch(ScriptedClient(), tmp_path / "two.jsonl", run_dir=run, models=("m",))
    assert (await run_batch(ScriptedClient(), None, run_dir=run)).progress.before_done == 3


async def test_a_start_that_finds_the_run_locked_changes_nothing_even_if_it_accepts_changes(tmp_path: Path) -> None:
    async with BatchRun(ScriptedClient(), rows(3), run_dir=tmp_path, models=("m",)):
        before = (tmp_path / "run.json").read_bytes()
        with pytest.raises(RunLockedError):
            await run_batch(ScriptedClient(), rows(3), run_dir=tmp_path, models=("n",), accept_changes=True)
        assert (tmp_path / "run.json").read_bytes() == before


async def test_before_the_first_answer_a_run_may_become_another(tmp_path: Path) -> None:
    """A template was wrong, or the forecast too long: the next command names another model, in the same place."""
    async with BatchRun(
        ScriptedClient(), rows(3), run_dir=tmp_path, models=("m",), recipe=Recipe(template=Template("{{nothing}}"))
    ):
        pass
    client = ScriptedClient()
    await run_batch(client, rows(3), run_dir=tmp_path, models=("a", "b"))
    assert len(client.asked) == 3
    with pytest.raises(RunMismatchError):
        await run_batch(ScriptedClient(), rows(3), run_dir=tmp_path, models=("m",))


async def test_a_listener_that_leaves_ends_the_run_well(tmp_path: Path) -> None:
    def leave(name: str, facts: dict[str, Any]) -> None:
        raise BrokenPipeError("nobody reads")

    client = ScriptedClient(seconds=0.001)
    with pytest.raises(BrokenPipeError):
        await run_batch(client, rows(500), run_dir=tmp_path, models=("m",), concurrency=5, on_event=leave)
    asked = len(client.asked)
    assert asked < 50
    again = ScriptedClient()
    summary = await run_batch(again, rows(500), run_dir=tmp_path, models=("m",))
    assert (summary.progress.before_done, len(again.asked)) == (asked, 500 - asked)
