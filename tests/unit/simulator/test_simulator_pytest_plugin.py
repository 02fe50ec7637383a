"""The plugin as a user meets it: another project's tests, in another pytest, with a synchronous client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from ghmodels_async.simulator import BackgroundServer, Simulation

THEIR_TESTS = """
import json, os, urllib.request
import pytest


def ask(server, key):
    body = json.dumps({"model": "openai/gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}).encode()
    request = urllib.request.Request(server + "/chat/completions", body, {"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_plain(simulated_models):
    assert ask(simulated_models.base_url, simulated_models.token) == 200
    assert simulated_models.log.statuses == {200: 1}


@pytest.mark.simulated_models(plan="enterprise", fault_rates={"server_error": 1.0})
def test_options(simulated_models):
    assert simulated_models.simulation.plan == "enterprise"
    assert ask(simulated_models.base_url, "any") == 500


def test_environment(simulated_environment):
    assert ask(os.environ["GHMODELS_BASE_URL"], os.environ["GITHUB_TOKEN"]) == 200
    assert os.environ["OPENAI_BASE_URL"] == simulated_environment.base_url
"""


def test_another_projects_tests_use_the_fixtures(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(THEIR_TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "ghmodels_async.simulator.pytest_plugin", "-W", "error"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    ran = subprocess.run([*command, "--strict-markers"], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout


def test_a_program_without_an_event_loop_can_start_and_stop_the_service() -> None:
    with BackgroundServer(Simulation(fast=True)) as server:
        with urllib.request.urlopen(f"{server.url}/catalog/models") as response:
            assert len(json.load(response)) == 37
        assert server.log.total == 1
        url = server.url
    with pytest.raises(OSError):
        urllib.request.urlopen(url)


def test_a_taken_port_is_told_to_whoever_starts_the_service() -> None:
    with BackgroundServer(Simulation(fast=True)) as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(OSError), BackgroundServer(Simulation(fast=True), port=port):
            pass
