"""Tools: what a model is told, which names travel, what is refused."""

import functools
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from ghmodels_async.errors import ConfigurationError
from ghmodels_async.tools import Tool, Toolbox, tool


def get_weather(city: str, days: int = 3) -> str:
    """Get the weather.

    Rain included.

    Args:
        city: Where.

    Returns:
        Words.
    """
    return f"{city}: sunny"


class Book(BaseModel):
    """Book a flight.

    Args:
        never: Read.
    """

    to: str


class Callable_(BaseModel):
    x: int

    def __call__(self) -> int:
        return self.x


def test_a_function_is_told_by_its_name_docstring_and_hints() -> None:
    assert tool(get_weather).schema == {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get the weather.\n\nRain included.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "Where."},
                    "days": {"type": "integer", "default": 3},
                },
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }


def test_name_and_description_may_be_given() -> None:
    function = tool(get_weather, name="weather.now!", description="W.").schema["function"]
    assert function["name"] == "weather_now_"
    assert function["description"] == "W."


def test_a_strict_tool_keeps_the_strict_subset_and_says_so() -> None:
    function = tool(get_weather, strict=True).schema["function"]
    assert function["strict"] is True
    assert function["parameters"]["required"] == ["city", "days"]
    assert function["parameters"]["properties"]["days"] == {"type": "integer", "description": "(default 3)"}


def test_a_pydantic_class_is_told_by_its_fields_and_docstring() -> None:
    function = tool(Book).schema["function"]
    assert (function["name"], function["description"]) == ("Book", "Book a flight.")
    assert function["parameters"]["properties"] == {"to": {"type": "string"}}


def test_a_class_without_a_docstring_does_not_inherit_pydantics() -> None:
    assert "description" not in tool(Callable_).schema["function"]


def test_partials_and_callable_objects_have_the_name_of_what_they_call() -> None:
    class Lookup:
        def __call__(self, key: str) -> str:
            """Look a key up."""
            return key

    assert tool(functools.partial(get_weather, days=1)).name == "get_weather"
    looked = tool(Lookup())
    assert (looked.name, looked.description) == ("Lookup", "Look a key up.")


def test_a_ready_schema_becomes_a_tool_that_checks_for_an_object() -> None:
    seen: list[Any] = []
    ready = Tool.from_schema(
        "files/read",
        {"type": "object", "title": "Read", "properties": {"path": {"type": "string"}}},
        seen.append,
        description="Read a file.",
    )
    assert ready.schema["function"]["name"] == "files_read"
    assert "title" not in ready.schema["function"]["parameters"]
    ready.bind('{"path": "a"}')()
    assert seen == [{"path": "a"}]
    with pytest.raises(ValidationError):
        ready.bind("[1]")


def test_tools_of_one_run_have_names_of_their_own() -> None:
    box = Toolbox([tool(get_weather, name="a.b"), tool(get_weather, name="a_b"), get_weather, get_weather])
    assert [schema["function"]["name"] for schema in box.schemas] == ["a_b_2", "a_b", "get_weather", "get_weather_2"]
    assert [one.name for one in box.tools] == ["a.b", "a_b", "get_weather", "get_weather"]


def test_a_model_may_use_the_wire_name_or_the_authors() -> None:
    box = Toolbox([tool(get_weather, name="a.b"), tool(get_weather, name="a_b")])
    assert box.find("a_b_2") is box.tools[0]
    assert box.find("a.b") is box.tools[0]
    assert box.find("a_b") is box.tools[1]
    assert box.find("nothing") is None


def test_names_in_an_earlier_exchange_are_made_fit_to_travel() -> None:
    box = Toolbox([tool(get_weather, name="weather.get")])
    call = {"id": "1", "type": "function", "function": {"name": "weather.get", "arguments": "{}"}}
    gone = {"id": "2", "type": "function", "function": {"name": "old tool", "arguments": "{}"}}
    history = [{"role": "assistant", "content": None, "tool_calls": [call, gone]}, {"role": "user", "content": "hi"}]
    fit = box.fit(history)
    assert [each["function"]["name"] for each in fit[0]["tool_calls"]] == ["weather_get", "old_tool"]
    assert call["function"]["name"] == "weather.get", "the caller's own messages are left alone"
    assert fit[1] == history[1]


def test_a_class_with_nothing_to_call_cannot_be_run_but_can_be_told() -> None:
    assert tool(Book).schema["function"]["name"] == "Book"
    with pytest.raises(ConfigurationError, match="'Book' cannot be run"):
        Toolbox([Book])
    assert Toolbox([Callable_]).tools[0].bind('{"x": 3}')() == 3


def test_what_is_no_tool_is_refused_by_itself() -> None:
    with pytest.raises(ConfigurationError, match="str is no tool"):
        Toolbox(["get_weather"])  # type: ignore[list-item]
    with pytest.raises(ConfigurationError, match="from_schema"):
        Toolbox([{"type": "function"}])  # type: ignore[list-item]
