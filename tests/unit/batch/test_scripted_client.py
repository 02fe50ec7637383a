"""The tests' own client keeps the promises of the real one that batches stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from scripted_client import ScriptedClient
from simulated import LOW, connect

from ghmodels_async import Clock
from ghmodels_async.errors import GHModelsError, ServerError
from ghmodels_async.simulator import Simulation
from ghmodels_async.wire import ChatRequest


def clients(clock: Clock) -> list[Any]:
    simulation = Simulation(plan="enterprise", clock=clock, fast=True)
    return [ScriptedClient(clock=clock, seconds=0.1), connect(simulation, clock)]


def request(text: str) -> ChatRequest:
    return ChatRequest(model=LOW, messages=[{"role": "user", "content": text}])


@pytest.mark.virtual_time
@pytest.mark.parametrize("which", [0, 1], ids=["scripted", "real"])
async def test_requests_are_pulled_lazily_and_keep_their_keys(which: int, clock: Clock) -> None:
    client = clients(clock)[which]
    pulled: list[int] = []
    out = 0
    most = 0

    async def rows() -> AsyncIterator[tuple[str, ChatRequest]]:
        for n in range(12):
            pulled.append(n)
            yield f"key {n}", request(f"p{n}")

    keys = []
    async with client.map(rows(), concurrency=3, priority="batch", on_exhausted="raise", stream=True) as outcomes:
        async for outcome in outcomes:
            assert outcome.error is None
            assert outcome.reply.text
            assert outcome.reply.usage.prompt_tokens > 0
            keys.append(outcome.key)
            out += 1
            most = max(most, len(pulled) - out)
    assert sorted(keys) == sorted(f"key {n}" for n in range(12))
    assert most <= 3
    if which:
        await client.aclose()


@pytest.mark.virtual_time
async def test_an_error_of_ours_is_an_outcome_and_any_other_ends_the_run(clock: Clock) -> None:
    def script(asked: ChatRequest, before: int) -> str | GHModelsError:
        if asked.messages[-1]["content"] == "defect":
            raise ZeroDivisionError
        return ServerError("x", status=500)

    client = ScriptedClient(script, clock=clock)

    async def rows(text: str) -> AsyncIterator[tuple[str, ChatRequest]]:
        yield "key", request(text)
        await asyncio.sleep(0)

    (outcome,) = [each async for each in client.map(rows("fine"))]
    assert isinstance(outcome.error, ServerError)
    with pytest.raises(ZeroDivisionError):
        async for _ in client.map(rows("defect")):
            pass
