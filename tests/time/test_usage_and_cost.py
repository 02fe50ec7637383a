"""What calls cost: per reply, per model, per client."""

import copy
from decimal import Decimal

import pytest
from simulated import connect

from ghmodels_async.simulator import Fault, Simulation

PRICED, UNPRICED = "openai/gpt-4o", "mistral-ai/codestral-2501"


@pytest.fixture
def simulation(clock):
    return Simulation(clock=clock, seed=1)


@pytest.fixture
async def gh(simulation, clock):
    async with connect(simulation, clock) as client:
        yield client


def answer(prompt, cached, completion):
    message = {"role": "assistant", "content": "Hi."}
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    return Fault.answers(200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})


async def test_a_reply_says_what_it_cost(gh, simulation):
    simulation.script(answer(1000, 200, 100))
    reply = await gh.chat(PRICED, "hi")
    assert reply.cost.units == 800 * Decimal("0.25") + 200 * Decimal("0.125") + 100
    assert reply.cost.dollars == Decimal("0.00325")


async def test_whole_and_streamed_replies_cost_the_same(gh):
    whole = await gh.chat(PRICED, "Name three rivers.", seed=5)
    streamed = await gh.stream(PRICED, "Name three rivers.", seed=5).final()
    assert whole.cost == streamed.cost
    assert whole.cost.units > 0
    assert gh.usage.cost.units == 2 * whole.cost.units


async def test_a_model_without_a_row_makes_its_cost_and_the_total_unknown(gh):
    priced, unpriced = await gh.chat(PRICED, "hi"), await gh.chat(UNPRICED, "hi")
    assert unpriced.cost.units is None
    assert gh.usage.costs[PRICED] == priced.cost
    assert gh.usage.costs[UNPRICED].units is None
    assert gh.usage.cost.units is None
    assert gh.usage.cost.known_units == priced.cost.units


async def test_a_reply_without_usage_makes_the_cost_unknown(gh, simulation):
    known = await gh.chat(PRICED, "hi")
    message = {"role": "assistant", "content": "Hi."}
    simulation.script(Fault.answers(200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
    unmetered = await gh.chat(PRICED, "hi")
    assert unmetered.cost.units is None
    assert gh.usage.of(PRICED).unmetered == 1
    assert gh.usage.cost == (None, known.cost.units)


async def test_another_service_has_other_prices(clock):
    """A Groq model may share its name with one of the price list."""
    async with connect(Simulation("groq", clock=clock), clock, token="KEY") as gh:
        reply = await gh.chat("llama-3.3-70b-versatile", "hi")
        assert reply.cost.units is None


async def test_embeddings_have_no_row_in_the_list(gh):
    async with gh.embed_each("openai/text-embedding-3-small", "text") as run:
        (part,) = [part async for part in run]
    assert part.usage.prompt_tokens == 1
    assert part.cost.units is None


async def test_the_sums_can_be_copied_aside(gh):
    await gh.chat(PRICED, "hi")
    before = copy.deepcopy(gh.usage)
    await gh.chat(PRICED, "hi")
    assert before.total.replies == 1
    assert gh.usage.total.replies == 2
    assert 2 * before.cost.units == gh.usage.cost.units
