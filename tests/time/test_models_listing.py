"""Which models there are: asked live, and from the snapshot where nobody answers any more."""

import pytest
from simulated import connect

from ghmodels_async import errors as e
from ghmodels_async.catalog import CatalogEntry
from ghmodels_async.simulator import Fault, Simulation

CATALOG = {"when": lambda arrival: arrival.kind in ("catalog", "models")}


@pytest.fixture
def simulation(clock):
    return Simulation(clock=clock, seed=1)


async def test_a_live_catalog_is_asked_each_time_and_costs_no_quota(simulation, clock):
    async with connect(simulation, clock) as gh:
        assert len(await gh.models()) == 37
        openai = await gh.models(prefix="openai/")
        assert gh.usage.attempts == 0
    assert {card.id.partition("/")[0] for card in openai} == {"openai"}
    assert not any(isinstance(card, CatalogEntry) for card in openai)
    assert simulation.log.statuses == {200: 2}


@pytest.mark.parametrize("fault", [Fault.retired(), Fault.server_error(503), Fault.reset_before_head()])
async def test_the_snapshot_answers_where_the_service_does_not(simulation, clock, fault):
    simulation.script(fault, **CATALOG)
    async with connect(simulation, clock) as gh:
        cards = await gh.models(prefix="openai/gpt-4o")
    assert [card.id for card in cards] == ["openai/gpt-4o", "openai/gpt-4o-mini"]
    assert all(isinstance(card, CatalogEntry) for card in cards)


async def test_what_the_old_host_lists_can_be_asked(clock):
    simulation = Simulation("github-legacy", clock=clock, seed=1)
    async with connect(simulation, clock) as gh:
        cards = await gh.models()
        model = next(card.id for card in cards if card.name == "OpenAI GPT-4.1-mini")
        assert (await gh.chat(model, "Name three rivers.")).text
    assert model == "gpt-4.1-mini"


async def test_a_refused_key_is_not_hidden_behind_the_snapshot(simulation, clock):
    simulation.script(Fault.answers(401, {"error": {"message": "Bad credentials"}}), **CATALOG)
    async with connect(simulation, clock) as gh:
        with pytest.raises(e.TokenInvalidError):
            await gh.models()


async def test_without_a_snapshot_the_error_stands(clock):
    simulation = Simulation("groq", clock=clock)
    simulation.script(Fault.server_error(503), **CATALOG)
    async with connect(simulation, clock, token="KEY") as gh:
        with pytest.raises(e.ServerError):
            await gh.models()


async def test_an_endpoint_without_a_catalog_lists_nothing(clock):
    async with connect(Simulation("foundry", clock=clock), clock, token="KEY") as gh:
        assert await gh.models() == []


@pytest.mark.parametrize("body", [{"data": [{"name": "no id"}]}, [1, 2], "text"])
async def test_an_answer_that_is_no_list_of_models_is_an_error(clock, body):
    simulation = Simulation("groq", clock=clock)
    simulation.script(Fault.answers(200, body), **CATALOG)
    async with connect(simulation, clock, token="KEY") as gh:
        with pytest.raises(e.ServerError, match="not a list of models"):
            await gh.models()


async def test_a_page_instead_of_json_is_an_error(clock):
    simulation = Simulation("groq", clock=clock)
    simulation.script(Fault.html_page(200), **CATALOG)
    async with connect(simulation, clock, token="KEY") as gh:
        with pytest.raises(e.GHModelsError):
            await gh.models()


@pytest.mark.parametrize(("head", "waits"), [(5, 5), (300, 30), (None, 30)])
async def test_a_mute_catalog_gives_way_to_the_snapshot(simulation, clock, head, waits):
    simulation.script(Fault.slow_head(1000), **CATALOG)
    async with connect(simulation, clock, timeouts={"head": head}) as gh:
        began = clock.now()
        cards = await gh.models()
        assert waits <= clock.now() - began < waits + 1
    assert cards
