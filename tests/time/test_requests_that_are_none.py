"""What cannot be a request is refused as one of our errors, before anything is spent."""

from typing import Any

import pytest
from simulated import LOW, connect

from ghmodels_async import Clock, content
from ghmodels_async.errors import BadRequestError, ConfigurationError
from ghmodels_async.simulator import Simulation


@pytest.mark.parametrize(
    ("model", "messages", "options", "field"),
    [
        ("", "hi", {}, "model"),
        (LOW, [], {}, "messages"),
        (LOW, 42, {}, "messages"),
        (LOW, ["not a message"], {}, "messages"),
        (LOW, "hi", {"temperature": "warm"}, "temperature"),
        (LOW, "hi", {"max_tokens": 1.5}, "max_tokens"),
    ],
)
async def test_the_field_is_named_and_nothing_is_sent(
    clock: Clock, model: Any, messages: Any, options: Any, field: str
) -> None:
    simulation = Simulation(clock=clock)
    async with connect(simulation, clock) as gh:
        with pytest.raises(BadRequestError) as caught:
            await gh.chat(model, messages, **options)
        with pytest.raises(BadRequestError):
            gh.stream(model, messages, **options)
    assert caught.value.param == field
    assert caught.value.status is None
    assert simulation.log.total == 0


async def test_what_was_given_is_not_repeated_in_the_message(clock: Clock) -> None:
    async with connect(Simulation(clock=clock), clock) as gh:
        with pytest.raises(BadRequestError) as caught:
            await gh.chat(LOW, ["a private question"])  # type: ignore[list-item]
    assert "private" not in str(caught.value) + repr(caught.value)


async def test_one_such_row_does_not_end_a_map(clock: Clock) -> None:
    async with connect(Simulation(clock=clock), clock) as gh:
        outcomes = [outcome async for outcome in gh.map(["hello", [], "again"], model=LOW, ordered=True)]
    assert [type(outcome.error) for outcome in outcomes] == [type(None), BadRequestError, type(None)]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "few"}, "dimensions"),
        ({"encoding": "hex"}, "encoding_format"),
        ({"extra_headers": {"x": "a\nb"}}, "extra_headers"),
    ],
)
async def test_embeddings_that_cannot_be_asked_for_are_refused_alike(
    clock: Clock, options: dict[str, Any], field: str
) -> None:
    simulation = Simulation(clock=clock)
    async with connect(simulation, clock) as gh:
        with pytest.raises(BadRequestError) as caught:
            await gh.embed("openai/text-embedding-3-small", "hi", **options)
    assert caught.value.param == field
    assert simulation.log.total == 0


@pytest.mark.parametrize("options", [{"priority": "urgent"}, {"on_exhausted": "sleep"}])
async def test_a_word_that_is_none_of_the_options_is_refused(clock: Clock, options: dict[str, Any]) -> None:
    simulation = Simulation(clock=clock)
    async with connect(simulation, clock) as gh:
        with pytest.raises(ConfigurationError, match="must be one of"):
            await gh.chat(LOW, "hi", **options)
        with pytest.raises(ConfigurationError, match="must be one of"):
            gh.stream(LOW, "hi", **options)
    assert simulation.log.total == 0


async def test_a_refused_message_is_named_by_its_place_and_its_field_by_what_can_carry_it(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    async with connect(simulation, clock) as gh:
        with pytest.raises(BadRequestError) as caught:
            await gh.chat(LOW, [{"role": "user"}])
    assert caught.value.param == "messages[0].content"
    assert "extra_body={'messages': …}" in caught.value.fix
    assert simulation.log.total == 0


async def test_audio_by_its_address_reaches_a_model_that_hears(clock: Clock) -> None:
    simulation = Simulation(clock=clock, record=True)
    message = content.user("What is said?", content.audio("https://example.com/a.mp3"))
    async with connect(simulation, clock) as gh:
        assert (await gh.chat("microsoft/phi-4-multimodal-instruct", [message])).text
    (arrival,) = simulation.log
    assert arrival.body["messages"][0]["content"][1]["type"] == "audio_url"
