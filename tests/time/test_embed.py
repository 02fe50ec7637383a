"""Texts to vectors through the limiter: how they are split, in which order they come back, what they cost."""

import asyncio
import json

import numpy
import pytest
from simulated import LOW, connect

from ghmodels_async import errors as e
from ghmodels_async.simulator import Fault, Simulation

SMALL = "openai/text-embedding-3-small"
TOO_LARGE = Fault.answers(
    413,
    {
        "error": {
            "code": "tokens_limit_reached",
            "message": "Request body too large for text-embedding-3-small model. Max size: 64000 tokens.",
        }
    },
)


@pytest.fixture
def simulation(clock):
    return Simulation(clock=clock, seed=1, record=True)


@pytest.fixture
async def gh(simulation, clock):
    async with connect(simulation, clock) as client:
        yield client


def counts(simulation):
    return [len(arrival.body["input"]) for arrival in simulation.log]


async def test_one_text_gives_one_row(gh, simulation):
    vectors = await gh.embed(SMALL, "a text")
    assert vectors.shape == (1, 1536)
    assert vectors.dtype == numpy.float32
    assert abs(float((vectors[0] ** 2).sum()) - 1) < 1e-5
    (arrival,) = simulation.log
    assert arrival.body == {"model": SMALL, "input": ["a text"], "encoding_format": "base64"}
    assert gh.usage.of(SMALL).prompt_tokens == 2


async def test_both_encodings_and_both_shapes_are_the_same_vectors(gh):
    packed = await gh.embed(SMALL, ["one", "two"], dimensions=64)
    numbers = await gh.embed(SMALL, ["one", "two"], dimensions=64, encoding="float", array=False)
    assert packed.shape == (2, 64)
    assert isinstance(numbers, list)
    assert numpy.allclose(packed, numbers, atol=1e-7)


async def test_texts_are_split_by_the_cap_on_texts_and_come_back_in_order(gh, simulation):
    texts = [f"text {number}" for number in range(5000)]
    vectors = await gh.embed(SMALL, texts, dimensions=8)
    assert sorted(counts(simulation)) == [904, 2048, 2048]
    for place in (0, 2047, 2048, 4999):
        assert numpy.array_equal(vectors[place], (await gh.embed(SMALL, texts[place], dimensions=8))[0])


async def test_texts_are_split_by_the_tokens_a_request_may_have(gh, simulation):
    texts = ["word " * 1000] * 200  # 250,000 tokens, 64,000 allowed at once
    vectors = await gh.embed(SMALL, texts, dimensions=8)
    assert vectors.shape == (200, 8)
    assert simulation.log.statuses == {200: len(counts(simulation))}
    assert max(counts(simulation)) >= 45, "a learned ratio fills requests to nine tenths"
    assert gh.usage.of(SMALL).prompt_tokens == 250_000


async def test_a_limit_of_the_users_own_splits_too(simulation, clock):
    async with connect(simulation, clock, limits={SMALL: {"tokens_in": 100}}, account="strict") as gh:
        await gh.embed(SMALL, ["word " * 20] * 8, dimensions=8)
    assert max(counts(simulation)) == 3


async def test_a_request_the_server_finds_too_large_is_cut_in_two(gh, simulation):
    texts = [f"text {number}" for number in range(8)]
    simulation.script(TOO_LARGE)
    vectors = await gh.embed(SMALL, texts, dimensions=8)
    assert counts(simulation) == [8, 4, 4]
    assert numpy.array_equal(vectors, await gh.embed(SMALL, texts, dimensions=8))


async def test_one_text_the_server_finds_too_large_is_named(gh, simulation):
    simulation.script(TOO_LARGE, when=lambda arrival: True)
    with pytest.raises(e.RequestTooLargeError) as caught:
        await gh.embed(SMALL, ["short", "shorter"])
    assert caught.value.__notes__ == ["text number 0"]
    assert counts(simulation) == [2, 1]


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        ([], e.BadRequestError),
        ("", e.BadRequestError),
        (["good", ""], e.BadRequestError),
        ((text for text in ["good", "", "good"]), e.BadRequestError),
        (["good", 7], TypeError),
        (["x" * 12 * 8200], e.RequestTooLargeError),
    ],
)
async def test_what_cannot_be_embedded_is_refused_before_anything_is_spent(gh, simulation, texts, error):
    with pytest.raises(error):
        await gh.embed(SMALL, texts)
    assert simulation.log.total == 0


async def test_a_misspelt_option_is_refused(gh, simulation):
    with pytest.raises(TypeError, match="did you mean 'dimensions'"):
        await gh.embed(SMALL, "text", dimension=8)
    with pytest.raises(TypeError, match="did you mean 'dimensions'"):
        gh.embed_each(SMALL, "text", dimension=8)
    assert simulation.log.total == 0


