"""Schemas in the strict subset."""

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ghmodels_async.errors import ConfigurationError
from ghmodels_async.schemas import StrictSchema, schema_of, strict_schema


def strict(kind: Any) -> StrictSchema:
    return strict_schema(schema_of(TypeAdapter(kind)))


class City(BaseModel):
    """A city."""

    name: str = Field(description="Its name.", min_length=1)
    population: int | None = None
    tags: list[str] = Field(default_factory=list, max_length=3)


class Node(BaseModel):
    label: str
    children: list["Node"] = []


def test_every_property_is_required_and_nothing_else_is_allowed() -> None:
    assert strict(City) == StrictSchema(
        {
            "type": "object",
            "description": "A city.",
            "properties": {
                "name": {"type": "string", "description": "Its name. (minLength 1)"},
                "population": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                "tags": {"type": "array", "items": {"type": "string"}, "description": "(maxItems 3)"},
            },
            "required": ["name", "population", "tags"],
            "additionalProperties": False,
        }
    )


def test_bounds_formats_and_defaults_move_into_the_description() -> None:
    class Trip(BaseModel):
        when: Annotated[str, Field(pattern="^x", json_schema_extra={"format": "date"})] = "xmas"
        cost: Annotated[float, Field(gt=0, le=9.5, multiple_of=0.5, description="In euros.")]

    properties = strict(Trip).schema["properties"]
    assert properties["when"] == {
        "type": "string",
        "description": '(pattern "^x", format "date", default "xmas")',
    }
    assert properties["cost"] == {
        "type": "number",
        "description": "In euros. (maximum 9.5, exclusiveMinimum 0, multipleOf 0.5)",
    }


def test_a_reference_alone_stays_and_one_with_a_description_is_inlined() -> None:
    class Trip(BaseModel):
        start: City
        end: City = Field(description="Where to.")

    schema = strict(Trip).schema
    assert schema["properties"]["start"] == {"$ref": "#/$defs/City"}
    assert schema["properties"]["end"]["description"] == "Where to."
    assert schema["properties"]["end"]["required"] == ["name", "population", "tags"]
    assert schema["$defs"]["City"]["additionalProperties"] is False


def test_definitions_nobody_refers_to_any_more_are_left_out() -> None:
    class Trip(BaseModel):
        end: City = Field(description="Where to.")

    assert "$defs" not in strict(Trip).schema


