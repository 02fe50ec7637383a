"""Tools through the whole client against the simulated service: schemas it accepts, exchanges it finds consistent."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel
from simulated import LOW, connect

from ghmodels_async import Clock, GitHubModels
from ghmodels_async.simulator import Simulation
from ghmodels_async.tools import run_tools, stream_tools, tool


class Place(BaseModel):
    city: str
    country: str = "?"


async def get_weather(place: Place, unit: Literal["C", "F"] = "C") -> str:
    """Get the weather of a place.

    Args:
        place: Where.
        unit: Celsius or Fahrenheit.
    """
    return f"12 °{unit} in {place.city}"


def lookup_population(city: str, year: int | None = None) -> int:
    """Look up how many people live in a city."""
    return 100_000


@pytest.fixture
def simulation(clock: Clock) -> Simulation:
    return Simulation(clock=clock, seed=3, record=True)


@pytest.fixture
async def gh(simulation: Simulation, clock: Clock) -> Any:
    async with connect(simulation, clock) as client:
        yield client


TOOLS = [get_weather, tool(lookup_population, name="stats.lookup population")]


async def test_parallel_calls_go_out_and_come_back(gh: GitHubModels, simulation: Simulation, clock: Clock) -> None:
    done = await run_tools(gh, LOW, "What is the weather in Paris and Rome?", TOOLS, clock=clock)
    assert done.rounds == 2 == simulation.log.total
    assert {call.name for call in done.calls} == {"get_weather"}
    assert len(done.calls) == 2
    assert all(call.error is None for call in done.calls)
    assert "get_weather says 12" in done.text
    assert gh.usage.of(LOW).total_tokens == done.usage.total_tokens


async def test_a_sanitised_name_is_called_and_answered(gh: GitHubModels, clock: Clock) -> None:
    done = await run_tools(gh, LOW, "How large is the population of Oslo?", TOOLS, clock=clock)
    assert [call.name for call in done.calls] == ["stats.lookup population"]
    assert "stats_lookup_population says 100000" in done.text


async def test_the_streamed_run_says_the_same(gh: GitHubModels, clock: Clock) -> None:
    prompt = "What is the weather in Paris and Rome?"
    whole = await run_tools(gh, LOW, prompt, TOOLS, clock=clock)
    async with stream_tools(gh, LOW, prompt, TOOLS, clock=clock) as stream:
        texts = [step.text async for step in stream]
    assert "".join(texts) == stream.run.text == whole.text
    assert stream.run.messages == whole.messages


async def test_an_exchange_goes_on_with_what_a_run_left(gh: GitHubModels, clock: Clock) -> None:
    first = await run_tools(gh, LOW, "What is the weather in Paris and Rome?", TOOLS, clock=clock)
    messages = [*first.messages, {"role": "user", "content": "Thanks!"}]
    second = await run_tools(gh, LOW, messages, [], clock=clock)
    assert second.rounds == 1 and second.text


async def test_a_strict_tool_is_accepted(gh: GitHubModels, clock: Clock) -> None:
    done = await run_tools(gh, LOW, "Weather in Oslo?", [tool(get_weather, strict=True)], clock=clock)
    assert done.calls[0].error is None
