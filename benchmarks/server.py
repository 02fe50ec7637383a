"""Starts the stub server: stub.c where a C compiler is found, else several Python processes that do the same.

`Server.load()` tells what share of its core the server used since the last look: the check that it is not what is
measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from .machine import CACHE, SERVER_CORE, pin

__all__ = ["Server"]

_SOURCE = Path(__file__).with_name("stub.c")


class Server:
    """The stub server in processes of its own, on the last core.

    Args:
        workers: Processes that share the port.
        native: False to use the Python stand-in even where a compiler is found.
    """

    def __init__(self, workers: int = 1, *, native: bool = True) -> None:
        compiler = (shutil.which("cc") or shutil.which("gcc")) if native else None
        self.kind = "C, epoll" if compiler else "Python processes"
        command = [str(_compiled(compiler)), str(workers)] if compiler else _stand_in(max(2, workers))
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: pin(SERVER_CORE), start_new_session=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self._since, self._used = time.monotonic(), self._cpu()

    @property
    def root(self) -> str:
        """Base URL; a scenario's path is appended, see stub.c."""
        return f"http://127.0.0.1:{self.port}"

    def load(self) -> float:
        """Share of one core used since the last call, 0 to the number of workers."""
        now, used = time.monotonic(), self._cpu()
        share = (used - self._used) / max(1e-9, now - self._since)
        self._since, self._used = now, used
        return share

    def _cpu(self) -> float:
        group, total = str(self._process.pid), 0
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "stat").read_text().rpartition(")")[2].split()[2] == group:
                    # nanoseconds, by the scheduler; the ticks in `stat` miss work done between two of them
                    total += int((entry / "schedstat").read_text().split()[0])
            except OSError:  # it ended meanwhile
                continue
        return total / 1e9

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._process.pid, 15)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _compiled(compiler: str) -> Path:
    CACHE.mkdir(exist_ok=True)
    binary = CACHE / "stub"
    if not binary.exists() or binary.stat().st_mtime < _SOURCE.stat().st_mtime:
        fresh = CACHE / f"stub-{os.getpid()}"
        subprocess.run([compiler, "-O2", "-o", str(fresh), str(_SOURCE)], check=True)
        fresh.replace(binary)
    return binary


def _stand_in(workers: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.stub", str(workers)]
