"""Typed answers: what is asked for, how a reply becomes a value, every way it can fail to."""

import copy
import json
import pickle
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, field_validator
from scripted_model import Line, ScriptedModel, says
from simulated import LOW, connect

from ghmodels_async.clock import Clock
from ghmodels_async.errors import (
    ConfigurationError,
    FilteredReplyError,
    InvalidReplyError,
    LengthLimitError,
    RefusalError,
    ReplyError,
    RequestTimeoutError,
    StreamTruncatedError,
)
from ghmodels_async.simulator import OUTPUT_FILTERED, REFUSED, Fault, Simulation
from ghmodels_async.structured import parse, parse_reply, response_format, stream_parse

M = "openai/gpt-4.1-mini"


class Kind(Enum):
    CAPITAL = "capital"
    OTHER = "other"


class City(BaseModel):
    """A city."""

    name: str
    population: int = Field(ge=0)
    kind: Kind = Kind.OTHER
    rivers: list[str] = []

    @field_validator("name")
    @classmethod
    def _no_atlantis(cls, name: str) -> str:
        if name == "Atlantis":
            raise ValueError("there is no such city")
        return name


OSLO = '{"name": "Oslo", "population": 700000, "kind": "capital", "rivers": ["Akerselva"]}'


async def test_a_type_goes_out_as_a_strict_schema_and_comes_back_as_a_value(clock: Clock) -> None:
    model = ScriptedModel(says(OSLO), clock=clock)
    city = await parse(model, M, "Which city?", City, temperature=0, clock=clock)
    assert city == City(name="Oslo", population=700_000, kind=Kind.CAPITAL, rivers=["Akerselva"])
    asked = model.asked[0]
    assert asked.options["temperature"] == 0
    sent = asked.options["response_format"]["json_schema"]
    assert (sent["name"], sent["strict"]) == ("City", True)
    assert sent["schema"]["required"] == ["name", "population", "kind", "rivers"]
    assert asked.messages == [{"role": "user", "content": "Which city?"}]


async def test_types_that_are_no_objects_travel_inside_of_one(clock: Clock) -> None:
    model = ScriptedModel(says('{"value": [1, 2]}'), says('{"value": "capital"}'), says('{"value": null}'), clock=clock)
    assert await parse(model, M, "x", list[int], clock=clock) == [1, 2]
    assert await parse(model, M, "x", Kind, clock=clock) is Kind.CAPITAL
    optional: Any = City | None
    assert await parse(model, M, "x", optional, clock=clock) is None


async def test_a_fence_around_the_answer_is_no_obstacle(clock: Clock) -> None:
    model = ScriptedModel(says(f"```json\n{OSLO}\n```"), clock=clock)
    assert (await parse(model, M, "x", City, clock=clock)).name == "Oslo"


async def test_without_strict_free_keys_are_allowed_and_still_checked(clock: Clock) -> None:
    class Counts(BaseModel):
        words: dict[str, int]

    model = ScriptedModel(says('{"words": {"a": 1}}'), says('{"words": {"a": "b"}}'), says('{"value": {"k": 2}}'))
    with pytest.raises(ConfigurationError, match="words"):
        await parse(model, M, "x", Counts)
    assert model.asked == []
    assert (await parse(model, M, "x", Counts, strict=False)).words == {"a": 1}
    with pytest.raises(InvalidReplyError):
        await parse(model, M, "x", Counts, strict=False)
    assert model.asked[0].options["response_format"]["json_schema"]["strict"] is False
    assert await parse(model, M, "x", int | dict[str, int], strict=False) == {"k": 2}  # type: ignore[arg-type]


