"""Every code block of the README and of docs/ runs, against the simulated service.

A block whose info string says ``no-run`` is for reading only (it needs a live key, or does not end by itself). Pages in
`OWN_TEST` are covered by a test of their own.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from ghmodels_async.simulator.background import BackgroundServer

ROOT = Path(__file__).parents[2]
RUNNER = ROOT / "tests" / "support" / "run_block.py"
OWN_TEST = {"batch.md", "configuration.md", "profiles.md", "simulator.md"}
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    where: str
    language: str
    text: str


def blocks(language: str) -> list[Block]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = []
    for page in pages:
        if page.name in OWN_TEST:
            continue
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            if match[1] == language and "no-run" not in match[2]:
                line = text.count("\n", 0, match.start()) + 1
                found.append(Block(f"{page.name}:{line}", language, match[3]))
    return found


def readers_environment(simulated: BackgroundServer, home: Path) -> dict[str, str]:
    """What a reader has after `ghmodels simulate` told them what to export."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}",
        "GITHUB_TOKEN": simulated.token,
        "GHMODELS_BASE_URL": simulated.base_url,
        "OPENAI_BASE_URL": simulated.base_url,
        "OPENAI_API_KEY": simulated.token,
        "PYTHONWARNINGS": "error",
    }


def run(command: list[str], simulated: BackgroundServer, home: Path) -> None:
    ran = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=100,
        cwd=home,
        env=readers_environment(simulated, home),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr and "Warning" not in ran.stderr, ran.stderr


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.where)
def test_a_python_block_runs(block: Block, simulated_models: BackgroundServer, tmp_path: Path) -> None:
    script = tmp_path / "block.py"
    script.write_text(block.text, encoding="utf-8")
    run([sys.executable, str(RUNNER), str(script)], simulated_models, tmp_path)


@pytest.mark.parametrize("block", blocks("bash"), ids=lambda block: block.where)
def test_a_shell_block_runs(block: Block, simulated_models: BackgroundServer, tmp_path: Path) -> None:
    lines = [line for line in block.text.splitlines() if line.strip()]
    assert lines
    for line in lines:
        run(shlex.split(line, comments=True), simulated_models, tmp_path)


def test_the_readme_has_its_five_examples() -> None:
    assert sum(block.where.startswith("README.md") for block in blocks("python")) >= 6
