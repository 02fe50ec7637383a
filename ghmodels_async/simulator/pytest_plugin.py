"""Fixtures for testing an application without a token, a quota or the internet.

    def test_my_app(simulated_models):
        app = MyApp(base_url=simulated_models.base_url, api_key=simulated_models.token)
        app.run()
        assert simulated_models.log.statuses == {200: 3}

    @pytest.mark.simulated_models(plan="business", fault_rates={"reset_mid_stream": 0.1})
    def test_my_app_survives_resets(simulated_models): ...

`simulated_models` is a `BackgroundServer`: real HTTP on 127.0.0.1, one fresh service per test. The marker takes every
argument of `Simulation`; `fast` is true unless the marker says otherwise. `simulated_environment` also points the
environment variables of this package and of the OpenAI SDK at it, for applications that read their settings there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ghmodels_async.simulator.background import BackgroundServer

__all__ = ["pytest_configure", "simulated_environment", "simulated_models"]

_MARKER = "simulated_models"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", f"{_MARKER}(**options): arguments of the simulated service of this test")


@pytest.fixture
def simulated_models(request: pytest.FixtureRequest) -> Iterator[BackgroundServer]:
    """A simulated inference service on 127.0.0.1, fresh for this test."""
    from ghmodels_async.simulator.background import BackgroundServer
    from ghmodels_async.simulator.simulation import Simulation

    marker = request.node.get_closest_marker(_MARKER)
    options: dict[str, Any] = {"fast": True} | (dict(marker.kwargs) if marker is not None else {})
    with BackgroundServer(Simulation(**options)) as server:
        yield server


@pytest.fixture
def simulated_environment(simulated_models: BackgroundServer, monkeypatch: pytest.MonkeyPatch) -> BackgroundServer:
    """The same, with the environment pointing at it."""
    profile = simulated_models.simulation.profile
    for variable in (*profile.key_variables, "OPENAI_API_KEY"):
        monkeypatch.setenv(variable, simulated_models.token)
    monkeypatch.setenv("GHMODELS_PROFILE", profile.name)
    monkeypatch.setenv("GHMODELS_PLAN", simulated_models.simulation.plan)
    for variable in ("GHMODELS_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.setenv(variable, simulated_models.base_url)
    return simulated_models