ENDINGS = [
    (Line(refusal="I cannot."), RefusalError),
    (Line(pieces=['{"name": '], finish="content_filter"), FilteredReplyError),
    (Line(pieces=['{"name": "Os'], finish="length"), LengthLimitError),
    (Line(pieces=["It is Oslo."]), InvalidReplyError),
    (Line(pieces=['{"name": "Oslo"}']), InvalidReplyError),
    (Line(pieces=[" "]), InvalidReplyError),
]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("line", "kind"), ENDINGS)
async def test_each_way_of_not_answering_has_a_class_and_keeps_the_reply(
    clock: Clock, line: Line, kind: type[ReplyError], streamed: bool
) -> None:
    model = ScriptedModel(line, clock=clock)
    with pytest.raises(kind) as caught:
        if streamed:
            await stream_parse(model, M, "secret prompt", City).final()
        else:
            await parse(model, M, "secret prompt", City, clock=clock)
    error = caught.value
    assert type(error) is kind
    assert error.partial.text == "".join(line.pieces)
    assert error.partial.usage.total_tokens == 15
    assert error.model == M
    assert error.why and error.fix
    assert "Oslo" not in str(error) and "secret" not in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert again.partial == error.partial and again.why == error.why


async def test_objections_name_each_place(clock: Clock) -> None:
    model = ScriptedModel(says('{"name": "Atlantis", "population": -1}'), clock=clock)
    with pytest.raises(InvalidReplyError) as caught:
        await parse(model, M, "x", City, clock=clock)
    assert caught.value.problems == (
        "name: Value error, there is no such city",
        "population: Input should be greater than or equal to 0",
    )
    assert caught.value.attempts == 1


async def test_asking_again_sends_the_objections_and_counts_the_cost(clock: Clock) -> None:
    model = ScriptedModel(says('{"name": "Atlantis", "population": 1}'), says("Oslo!"), says(OSLO), clock=clock)
    parsed = await parse_reply(model, M, "x", City, reask=2, clock=clock)
    assert parsed.value.name == "Oslo"
    assert parsed.attempts == 3
    assert parsed.usage.total_tokens == 45
    assert parsed.reply.text == OSLO
    last = model.asked[2].messages
    assert [message["role"] for message in last] == ["user", "assistant", "user", "assistant", "user"]
    assert last[1]["content"] == '{"name": "Atlantis", "population": 1}'
    assert "- name: Value error, there is no such city" in last[2]["content"]
    assert "Invalid JSON" in last[4]["content"]


async def test_asking_again_ends_with_the_last_objection(clock: Clock) -> None:
    model = ScriptedModel(says("no"), says("{}"), clock=clock)
    with pytest.raises(InvalidReplyError) as caught:
        await parse(model, M, "x", City, reask=1, clock=clock)
    assert caught.value.attempts == 2
    assert caught.value.problems[0] == "name: Field required"


async def test_a_refusal_is_not_asked_again(clock: Clock) -> None:
    model = ScriptedModel(Line(refusal="No."), says(OSLO), clock=clock)
    with pytest.raises(RefusalError):
        await parse(model, M, "x", City, reask=3, clock=clock)
    assert len(model.asked) == 1


async def test_the_deadline_covers_asking_again(clock: Clock) -> None:
    model = ScriptedModel(*[Line(pieces=["no"], pause=6)] * 3, clock=clock)
    with pytest.raises(RequestTimeoutError):
        await parse(model, M, "x", City, reask=5, deadline=10, clock=clock)
    assert len(model.asked) == 2
    assert model.asked[1].options["deadline"] == pytest.approx(4, abs=0.01)


async def test_what_cannot_work_is_refused_before_anything_is_asked(clock: Clock) -> None:
    model = ScriptedModel(clock=clock)

    class Opaque: ...

    with pytest.raises(TypeError, match="unexpected option 'response_format'"):
        await parse(model, M, "x", City, response_format={})  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="did you mean 'seed'"):
        stream_parse(model, M, "x", City, sead=1)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="reask"):
        await parse(model, M, "x", City, reask=-1)
    with pytest.raises(ConfigurationError, match="Opaque cannot be asked for"):
        await parse(model, M, "x", Opaque)


def test_the_shape_of_a_type_is_built_once_and_odd_types_work_too() -> None:
    assert response_format(City) is response_format(City)
    assert response_format(City, name="my city!")["json_schema"]["name"] == "my_city_"
    odd = Annotated[int, Field(json_schema_extra={"examples": [1]}), []]
    assert response_format(odd)["json_schema"]["schema"]["properties"]["value"]["type"] == "integer"


