"""A disk that is full, small or read-only: the run says so, and what was finished is kept."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MODEL = "openai/gpt-4.1-mini"
SIMULATED = ("--model", MODEL, "--simulate", "--plan", "enterprise", "--speed", "1200")
ROWS = 30


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"id": f"r{n}", "prompt": f"p{n}"}) + "\n" for n in range(ROWS)))
    return str(path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 KiB, where this process may mount one."""
    path = tmp_path / "disk"
    path.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12k", "tmpfs", str(path)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("may not mount a file system here")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def _limited(shell: Any, limit: int, *words: str) -> subprocess.CompletedProcess[str]:
    """The command with a bound on the size of any file it writes."""
    return subprocess.run(
        [sys.executable, "-m", "ghmodels_async", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env={**shell.env, "PYTHONDONTWRITEBYTECODE": "1"},  # a cut .pyc would break every later start
        cwd=shell.home,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )


def _whole_afterwards(shell: Any, rows: str, run: Path, kept: int) -> None:
    ran = shell("batch", "run", rows, "-o", str(run), *SIMULATED, "--json")
    assert ran.code == 0, ran.err
    summary = json.loads(ran.out.splitlines()[-1])
    assert summary["this_start"]["completed"] == ROWS - kept
    output = [json.loads(line)["custom_id"] for line in (run / "output.jsonl").read_text().splitlines()]
    assert output == [f"r{n}" for n in range(ROWS)]


def test_a_file_that_may_not_grow_stops_the_run_and_keeps_what_was_finished(
    shell: Any, rows: str, tmp_path: Path
) -> None:
    ran = _limited(shell, 6000, "batch", "run", rows, "-o", "run", *SIMULATED)
    assert ran.returncode == 1
    assert "finished rows could not be written" in ran.stdout
    assert "File too large" in ran.stdout
    assert "Traceback" not in ran.stderr
    segment = tmp_path / "run" / "journal" / "1of1-000001.jsonl"
    kept = segment.read_bytes().count(b"\n")
    assert 0 < kept < ROWS
    assert segment.read_bytes().endswith(b"}\n"), "no half line stays"
    _whole_afterwards(shell, rows, tmp_path / "run", kept)


def test_a_full_disk_stops_the_run_and_keeps_what_was_finished(shell: Any, rows: str, small_disk: Path) -> None:
    run = small_disk / "run"
    ran = shell("batch", "run", rows, "-o", str(run), *SIMULATED)
    assert ran.code == 1
    assert "No space left on device" in ran.out
    kept = sum(path.read_bytes().count(b"\n") for path in (run / "journal").glob("*.jsonl"))
    assert 0 < kept < ROWS
    subprocess.run(["mount", "-o", "remount,size=10m", str(small_disk)], check=True)
    _whole_afterwards(shell, rows, run, kept)


def test_input_that_does_not_fit_is_refused_before_anything_is_spent(shell: Any, small_disk: Path) -> None:
    text = "".join(json.dumps({"prompt": "x" * 100}) + "\n" for _ in range(500))
    ran = shell("batch", "run", "-", "-o", str(small_disk / "run"), *SIMULATED, stdin=text)
    assert ran.code == 2
    assert "could not be copied into the run directory: No space left on device" in ran.err
    assert not list((small_disk / "run").glob("*rows*"))


def test_a_place_that_cannot_be_written_is_refused(shell: Any, rows: str) -> None:
    ran = shell("batch", "run", rows, "-o", "/proc/ghmodels-run", *SIMULATED)
    assert ran.code == 2
    assert ran.err.startswith("Error: The run directory '/proc/ghmodels-run' cannot be written")
    assert "To fix: Name another directory" in ran.err


def test_a_merge_that_does_not_fit_leaves_the_journal_alone(shell: Any, rows: str, tmp_path: Path) -> None:
    assert shell("batch", "run", rows, "-o", "run", *SIMULATED).code == 0
    before = (tmp_path / "run" / "output.jsonl").read_bytes()
    ran = _limited(shell, 3000, "batch", "merge", "run")
    assert ran.returncode == 1
    assert "Error: [Errno" in ran.stderr
    assert (tmp_path / "run" / "output.jsonl").read_bytes() == before
    assert not list((tmp_path / "run").glob(".*.part"))
