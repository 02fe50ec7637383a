"""Tool calls and structured output: arguments and instances that are valid against what was declared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime
from enum import Enum
from random import Random
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from ghmodels_async.simulator.instances import Hints, instance_of
from ghmodels_async.simulator.patterns import text_matching

Open = Callable[..., Any]


def weather(**more: Any) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["city"],
    }
    function = {"name": "get_weather", "description": "Current weather in a city", "parameters": parameters, **more}
    return {"type": "function", "function": function}


CLOCK = {"type": "function", "function": {"name": "get_local_time", "parameters": {"type": "object", "properties": {}}}}


def ask(asked: Any, text: str, **fields: Any) -> dict[str, Any]:
    choice = asked.json(asked.ask(messages=[{"role": "user", "content": text}], **fields))["choices"][0]
    return dict(choice)


def names(choice: dict[str, Any]) -> list[str]:
    return [call["function"]["name"] for call in choice["message"].get("tool_calls", ())]


def test_a_tool_that_shares_words_with_the_question_is_called_with_what_stands_out(desk: Open) -> None:
    choice = ask(desk(), "What is the weather like in Paris?", tools=[weather(), CLOCK])
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] is None
    (call,) = choice["message"]["tool_calls"]
    assert call["type"] == "function" and call["id"].startswith("call_")
    arguments = json.loads(call["function"]["arguments"])
    assert arguments["city"] == "Paris" and arguments["unit"] in ("celsius", "fahrenheit")


def test_a_question_that_no_tool_fits_is_answered_in_words(desk: Open) -> None:
    choice = ask(desk(), "Why do cats purr?", tools=[weather(), CLOCK])
    assert choice["finish_reason"] == "stop" and names(choice) == []


def test_several_names_become_parallel_calls_unless_forbidden(desk: Open) -> None:
    text = "Compare the weather in Paris and Rome"
    assert names(ask(desk(), text, tools=[weather()])) == ["get_weather"] * 2
    assert names(ask(desk(), text, tools=[weather()], parallel_tool_calls=False)) == ["get_weather"]


def test_several_tools_can_be_called_at_once(desk: Open) -> None:
    found = names(ask(desk(), "Tell me the weather and the local time in Oslo", tools=[weather(), CLOCK]))
    assert found == ["get_weather", "get_local_time"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", []),
        ("required", ["get_weather"]),
        ({"type": "function", "function": {"name": "get_local_time"}}, ["get_local_time"]),
    ],
)
def test_the_tool_choice_decides(desk: Open, choice: Any, expected: list[str]) -> None:
    assert names(ask(desk(), "Why do cats purr?", tools=[weather(), CLOCK], tool_choice=choice)) == expected


def test_results_end_the_round_and_appear_in_the_reply(desk: Open) -> None:
    asked = desk()
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    message = ask(asked, messages[0]["content"], tools=[weather()])["message"]
    call = message["tool_calls"][0]
    messages += [message, {"role": "tool", "tool_call_id": call["id"], "content": "21 degrees"}]
    final = asked.json(asked.ask(messages=messages, tools=[weather()]))["choices"][0]
    assert final["finish_reason"] == "stop"
    assert final["message"]["content"] == "[simulated] According to the tools: get_weather says 21 degrees."
    again = asked.json(asked.ask(messages=messages, tools=[weather()], tool_choice="required"))["choices"][0]
    assert names(again) == ["get_weather"]


def test_streamed_calls_come_in_fragments_that_add_up(desk: Open) -> None:
    asked = desk()
    fields = {"messages": [{"role": "user", "content": "weather in Paris and Rome"}], "tools": [weather()]}
    whole = asked.json(asked.ask(**fields))["choices"][0]["message"]["tool_calls"]
    built: dict[int, dict[str, Any]] = {}
    for chunk in asked.chunks(asked.ask(stream=True, **fields)):
        for choice in chunk["choices"]:
            for part in choice["delta"].get("tool_calls", ()):
                call = built.setdefault(part["index"], {"arguments": "", "fragments": 0})
                call.update({key: part[key] for key in ("id", "type") if key in part})
                call["name"] = part["function"].get("name", call.get("name"))
                call["arguments"] += part["function"]["arguments"]
                call["fragments"] += 1
    assert [(call["id"], call["name"], call["arguments"]) for call in built.values()] == [
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in whole
    ]
    assert all(call["fragments"] > 2 for call in built.values())


def test_a_json_object_has_the_keys_the_prompt_quotes(desk: Open) -> None:
    text = "Answer in json with the keys 'capital' and 'river' of France"
    content = ask(desk(), text, response_format={"type": "json_object"})["message"]["content"]
    assert set(json.loads(content)) == {"capital", "river"}
    content = ask(desk(), "some JSON please", response_format={"type": "json_object"})["message"]["content"]
    assert json.loads(content)["simulated"] is True


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(BaseModel):
    kind: Literal["leaf"]
    size: Annotated[float, Field(gt=0, le=1)]


class Branch(BaseModel):
    kind: Literal["branch"]
    children: list[Branch | Leaf] = Field(max_length=3)


class Everything(BaseModel):
    name: str
    nick: str | None
    colour: Colour
    small: Annotated[int, Field(ge=3, le=5)]
    even: Annotated[int, Field(multiple_of=2, gt=10)]
    share: Annotated[float, Field(ge=0, lt=1)]
    below: Annotated[int, Field(lt=-7)]
    tags: Annotated[list[str], Field(min_length=2, max_length=4)]
    many: Annotated[set[Literal["a", "b", "c"]], Field(min_length=3)]
    pair: tuple[int, str]
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d{3,4}(/v\d)?$")]
    short: Annotated[str, Field(max_length=4)]
    long: Annotated[str, Field(min_length=80)]
    day: date
    at: datetime
    key: UUID
    yes: bool
    extra: dict[str, int]
    tree: Branch
    either: Annotated[Branch | Leaf, Field(discriminator="kind")]


@pytest.mark.parametrize("seed", range(25))
def test_an_instance_is_valid_against_the_models_own_schema(seed: int) -> None:
    schema = Everything.model_json_schema()
    made = instance_of(schema, Random(seed), Hints.of("Give Anna 4 apples and Bob 12 in Paris"))
    assert Everything.model_validate(made).name == "Anna"


@pytest.mark.parametrize(
    "annotation",
    [int, str, float, bool, None, list[int], dict[str, list[Leaf]], int | None, tuple[()], list[Branch] | None, Colour],
)
def test_an_instance_of_any_type_validates(annotation: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    made = instance_of(adapter.json_schema(), Random(1), Hints())
    adapter.validate_python(made)


@pytest.mark.parametrize("schema", [{}, True, False, {"type": "weird"}, {"$ref": "#/nowhere"}, {"allOf": [{}, {}]}])
def test_an_odd_schema_still_makes_something(schema: Any) -> None:
    json.dumps(instance_of(schema, Random(1), Hints()))


def test_all_of_merges_objects() -> None:
    schema = {
        "allOf": [
            {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
            {"type": "object", "properties": {"b": {"const": 2}}, "required": ["b"]},
        ]
    }
    assert instance_of(schema, Random(1), Hints()) == {"a": 1, "b": 2}


def test_the_reply_to_a_schema_is_an_instance_of_it(desk: Open) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "everything", "schema": Everything.model_json_schema()}}
    Everything.model_validate_json(ask(desk(), "go", response_format=wanted)["message"]["content"])


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d{4}-\d{2}$",
        "a|b|c",
        "[^a-z]+x?",
        r"(?:foo|bar){2}",
        r"^(?P<n>[\w.-]+)@\w+\.(com|org)$",
        r"[\]a-]",
        r"\.\*",
        "x{2,}",
    ],
)
def test_a_pattern_is_matched(pattern: str) -> None:
    for seed in range(20):
        text = text_matching(pattern, Random(seed))
        assert text is not None and re.search(pattern, text)


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(a)\1", "(", r"\bword"])
def test_a_pattern_beyond_the_generator_is_given_up(pattern: str) -> None:
    assert text_matching(pattern, Random(1)) is None