async def test_a_streamed_value_grows_and_ends_typed(clock: Clock) -> None:
    model = ScriptedModel(Line(pieces=["{", '"name": "Os', 'lo", "popu', 'lation": 70', '0000, "rivers": ["A', 'k"]}']))
    seen = []
    async with stream_parse(model, M, "x", City) as stream:
        async for partial in stream:
            seen.append(copy.deepcopy(partial))
    assert seen == [
        {},
        {"name": "Os"},
        {"name": "Oslo"},
        {"name": "Oslo", "population": 700000, "rivers": ["A"]},
        {"name": "Oslo", "population": 700000, "rivers": ["Ak"]},
    ]
    assert await stream.final() == City(name="Oslo", population=700_000, rivers=["Ak"])
    assert stream.reply.text.startswith('{"name"')


async def test_a_streamed_list_grows_as_a_list(clock: Clock) -> None:
    model = ScriptedModel(Line(pieces=['{"val', 'ue": [1', ", 2", "]}"]))
    stream = stream_parse(model, M, "x", list[int])
    assert stream.partial is None
    assert [list(partial) async for partial in stream] == [[], [1], [1, 2]]
    assert await stream.final() == [1, 2]


async def test_a_stream_that_stops_being_json_shows_what_it_was_and_fails_at_its_end(clock: Clock) -> None:
    model = ScriptedModel(Line(pieces=['{"name": "Oslo"', " or so", ", anyway"]))
    stream = stream_parse(model, M, "x", City)
    with pytest.raises(InvalidReplyError):
        await stream.final()
    assert stream.partial == {"name": "Oslo"}
    with pytest.raises(InvalidReplyError):
        await stream.final()


async def test_leaving_a_streamed_value_lets_go_of_the_stream(clock: Clock) -> None:
    model = ScriptedModel(says(OSLO), clock=clock)
    async with stream_parse(model, M, "x", City) as stream:
        async for _ in stream:
            break
    assert model.open == 0
    await stream.aclose()


async def test_the_simulated_service_takes_the_schema_and_fills_it(clock: Clock) -> None:
    simulation = Simulation(clock=clock, seed=2)
    async with connect(simulation, clock) as gh:
        city = await parse(gh, LOW, "Tell me about Oslo, 700000 people.", City, clock=clock)
        assert isinstance(city, City)
        stream = stream_parse(gh, LOW, "Tell me about Oslo, 700000 people.", City)
        partials = [json.dumps(partial) async for partial in stream]
        assert len(partials) > 2
        assert await stream.final() == city
        with pytest.raises(RefusalError):
            await parse(gh, LOW, REFUSED, City, clock=clock)
        with pytest.raises(FilteredReplyError):
            await parse(gh, LOW, OUTPUT_FILTERED, City, clock=clock)
        with pytest.raises(LengthLimitError) as caught:
            await parse(gh, LOW, "A long one, please.", City, max_tokens=3, clock=clock)
        assert caught.value.partial.usage.completion_tokens == 3
        simulation.script([Fault.truncate(after=6)])
        with pytest.raises(StreamTruncatedError):
            await stream_parse(gh, LOW, "Tell me.", City).final()


class Visit(BaseModel):
    day: date
    at: datetime
    guest: UUID
    stars: Annotated[int, Field(ge=400, le=500)]
    tags: Annotated[list[str], Field(min_length=3)]
    next: "Visit | None" = None


async def test_dates_bounds_and_recursion_come_back_from_a_model_that_reads_descriptions(clock: Clock) -> None:
    async with connect(Simulation(clock=clock, seed=3), clock) as gh:
        visit = await gh.parse(LOW, "When did they come?", Visit)
        async with gh.stream_parse(LOW, "When did they come?", Visit) as stream:
            assert isinstance(await stream.final(), Visit)
    assert 400 <= visit.stars <= 500
    assert len(visit.tags) >= 3
    assert isinstance(visit.next, Visit)
