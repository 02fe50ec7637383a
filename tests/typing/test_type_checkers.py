"""The files of this folder under both type checkers: what is promised holds, and every marked mistake is found.

Each mistake carries an ignore comment for each checker; an ignore that hides nothing is an error itself.
"""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
TYPED = sorted(str(path) for path in FOLDER.glob("typed_*.py"))


def checked(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, cwd=ROOT, check=False, timeout=110
    )


def test_mypy_agrees() -> None:
    ran = checked("mypy", "--strict", "--config-file", "pyproject.toml", *TYPED)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_pyright_agrees() -> None:
    if checked("pyright", "--version").returncode != 0:
        pytest.skip("pyright cannot be installed here: it is an npm package, fetched at its first run")
    ran = checked("pyright", "--project", "pyproject.toml", "--pythonpath", sys.executable)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_there_is_something_to_check() -> None:
    assert len(TYPED) >= 2
    mistakes = sum(Path(path).read_text(encoding="utf-8").count("# pyright: ignore") for path in TYPED)
    assert mistakes >= 15
