"""What cannot be a request is refused as one of our errors, before anything is spent."""

from typing import Any

import pytest
from simulated import LOW, connect

from ghmodels_async import Clock
from ghmodels_async.errors import BadRequestError
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
