"""docs/batch.md: its shell blocks run in a shell, its numbers are the ones the code gives."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ghmodels_async import profiles
from ghmodels_async.batch import plan_rows

PAGE = (Path(__file__).parents[2] / "docs" / "batch.md").read_text(encoding="utf-8")
SHELL = re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PYTHON = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def environment(home: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "PYTHONWARNINGS": "error",
        "LANG": "C.UTF-8",
    }


@pytest.mark.parametrize("block", SHELL, ids=range(len(SHELL)))
def test_a_shell_block_runs(block: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env=environment(tmp_path),
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("block", PYTHON, ids=range(len(PYTHON)))
def test_a_python_block_runs(block: str, tmp_path: Path, simulated_models: object) -> None:
    where = {"GITHUB_TOKEN": simulated_models.token, "GHMODELS_BASE_URL": simulated_models.base_url}  # type: ignore[attr-defined]
    ran = subprocess.run(
        [sys.executable, "-c", block],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={**environment(tmp_path), **where},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "3 answered, 0 failed\n"


@pytest.mark.parametrize(
    ("models", "account", "minutes"),
    [
        (["openai/gpt-4.1"], True, 19 * 1440 + 5.5),
        (["openai/gpt-4.1-mini"], True, 6 * 1440 + 7),
        (8, True, 41.3),
        (8, False, 8.4),
    ],
)
def test_the_table_of_forecasts_is_what_plan_says(models: list[str] | int, account: bool, minutes: float) -> None:
    profile = profiles.load("github")
    if not account:
        profile = profile.model_copy(update={"account": ()})
    if isinstance(models, int):
        names = ["openai/gpt-4.1-mini", "openai/gpt-4.1-nano", "openai/gpt-4o-mini", "cohere/cohere-command-a"]
        names += [
            "mistral-ai/codestral-2501",
            "mistral-ai/ministral-3b",
            "microsoft/phi-4",
            "microsoft/phi-4-mini-instruct",
        ]
        models = names
    choice = plan_rows(profile, "free", {models[0]: 1000}, spread=models, margin=0.3, day_margin=2.0)
    assert choice.forecast.duration / 60 == pytest.approx(minutes, abs=0.05 if minutes < 60 else 0.25)
