"""What `response_format` may ask for, and what a strict schema has to look like.

Source: OpenAI's guide to structured outputs; "strict needs all properties required and additionalProperties false" was
also captured from GitHub Models (2026).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ghmodels_async.simulator.answer import Answer
from ghmodels_async.simulator.prompts import prompt_text
from ghmodels_async.simulator.refusals import invalid

__all__ = ["check_response_format"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def check_response_format(body: Mapping[str, Any]) -> Answer | None:
    """The first objection to `response_format` and to strict tools, or None."""
    for index, tool in enumerate(body.get("tools") or ()):
        function = tool["function"]
        if function.get("strict"):
            fault = _strict_fault(function.get("parameters") or {})
            if fault is not None:
                text = f"Invalid schema for function '{function['name']}': {fault}"
                return invalid(text, param=f"tools[{index}].function.parameters", code="invalid_function_parameters")
    wanted = body.get("response_format")
    if wanted is None or wanted.get("type") == "text":
        return None
    if wanted.get("type") == "json_object":
        if "json" not in prompt_text(body["messages"]).lower():
            text = (
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
            )
            return invalid(text, param="messages")
        return None
    if wanted.get("type") != "json_schema":
        text = f"Invalid value: '{wanted.get('type')}'. Supported values are: 'json_object', 'json_schema', and 'text'."
        return invalid(text, param="response_format.type", code="invalid_value")
    return _check_json_schema(wanted.get("json_schema"))


def _check_json_schema(wanted: Any) -> Answer | None:
    where = "response_format.json_schema"
    if not isinstance(wanted, Mapping):
        return invalid(f"Missing required parameter: '{where}'.", param=where, code="missing_required_parameter")
    name = wanted.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        text = f"Invalid '{where}.name': string does not match pattern. Expected '^[a-zA-Z0-9_-]+$'."
        return invalid(text, param=f"{where}.name", code="invalid_value")
    schema = wanted.get("schema")
    if not isinstance(schema, Mapping):
        return invalid(f"Missing required parameter: '{where}.schema'.", param=where, code="missing_required_parameter")
    fault = _strict_fault(schema) if wanted.get("strict") else None
    if fault is None:
        return None
    return invalid(f"Invalid schema for response_format '{name}': {fault}", param="response_format")


def _strict_fault(schema: Mapping[str, Any]) -> str | None:
    if schema.get("type") != "object" and "$ref" not in schema:
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."
    for path, part in _objects(schema, ()):
        where = "(" + ", ".join(f"'{step}'" for step in path) + ("," if len(path) == 1 else "") + ")"
        if part.get("additionalProperties") is not False:
            return f"In context={where}, 'additionalProperties' is required to be supplied and to be false."
        missing = [name for name in part.get("properties") or {} if name not in (part.get("required") or ())]
        if missing:
            text = "'required' is required to be supplied and to be an array including every key in properties."
            return f"In context={where}, {text} Missing '{missing[0]}'."
    return None


def _objects(schema: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every object schema with its path, outermost first."""
    if not isinstance(schema, Mapping) or len(path) > 40:
        return
    if schema.get("type") == "object" or "properties" in schema:
        yield path, schema
    for key in ("properties", "$defs", "definitions"):
        for name, part in (schema.get(key) or {}).items():
            yield from _objects(part, (*path, key, name))
    yield from _objects(schema.get("items"), (*path, "items"))
    for key in ("anyOf", "allOf", "oneOf"):
        for index, part in enumerate(schema.get(key) or ()):
            yield from _objects(part, (*path, key, str(index)))
