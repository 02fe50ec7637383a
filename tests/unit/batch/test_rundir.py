"""The directory of one run."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from ghmodels_async.batch import RunDirectory, RunLockedError, RunMismatchError, Shard
from ghmodels_async.errors import ConfigurationError


def test_looking_touches_nothing(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    assert not run.exists
    with pytest.raises(ConfigurationError, match="no run in"):
        run.facts()
    assert list(tmp_path.iterdir()) == []


def test_the_same_identity_is_the_same_run(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.prepare({"models": ["a"], "system": None})
    run.remember(input="x")
    run.prepare({"models": ["a"], "system": None})
    assert run.facts()["input"] == "x"


def test_another_identity_is_refused_and_each_difference_named(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.prepare({"models": ["a"], "system": None, "kind": "jsonl"})
    before = (run.path / "run.json").read_bytes()
    with pytest.raises(RunMismatchError) as caught:
        run.prepare({"models": ["b"], "system": "s", "kind": "jsonl"})
    assert caught.value.checked == 'models: was ["a"], is ["b"]\nsystem: was null, is "s"'
    assert "--accept-changes" in caught.value.fix
    assert (run.path / "run.json").read_bytes() == before


def test_accepted_changes_are_kept_with_what_was_before(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.prepare({"models": ["a"]})
    run.prepare({"models": ["b"]}, accept_changes=True)
    assert run.facts()["identity"] == {"models": ["b"]}
    assert run.facts()["before"] == [{"models": ["a"]}]
    run.prepare({"models": ["b"]})


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.prepare({})
    (tmp_path / "run.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(ConfigurationError, match="another version"):
        run.facts()


@pytest.mark.parametrize(("first", "second"), [("1/1", "1/1"), ("1/1", "2/4"), ("2/4", "1/1"), ("1/2", "1/3")])
def test_a_second_start_is_refused(tmp_path: Path, first: str, second: str) -> None:
    run = RunDirectory(tmp_path)
    run.prepare({})
    with run.locked(Shard.parse(first)):
        with (
            pytest.raises(RunLockedError, match="being worked on") as caught,
            RunDirectory(tmp_path).locked(Shard.parse(second)),
        ):
            pytest.fail("both held it")
        assert "process" in caught.value.checked
        assert run.holders() == [f"shard {Shard.parse(first).name}: process {__import__('os').getpid()}"]
    with run.locked(Shard.parse(second)):
        pass
    assert run.holders() == []


def test_shards_of_one_number_work_side_by_side(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.prepare({})
    with run.locked(Shard(1, 2)), run.locked(Shard(2, 2)):
        assert len(run.holders()) == 2


def _hold_and_die(path: Path) -> None:
    run = RunDirectory(path)
    with run.locked(Shard()):
        __import__("os")._exit(9)


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    RunDirectory(tmp_path).prepare({})
    process = multiprocessing.get_context("spawn").Process(target=_hold_and_die, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == 9
    with RunDirectory(tmp_path).locked(Shard()):
        pass


def test_every_row_belongs_to_one_shard() -> None:
    shards = [Shard.parse(f"{n}/3") for n in (1, 2, 3)]
    for row in range(30):
        assert sum(shard.mine(row) for shard in shards) == 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "x", "1", "1/0", "-1/2", "1/2/3"])
def test_a_shard_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected i/n"):
        Shard.parse(text)


def test_a_start_outlasts_a_question_who_works_here(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with run.locked(Shard()):
        pass
    with (tmp_path / "journal" / "1of1.lock").open("r") as asked:
        fcntl.flock(asked, fcntl.LOCK_SH)
        answered = threading.Timer(0.02, fcntl.flock, (asked, fcntl.LOCK_UN))
        answered.start()
        with run.locked(Shard()):
            assert run.holders() == [f"shard 1of1: process {os.getpid()}"]
        answered.join()


def test_two_questions_at_once_find_nobody(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with run.locked(Shard()):
        pass
    with (tmp_path / "journal" / "1of1.lock").open("r") as asked:
        fcntl.flock(asked, fcntl.LOCK_SH)
        assert run.holders() == []


def test_questions_need_no_right_to_write(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with run.locked(Shard()):
        (tmp_path / "journal" / "1of1.lock").chmod(0o444)
        assert run.holders() == [f"shard 1of1: process {os.getpid()}"]