async def test_parts_come_lazily_in_order_and_say_what_they_cost(gh, simulation):
    pulled = 0

    closed = False

    async def texts():
        nonlocal pulled, closed
        try:
            for number in range(100_000):
                pulled += 1
                yield f"text {number}"
        finally:
            closed = True

    async with gh.embed_each(SMALL, texts(), dimensions=4, concurrency=2) as run:
        parts = [await anext(run) for _ in range(3)]
        assert pulled < 7 * 2048
    assert closed
    assert [part.ordinal for part in parts] == [0, 1, 2]
    assert [part.start for part in parts] == [0, 2048, 4096]
    assert parts[-1].stop == 3 * 2048
    assert run.usage.prompt_tokens == sum(part.usage.prompt_tokens for part in parts)
    assert parts[0].meta.attempts == 1
    await asyncio.sleep(1)
    assert simulation.log.open == 0


async def test_what_came_before_an_error_is_handed_out_first(gh, simulation):
    texts = [f"text {number}" for number in range(3000)] + [""]
    run = gh.embed_each(SMALL, texts, dimensions=4)
    parts = []
    with pytest.raises(e.BadRequestError, match="Text number 3000 is empty"):
        async for part in run:
            parts.append(part)
    assert parts[-1].stop == 3000
    assert sum(counts(simulation)) == 3000


async def test_a_failed_request_ends_the_run_in_its_turn(gh, simulation):
    simulation.script({2: Fault.answers(400, {"error": {"message": "no"}})})
    parts = []
    with pytest.raises(e.BadRequestError):
        async for part in gh.embed_each(SMALL, ["text"] * 10_000, dimensions=4):
            parts.append(part)
    assert [part.stop for part in parts] == [2048]


async def test_a_long_run_stays_within_every_limit(gh, simulation, clock):
    began = clock.now()
    async with gh.embed_each(SMALL, ["word " * 1600] * 1000, dimensions=4) as run:
        async for _ in run:
            pass
    assert simulation.log.statuses == {200: simulation.log.total}
    assert simulation.log.total > 30
    assert clock.now() - began > 60, "15 requests a minute"


async def test_the_deadline_is_for_all_requests_together(gh, clock):
    began = clock.now()
    with pytest.raises((e.WouldExceedDeadlineError, e.RequestTimeoutError)):
        await gh.embed(SMALL, ["word " * 1600] * 1000, dimensions=4, deadline=30)
    assert clock.now() - began <= 30.1


async def test_cancelling_frees_what_was_in_flight(gh, simulation):
    call = asyncio.create_task(gh.embed(SMALL, ["text"] * 20_000, dimensions=4))
    await asyncio.sleep(0.5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.sleep(1)
    assert simulation.log.open == 0


async def test_a_chat_model_cannot_embed(gh):
    with pytest.raises(e.BadRequestError, match="does not work with the specified model"):
        await gh.embed(LOW, "text")


@pytest.mark.parametrize(
    "body",
    [
        {"object": "list", "data": []},
        {"object": "list"},
        {"data": [{"index": 0, "embedding": "AAA="}]},
        {"error": {"message": "overloaded", "code": 503}},
    ],
)
async def test_a_200_that_holds_no_vectors_is_a_typed_error(gh, simulation, body):
    simulation.script(Fault.answers(200, body), when=lambda arrival: True)
    with pytest.raises(e.APIError):
        await gh.embed(SMALL, "text")


async def test_extra_fields_and_headers_travel(gh, simulation):
    await gh.embed(SMALL, "text", user="me", encoding=None, extra_headers={"x-trace": "7"})
    (arrival,) = simulation.log
    assert json.loads(json.dumps(arrival.body)) == {"model": SMALL, "input": ["text"], "user": "me"}
    assert arrival.headers["x-trace"] == "7"


async def test_answers_that_do_not_fit_together_are_an_error(gh, simulation):
    """A gateway that answers the second request from another model."""
    short = [{"index": place, "embedding": [1.0, 2.0]} for place in range(1)]
    simulation.script({2: Fault.answers(200, {"data": short})})
    with pytest.raises(e.ServerError, match="do not fit together"):
        await gh.embed(SMALL, ["text"] * 2049, dimensions=4)


async def test_texts_from_an_iterator_that_cannot_be_closed(gh):
    class Texts:
        def __init__(self):
            self.left = 3

        def __aiter__(self):
            return self

        async def __anext__(self):
            self.left -= 1
            if self.left < 0:
                raise StopAsyncIteration
            return "text"

    assert (await gh.embed(SMALL, Texts(), dimensions=4)).shape == (3, 4)
