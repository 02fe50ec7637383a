"""One simulated service and our face of the OpenAI SDK at it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from simulated import TOKEN

from ghmodels_async import GitHubModels
from ghmodels_async.openai_compat import OpenAIFace
from ghmodels_async.simulator import Server, Simulation


@pytest.fixture
def simulation() -> Simulation:
    return Simulation(fast=True, record=True)


@pytest.fixture
async def server(simulation: Simulation) -> AsyncIterator[Server]:
    async with simulation.serve() as running:
        yield running


@pytest.fixture
async def ours(server: Server) -> AsyncIterator[OpenAIFace]:
    async with GitHubModels(TOKEN, base_url=server.base_url, ledger="memory").as_openai() as face:
        yield face
