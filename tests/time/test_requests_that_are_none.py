"""What cannot be a request is refused as one of our errors, before anything is spent."""

from typing import Any

import pytest
from simulated import LOW, connect

from ghmodels_async import Clock, GitHubModels, content
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


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ([], BadRequestError),
        (7, BadRequestError),
        ({"prompt": "x", "temprature": 1}, BadRequestError),
        ({"prompt": "x", "deadline": "soon"}, ConfigurationError),
        ({"prompt": "x", "timeouts": {"stal": 1}}, ConfigurationError),
        ({"prompt": "x", "timeouts": 5}, ConfigurationError),
        ({"temperature": 1}, ConfigurationError),
    ],
)
async def test_one_such_row_does_not_end_a_map(clock: Clock, row: Any, error: type[Exception]) -> None:
    async with connect(Simulation(clock=clock), clock) as gh:
        outcomes = [outcome async for outcome in gh.map(["hello", row, "again"], model=LOW, ordered=True)]
    assert [type(outcome.error) for outcome in outcomes] == [type(None), error, type(None)]


async def test_a_misspelt_field_of_a_row_is_named_with_the_nearest_one(clock: Clock) -> None:
    async with connect(Simulation(clock=clock), clock) as gh:
        [outcome] = [outcome async for outcome in gh.map([{"prompt": "x", "temprature": 1}], model=LOW)]
    assert "did you mean 'temperature'" in str(outcome.error)


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ({"retry": 3}, "retry must be a RetryPolicy, not 3"),
        ({"limits": 5}, "limits must be a mapping or GateOptions, not 5"),
        ({"limits": {"account": {"concurent": 1}}}, "Write concurrent."),
        ({"timeouts": 5}, "5 is no phase"),
        ({"timeouts": {"stal": 1}}, "'stal' is no phase"),
        ({"timeouts": {"stall": "1"}}, "timeouts.stall must be greater than 0, not '1'"),
        ({"token": 5}, "the token argument gave int"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_refused_when_the_client_is_made(argument: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        GitHubModels(**argument)
    assert says in str(caught.value)
    assert caught.value.fix


async def test_what_to_do_is_about_the_field_that_is_wrong(clock: Clock) -> None:
    async with connect(Simulation(clock=clock), clock) as gh:
        with pytest.raises(BadRequestError) as caught:
            await gh.chat(LOW, "hi", temperature="warm")  # type: ignore[arg-type]
    assert caught.value.fix == "Correct temperature, or leave it out"


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
