"""The server under test, named by the environment.

GHMODELS_TEST_BASE_URL         inference root of an OpenAI-compatible server; deselected by default, `-m live` runs it
GHMODELS_TEST_MODEL            a chat model it serves
GHMODELS_TEST_KEY              its key; empty or absent: none
GHMODELS_TEST_PROFILE          whose dialect and limits apply; default `local` (no limits)
GHMODELS_TEST_EMBEDDING_MODEL  an embedding model, if it serves one
GHMODELS_TEST_TOOLS            1 if the model calls tools
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ghmodels_async import GitHubModels

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before `-m` looks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("live")


def setting(name: str) -> str:
    return os.environ.get(f"GHMODELS_TEST_{name}", "")


@pytest.fixture
def model() -> str:
    return setting("MODEL") or pytest.fail("GHMODELS_TEST_MODEL names no model")


@pytest.fixture
def embedding_model() -> str:
    return setting("EMBEDDING_MODEL") or pytest.skip("GHMODELS_TEST_EMBEDDING_MODEL names no model")


@pytest.fixture
def with_tools() -> None:
    if not setting("TOOLS"):
        pytest.skip("GHMODELS_TEST_TOOLS is not set")


@pytest.fixture
def server() -> dict[str, Any]:
    """Arguments of a client for the server under test."""
    profile = setting("PROFILE") or "local"
    return {
        "token": setting("KEY") or None,
        "base_url": setting("BASE_URL") or pytest.fail("GHMODELS_TEST_BASE_URL names no server"),
        "profile": profile,
        "ledger": "memory",
        "timeouts": {"first_delta": 100, "stall": 60},
    }


@pytest.fixture
async def gh(server: dict[str, Any]) -> AsyncIterator[GitHubModels]:
    async with GitHubModels(**server) as client:
        yield client
