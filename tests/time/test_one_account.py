"""Several clients of one account: one limiter, one transport that outlives each of them."""

import asyncio

import pytest
from simulated import LOW, TOKEN, connect, failed, timed_out

from ghmodels_async import GitHubModels
from ghmodels_async.simulator import Simulation


@pytest.fixture
def simulation(clock):
    return Simulation(clock=clock, seed=1, record=True)


class Door:
    """The memory door, with a note of whether somebody closed it."""

    def __init__(self, simulation):
        self._door = simulation.transport(connection_failed=failed, timed_out=timed_out)
        self.closed = 0

    async def send(self, request, *, timeouts, on_sent=None):
        return await self._door.send(request, timeouts=timeouts, on_sent=on_sent)

    async def aclose(self):
        self.closed += 1


def client(door, clock, **more):
    address = "http://127.0.0.1/inference"
    return GitHubModels(TOKEN, base_url=address, transport=door, clock=clock, ledger="memory", **more)


async def test_attribution_changes_the_route_and_not_the_quota(simulation, clock):
    async with connect(simulation, clock) as own, connect(simulation, clock, organization="my-org") as attributed:
        outcomes = await asyncio.gather(*(gh.chat(LOW, "hi") for gh in (own, attributed) * 20))
        assert all(outcome.text for outcome in outcomes)
        assert own._wiring.gate is attributed._wiring.gate
    assert simulation.log.statuses == {200: 40}
    paths = {arrival.path for arrival in simulation.log}
    assert paths == {"/inference/chat/completions", "/orgs/my-org/inference/chat/completions"}


async def test_embeddings_are_attributed_too(simulation, clock):
    async with connect(simulation, clock, organization="my-org") as gh:
        await gh.embed("openai/text-embedding-3-small", "text")
    assert [arrival.path for arrival in simulation.log] == ["/orgs/my-org/inference/embeddings"]


async def test_a_transport_that_was_passed_in_stays_open(simulation, clock):
    door = Door(simulation)
    async with client(door, clock) as one:
        await one.chat(LOW, "hi")
    async with client(door, clock) as other:
        assert (await other.chat(LOW, "hi")).text
    assert door.closed == 0


async def test_a_closed_client_says_so(simulation, clock):
    gh = client(Door(simulation), clock)
    await gh.aclose()
    await gh.aclose()
    for ask in (gh.chat(LOW, "hi"), gh.models()):
        with pytest.raises(RuntimeError, match="closed"):
            await ask
    assert simulation.log.total == 0
