"""Pydantic's JSON schemas without what no model reads.

Titles repeat the names beside them and are paid for as prompt tokens in every request; GitHub's free tier allows 8,000
per request, and tool schemas count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

__all__ = ["map_schemas", "schema_of", "tidy"]

Schema = dict[str, Any]

_ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems")
_MANY = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "patternProperties", "dependentSchemas")


class _Quiet(GenerateJsonSchema):
    # A default that has no JSON form is simply left out of the schema; the function applies it anyway.
    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012


def schema_of(adapter: TypeAdapter[Any]) -> Schema:
    """The schema of what validates, by alias, without titles.

    Raises:
        pydantic.PydanticInvalidForJsonSchema: The type has no JSON form.
    """
    return tidy(adapter.json_schema(by_alias=True, mode="validation", schema_generator=_Quiet))


def tidy(schema: Schema) -> Schema:
    """A copy without titles. A property *named* title stays."""
    shorter = map_schemas(schema, tidy)
    if isinstance(shorter.get("title"), str):
        del shorter["title"]
    return shorter


def map_schemas(schema: Schema, change: Callable[[Schema], Any]) -> Schema:
    """A copy whose direct subschemas are changed; booleans in a schema's place stay."""
    changed = dict(schema)
    for key in _ONE:
        if isinstance(changed.get(key), dict):
            changed[key] = change(changed[key])
    for key in _MANY:
        if isinstance(changed.get(key), list):
            changed[key] = [change(one) if isinstance(one, dict) else one for one in changed[key]]
    for key in _NAMED:
        if isinstance(changed.get(key), dict):
            changed[key] = {name: change(one) if isinstance(one, dict) else one for name, one in changed[key].items()}
    return changed
