"""The live suite itself, run against the simulated service: it works, and it skips nothing it was given."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


NOTHING_RAN = pytest.ExitCode.NO_TESTS_COLLECTED
LIVE = ("-m", "live")


def suite(*arguments: str, **settings: str) -> str:
    """Run it in a process of its own; the last line of its report."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GHMODELS_")}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, "tests/live"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**kept, **{f"GHMODELS_TEST_{name}": value for name, value in settings.items()}},
        timeout=100,
        check=False,
    )
    assert ran.returncode in (0, NOTHING_RAN), ran.stdout + ran.stderr
    return ran.stdout.strip().splitlines()[-1]


@pytest.mark.simulated_models(profile="local")
def test_every_live_test_passes_against_a_local_server(simulated_models):
    line = suite(
        *LIVE, BASE_URL=simulated_models.base_url, MODEL="llama3.2", EMBEDDING_MODEL="text-embedding-3-small", TOOLS="1"
    )
    assert re.match(r"\d+ passed in", line), line


@pytest.mark.simulated_models(profile="groq")
def test_every_live_test_passes_against_a_service_with_limits_and_a_key(simulated_models):
    line = suite(
        *LIVE,
        BASE_URL=simulated_models.base_url,
        MODEL="llama-3.3-70b-versatile",
        EMBEDDING_MODEL="text-embedding-3-small",
        KEY="gsk_simulated",
        PROFILE="groq",
        TOOLS="1",
    )
    assert re.match(r"\d+ passed in", line), line
    assert 429 not in simulated_models.log.statuses


def test_it_runs_only_when_asked_for():
    assert re.match(r"\d+ deselected in", suite())