def test_a_recursive_root_is_an_object_that_refers_to_its_definition() -> None:
    done = strict(Node)
    assert not done.wrapped
    assert done.schema["type"] == "object"
    assert done.schema["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert done.schema["$defs"]["Node"]["required"] == ["label", "children"]


def test_a_described_recursive_reference_ends_somewhere() -> None:
    class Chain(BaseModel):
        label: str
        next: Annotated["Chain", Field(description="The rest.")] | None = None

    schema = strict_schema(
        {
            "$ref": "#/$defs/A",
            "$defs": {
                "A": {
                    "type": "object",
                    "properties": {"a": {"$ref": "#/$defs/A", "description": "Again."}},
                }
            },
        }
    ).schema
    assert schema["properties"]["a"]["description"] == "Again."
    assert schema["properties"]["a"]["properties"]["a"] == {"$ref": "#/$defs/A"}
    assert strict(Chain).schema["required"] == ["label", "next"]


@pytest.mark.parametrize("kind", [list[City], int, City | Node, Literal["a", "b"], tuple[int, str]])
def test_a_root_that_is_no_object_is_wrapped(kind: Any) -> None:
    done = strict(kind)
    assert done.wrapped
    assert done.schema["required"] == ["value"]
    assert done.schema["additionalProperties"] is False


def test_a_tuple_becomes_an_array_of_its_kinds() -> None:
    class Point(BaseModel):
        at: tuple[float, float]
        named: tuple[str, int]
        free: tuple[int, ...]

    properties = strict(Point).schema["properties"]
    assert properties["at"] == {
        "type": "array",
        "items": {"type": "number"},
        "description": "(minItems 2, maxItems 2)",
    }
    assert properties["named"]["items"] == {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    assert properties["free"]["items"] == {"type": "integer"}


def test_unions_become_any_of_and_constants_enums() -> None:
    class Cat(BaseModel):
        kind: Literal["cat"]

    class Dog(BaseModel):
        kind: Literal["dog"]

    class Pet(BaseModel):
        animal: Annotated[Cat | Dog, Field(discriminator="kind")]

    schema = strict(Pet).schema
    assert schema["properties"]["animal"] == {"anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}
    assert schema["$defs"]["Cat"]["properties"]["kind"] == {"type": "string", "enum": ["cat"]}


def test_a_single_all_of_is_merged_and_several_are_refused() -> None:
    definitions = {"A": {"type": "object", "properties": {"x": {"type": "string"}}}}
    merged = strict_schema(
        {
            "type": "object",
            "properties": {
                "a": {"allOf": [{"$ref": "#/$defs/A"}], "description": "An A."},
                "b": {"allOf": [{"type": "integer"}]},
            },
            "$defs": definitions,
        }
    ).schema["properties"]
    assert merged["a"]["description"] == "An A."
    assert merged["a"]["required"] == ["x"]
    assert merged["b"] == {"type": "integer"}
    with pytest.raises(ConfigurationError, match="cannot describe c: it must match several"):
        strict_schema({"type": "object", "properties": {"c": {"allOf": [{}, {}]}}})


def test_extra_allow_is_narrowed_to_the_fields() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        x: int

    assert strict(Open).schema["additionalProperties"] is False


def test_an_empty_class_is_an_empty_object() -> None:
    class Empty(BaseModel): ...

    assert strict(Empty).schema == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


class WithDict(BaseModel):
    inner: dict[str, int]


class WithAny(BaseModel):
    inner: Any


class WithList(BaseModel):
    inner: list  # type: ignore[type-arg]


class WithAnyList(BaseModel):
    inner: list[Any]


class Deep(BaseModel):
    deep: list[WithDict]


@pytest.mark.parametrize(
    ("kind", "place", "why"),
    [
        (WithDict, "inner", "keys are free"),
        (WithAny, "inner", "may be anything"),
        (WithList, "inner", "items may be anything"),
        (WithAnyList, "inner", "items may be anything"),
        (Deep, "inner", "keys are free"),
        (dict[str, int], "value", "keys are free"),
        (Any, "value", "may be anything"),
    ],
)
def test_what_the_subset_cannot_say_is_refused_with_its_place(kind: Any, place: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{place}: .*({why})") as caught:
        strict(kind)
    assert "strict=False" in caught.value.fix


def test_schema_keywords_of_logic_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="'not' is not part"):
        strict_schema({"type": "object", "properties": {"a": {"type": "string", "not": {"const": "x"}}}})


def test_a_schema_that_is_just_true_may_be_anything() -> None:
    with pytest.raises(ConfigurationError, match="describe a: it may be anything"):
        strict_schema({"type": "object", "properties": {"a": True}})


def test_the_argument_is_left_alone() -> None:
    schema = schema_of(TypeAdapter(Node))
    before = repr(schema)
    strict_schema(schema)
    assert repr(schema) == before


_leaves = st.sampled_from([str, int, float, bool, None, Literal["a", "b"], City, Node])
_kinds = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        inner.map(lambda kind: list[kind]),  # type: ignore[valid-type]
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1] if None not in pair else pair[0]),
    ),
    max_leaves=4,
)


def _check(schema: Any, definitions: dict[str, Any]) -> None:
    assert set(schema) <= {
        "type", "description", "properties", "required", "additionalProperties", "items", "enum", "anyOf", "$ref",
    }  # fmt: skip
    if "$ref" in schema:
        assert set(schema) == {"$ref"}
        assert schema["$ref"].removeprefix("#/$defs/") in definitions
    if schema.get("type") == "object":
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
    for one in (*schema.get("properties", {}).values(), *schema.get("anyOf", ())):
        _check(one, definitions)
    if schema.get("type") == "array":
        _check(schema["items"], definitions)


@given(_kinds)
def test_whatever_the_type_the_result_is_inside_the_subset(kind: Any) -> None:
    schema = dict(strict(kind).schema)
    definitions = schema.pop("$defs", {})
    assert schema["type"] == "object"
    _check(schema, definitions)
    for definition in definitions.values():
        _check(definition, definitions)
