"""Shared ground of all tests: which event loop a test runs on, and the clock that goes with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from virtual_time import VirtualTimeLoop, virtual_clock

from ghmodels_async.clock import Clock

TIME_TESTS = Path(__file__).parent / "time"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "virtual_time: run on a loop whose time is virtual (all of tests/time does)")


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], Any]]:
    virtual = item.get_closest_marker("virtual_time") or TIME_TESTS in item.path.parents
    return {"virtual": VirtualTimeLoop} if virtual else {"real": asyncio.new_event_loop}


@pytest.fixture
async def clock() -> Clock:
    """Nominal time of the test's own loop: virtual in tests/time, real elsewhere."""
    loop = asyncio.get_running_loop()
    return virtual_clock(loop) if isinstance(loop, VirtualTimeLoop) else Clock()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the developer's token or writes the developer's ledger."""
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "JAATO_GITHUB_ORGANIZATION", "JAATO_GITHUB_ENTERPRISE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("JAATO_GITHUB_ENDPOINT", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
