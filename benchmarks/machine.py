"""The machine: cores to pin to, versions to print, the environment the peers are installed into."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
import venv
from pathlib import Path

__all__ = [
    "CACHE",
    "CLIENT_CORE",
    "SERVER_CORE",
    "describe",
    "environment",
    "pin",
    "raise_file_limit",
    "resident",
    "versions",
]

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".bench"

_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
CLIENT_CORE, SERVER_CORE = _CORES[0], _CORES[-1]

#: What the peers' environment holds besides this library, by package name.
PEERS = ["openai[aiohttp]", "azure-ai-inference", "orjson", "uvloop"]
_SHOWN = ["aiohttp", "pydantic", "orjson", "uvloop", "openai", "azure-ai-inference"]


def pin(core: int) -> None:
    """Stay on one core, where there is more than one to choose from."""
    if len(_CORES) > 1:
        os.sched_setaffinity(0, {core})


def raise_file_limit() -> None:
    """As many sockets as the system allows without asking."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def environment() -> str:
    """The interpreter of the peers' own environment, made and filled at first use.

    Returns:
        Path of the interpreter; this one if the packages cannot be installed.
    """
    folder = CACHE / "venv"
    python = folder / "bin" / "python"
    done = folder / ".installed"
    if not done.exists():
        print(f"installing {', '.join(PEERS)} into {folder.relative_to(ROOT)}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        constraints = ["--constraint", str(ROOT / "constraints.txt")]
        try:
            subprocess.run([*pip, *constraints, "-e", str(ROOT), *PEERS], check=True)
        except subprocess.CalledProcessError:
            print("that failed: peers that are missing here are left out", file=sys.stderr)
            return sys.executable
        done.touch()
    return str(python)


def describe() -> str:
    """One line: processor, cores, Python, system."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    cores = f"{len(_CORES)} cores" if len(_CORES) > 1 else "1 core"
    return f"{model}, {cores}, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def versions(python: str = sys.executable) -> str:
    """Versions of the packages that matter, as installed beside `python`."""
    code = "from benchmarks.machine import installed; print(installed())"
    return subprocess.run([python, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def installed() -> str:
    """Versions of the packages that matter, as installed beside this interpreter."""
    found = []
    for name in _SHOWN:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    return ", ".join(found)
