"""Errors as they really come about, with real partial replies and tool runs, go through pickle whole."""

import pickle
from typing import Any

import pytest
from simulated import LOW, TOKEN

from ghmodels_async import Clock, GitHubModels, RetryPolicy, content
from ghmodels_async import errors as e
from ghmodels_async.simulator import Fault, Simulation

ENDS: list[tuple[Fault, type[e.GHModelsError]]] = [
    (Fault.truncate(6), e.StreamTruncatedError),
    (Fault.reset_mid_stream(6), e.StreamInterruptedError),
    (Fault.stall(6), e.RequestTimeoutError),
    (Fault.error_frame(6), e.ServerError),
    (Fault.reset_before_head(), e.ConnectionFailedError),
    (Fault.day_spent(), e.QuotaExhaustedError),
    (Fault.retired(), e.ServiceRetiredError),
]


def again(error: Any) -> Any:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error) and repr(copy) == repr(error)
    assert vars(copy).keys() == vars(error).keys()
    return copy


@pytest.mark.parametrize(("fault", "kind"), ENDS, ids=[fault.name for fault, _ in ENDS])
async def test_an_error_of_a_call_travels_with_its_partial_reply(fault: Fault, kind: type[e.GHModelsError]) -> None:
    clock = Clock(20)
    simulation = Simulation(clock=clock, fast=True)
    simulation.script([fault])
    async with (
        simulation.serve() as server,
        GitHubModels(
            TOKEN,
            base_url=server.base_url,
            clock=clock,
            ledger="memory",
            timeouts={"stall": 5},
            retry=RetryPolicy(attempts=1),
        ) as gh,
    ):
        with pytest.raises(kind) as caught:
            await gh.stream(LOW, "hi").final()
    copy = again(caught.value)
    partial = getattr(caught.value, "partial", None)
    if partial is not None:
        assert partial.text
        assert copy.partial == partial and copy.partial.raw == partial.raw
    assert (partial is not None) == (
        kind in (e.StreamTruncatedError, e.StreamInterruptedError, e.RequestTimeoutError, e.ServerError)
    )


async def test_an_error_of_a_tool_travels_with_its_run() -> None:
    def lookup(city: str) -> str:
        """Look a city up."""
        raise LookupError(city)

    simulation = Simulation(fast=True)
    async with simulation.serve() as server, GitHubModels(TOKEN, base_url=server.base_url, ledger="memory") as gh:
        with pytest.raises(e.ToolError) as caught:
            await gh.run_tools(LOW, "Look up Bern.", tools=[lookup], max_rounds=1)
    copy = again(caught.value)
    assert copy.run is not None and copy.tool == caught.value.tool


def test_a_picture_that_cannot_be_read_travels_too(tmp_path: Any) -> None:
    with pytest.raises(e.ContentError) as caught:
        content.image(tmp_path / "missing.png")
    again(caught.value)
