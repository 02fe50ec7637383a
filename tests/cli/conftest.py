"""The command as a stranger runs it: another process, its own environment, real pipes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Ran:
    """What came of one command."""

    code: int
    out: str
    err: str


class Shell:
    """Runs `ghmodels` with nothing of the developer's around it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {
            "PATH": str(Path(sys.executable).parent),  # no `gh` here: its login must not be found
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "PYTHONWARNINGS": "error",
            "LANG": "C.UTF-8",
        }

    def __call__(self, *words: str, stdin: str | None = None, timeout: float = 60, **variables: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "ghmodels_async", *words],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**self.env, **variables},
            cwd=self.home,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def running(self, *words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on; it is killed on the way out if it still lives."""
        process = subprocess.Popen(
            [sys.executable, "-m", "ghmodels_async", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.env, **variables},
            cwd=self.home,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    @contextmanager
    def simulator(self, *words: str) -> Iterator[str]:
        """A running `ghmodels simulate`; yields its inference root."""
        with self.running("simulate", *words) as process:
            yield address_of(process)


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"Inference root: (\S+)", line)
        if found:
            return found[1]
    raise AssertionError(process.stderr.read() if process.stderr else "no address")


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> Ran:
    """Ctrl-C, and what came of it."""
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=20)
    return Ran(process.returncode, out, err)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def ctrl_c():
    return interrupt


@pytest.fixture
def simulator_address():
    return address_of
