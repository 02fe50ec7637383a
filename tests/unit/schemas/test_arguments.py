"""Functions and classes as argument schemas, and JSON text bound to calls."""

import functools
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from ghmodels_async.errors import ConfigurationError
from ghmodels_async.schemas import arguments_of, problems_of


class Unit(Enum):
    C = "celsius"
    F = "fahrenheit"


class Place(BaseModel):
    """Where."""

    city: str
    title: str = "capital"


def get_weather(city: str, days: int = 3, unit: Literal["C", "F"] = "C") -> str:
    """Get the weather.

    Args:
        city: Where.
        days: How many.
    """
    return f"{city} {days} {unit}"


def test_a_function_becomes_an_object_schema_with_descriptions() -> None:
    arguments = arguments_of(get_weather)
    assert arguments.schema == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where."},
            "days": {"type": "integer", "default": 3, "description": "How many."},
            "unit": {"type": "string", "enum": ["C", "F"], "default": "C"},
        },
        "required": ["city"],
        "additionalProperties": False,
    }
    assert not arguments.is_async


def test_text_is_bound_and_left_out_arguments_keep_the_functions_defaults() -> None:
    assert arguments_of(get_weather).bind('{"city": "Oslo", "unit": "F"}')() == "Oslo 3 F"


def test_values_arrive_as_the_annotated_types() -> None:
    def plan(when: date, unit: Unit, place: Place, sizes: set[int]) -> tuple[Any, ...]:
        return when, unit, place, sizes

    call = arguments_of(plan).bind(
        '{"when": "2026-11-22", "unit": "celsius", "place": {"city": "Rome"}, "sizes": ["1", 2]}'
    )
    assert call() == (date(2026, 11, 22), Unit.C, Place(city="Rome"), {1, 2})


def test_a_property_named_title_survives_and_titles_do_not() -> None:
    def visit(place: Place) -> None: ...

    schema = arguments_of(visit).schema
    assert schema["$defs"]["Place"]["properties"] == {
        "city": {"type": "string"},
        "title": {"type": "string", "default": "capital"},
    }
    assert "title" not in schema["$defs"]["Place"]


def test_no_parameter_name_collides_with_the_library_behind() -> None:
    def awkward(schema: str, json: int, model_config: str, _private: int, self: str, copy: bool = False) -> Any:
        return schema, json, model_config, _private, self, copy

    arguments = arguments_of(awkward)
    assert list(arguments.schema["properties"]) == ["schema", "json", "model_config", "_private", "self", "copy"]
    bound = arguments.bind('{"schema": "s", "json": 1, "model_config": "m", "_private": 2, "self": "x"}')
    assert bound() == ("s", 1, "m", 2, "x", False)


def test_what_the_author_wrote_into_a_field_wins_over_the_docstring() -> None:
    def f(
        a: Annotated[int, Field(ge=1, description="From the field.")],
        b: Annotated[str, Field(alias="from")] = "x",
        c: int = Field(5, le=9),
        d: list[int] = Field(default_factory=lambda: [1]),  # noqa: B008 - what is tested
    ) -> Any:
        """F.

        Args:
            a: From the docstring.
            c: The c.
        """
        return a, b, c, d

    arguments = arguments_of(f)
    properties = arguments.schema["properties"]
    assert properties["a"] == {"type": "integer", "minimum": 1, "description": "From the field."}
    assert properties["from"] == {"type": "string", "default": "x"}
    assert properties["c"] == {"type": "integer", "maximum": 9, "default": 5, "description": "The c."}
    assert arguments.schema["required"] == ["a"]
    assert arguments.bind('{"a": 2, "from": "y"}')() == (2, "y", 5, [1])
    with pytest.raises(ValidationError):
        arguments.bind('{"a": 0}')


def test_a_parameter_without_a_hint_takes_anything() -> None:
    def f(x, y=1):  # type: ignore[no-untyped-def]
        return x, y

    arguments = arguments_of(f)
    assert arguments.schema["properties"] == {"x": {}, "y": {"default": 1}}
    assert arguments.bind('{"x": [1, "a"]}')() == ([1, "a"], 1)


def test_positional_only_and_keyword_only_parameters_are_passed_their_way() -> None:
    def f(a: int, b: int = 2, /, *, c: int = 3) -> Any:
        return a, b, c

    arguments = arguments_of(f)
    assert arguments.bind('{"a": 1, "c": 9}')() == (1, 2, 9)
    assert arguments.bind('{"a": 1, "b": 8}')() == (1, 8, 3)


