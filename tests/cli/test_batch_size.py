"""Many rows through a pipe: memory does not grow with them. `benchmarks/batch.py` does the same with ten million."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "batch.py"
ROWS = 400_000
MEGABYTES = 100


#: Starts the command from a small process: what a child is charged for begins with the memory of its parent.
LAUNCHER = """
import resource, subprocess, sys
code = subprocess.call([sys.executable, "-m", "ghmodels_async", *sys.argv[1:]], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def _peak(shell: Any, *words: str, piped: int | None = None) -> int:
    """Run a command, rows piped into it if asked; its peak memory in MB."""
    maker = None
    if piped is not None:
        maker = subprocess.Popen([sys.executable, str(BENCHMARK), "--make-rows", str(piped)], stdout=subprocess.PIPE)
    ran = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *words],
        stdin=maker.stdout if maker else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=shell.env,
        cwd=shell.home,
        check=True,
    )
    if maker is not None:
        maker.communicate()
    return int(ran.stdout) // 1024


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_reading_many_rows_takes_no_more_memory_than_few(shell: Any, verb: str) -> None:
    assert _peak(shell, "batch", verb, "-", "-m", "openai/gpt-4.1-mini", piped=ROWS) < MEGABYTES


def test_resuming_many_finished_rows_takes_no_more_memory_than_few(shell: Any, tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(BENCHMARK), "--make-journal", "run", str(ROWS)], cwd=tmp_path, check=True)
    assert _peak(shell, "batch", "status", "run") < MEGABYTES
    assert _peak(shell, "batch", "merge", "run") < MEGABYTES
    with (tmp_path / "run" / "output.jsonl").open("rb") as output:
        assert sum(1 for _ in output) == ROWS