def test_a_positional_gap_is_filled_with_its_default() -> None:
    def f(a: int = 1, b: int = 2, /) -> Any:
        return a, b

    assert arguments_of(f).bind('{"b": 7}')() == (1, 7)


def test_keywords_without_names_are_passed_on() -> None:
    def f(a: int, **rest: Any) -> Any:
        return a, rest

    arguments = arguments_of(f)
    assert arguments.schema["additionalProperties"] is True
    assert arguments.bind('{"a": 1, "b": [2]}')() == (1, {"b": [2]})


def test_positional_rest_cannot_become_a_tool() -> None:
    def f(*values: int) -> None: ...

    with pytest.raises(ConfigurationError, match=r"f\(\) cannot become a tool: the values of \*values have no names"):
        arguments_of(f)


def test_a_type_without_a_json_form_is_refused_by_function() -> None:
    class Opaque: ...

    def f(x: Opaque) -> None: ...

    with pytest.raises(ConfigurationError, match=r"f\(\) cannot become a tool"):
        arguments_of(f)

    def g(x: "NotThere") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ConfigurationError, match="NotThere"):
        arguments_of(g)


def test_a_default_without_a_json_form_is_simply_not_described() -> None:
    nothing = object()

    def f(x: Any = nothing) -> bool:
        return x is nothing

    arguments = arguments_of(f)
    assert arguments.schema["properties"] == {"x": {}}
    assert arguments.bind("{}")() is True


def test_a_function_without_parameters_takes_an_empty_object_or_nothing() -> None:
    def now() -> str:
        return "now"

    arguments = arguments_of(now)
    assert arguments.schema == {"type": "object", "properties": {}, "additionalProperties": False}
    assert arguments.bind("")() == arguments.bind("{}")() == "now"


def test_methods_partials_and_callable_objects_are_functions_too() -> None:
    class Shop:
        def price(self, item: str) -> str:
            """Look up.

            Args:
                item: Which.
            """
            return f"{item}: 3"

        async def __call__(self, item: str) -> str:
            return item

    bound = arguments_of(Shop().price)
    assert bound.schema["properties"] == {"item": {"type": "string", "description": "Which."}}
    assert bound.bind('{"item": "tea"}')() == "tea: 3"
    assert arguments_of(Shop()).is_async
    partial = arguments_of(functools.partial(get_weather, unit="F"))
    assert partial.bind('{"city": "Oslo"}')() == "Oslo 3 F"


def test_async_functions_are_known_as_such() -> None:
    async def f(x: int) -> int:
        return x

    assert arguments_of(f).is_async
    assert arguments_of(functools.partial(f, 1)).is_async


def test_a_pydantic_class_is_its_fields() -> None:
    class Book(BaseModel):
        """Book a flight."""

        to: str
        seats: int = Field(1, ge=1)

    arguments = arguments_of(Book)
    assert "description" not in arguments.schema
    assert arguments.schema["properties"]["seats"] == {"type": "integer", "minimum": 1, "default": 1}
    assert not arguments.runs


def test_a_callable_pydantic_class_runs_its_instance() -> None:
    class Add(BaseModel):
        a: int
        b: int

        async def __call__(self) -> int:
            return self.a + self.b

    arguments = arguments_of(Add)
    assert arguments.runs
    assert arguments.is_async
    with pytest.raises(ValidationError):
        arguments.bind('{"a": 1}')


def test_unknown_arguments_and_broken_text_are_problems_without_the_input() -> None:
    with pytest.raises(ValidationError) as caught:
        arguments_of(get_weather).bind('{"days": "many-secret", "zip": "secret"}')
    assert problems_of(caught.value) == (
        "city: Field required",
        "days: Input should be a valid integer, unable to parse string as an integer",
        "zip: Extra inputs are not permitted",
    )
    with pytest.raises(ValidationError) as caught:
        arguments_of(get_weather).bind('{"city": "Os')
    assert problems_of(caught.value)[0].startswith("the whole: Invalid JSON")


def test_a_report_of_many_problems_is_cut() -> None:
    def f(xs: list[int]) -> None: ...

    with pytest.raises(ValidationError) as caught:
        arguments_of(f).bind('{"xs": [' + ",".join(['"a"'] * 50) + "]}")
    lines = problems_of(caught.value)
    assert len(lines) == 20
    assert lines[-1] == "and 31 more"
