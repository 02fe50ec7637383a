"""JSON schemas in the subset that "strict" structured output accepts.

Source: Azure OpenAI, "Structured outputs", sections "Supported schemas and limitations" and "Unsupported type-specific
keywords" (read 2026-11-22; GitHub Models' OpenAI deployments spoke that dialect). OpenAI's own list has since become
longer (patterns, ranges, array bounds); what fits the shorter one fits both. So:

- every property is required, `additionalProperties` is false, the root is an object (another type is wrapped);
- a `$ref` stands alone: one with neighbours is replaced by what it points to; a recursive one stays and loses them;
- `oneOf` becomes `anyOf`, `const` an `enum` of one, a single `allOf` is merged, a tuple becomes an array;
- bounds, patterns, formats, defaults and examples are moved into the description: the model still reads them, and
  pydantic checks them when the reply is there;
- what cannot be said (a dict with free keys, `Any`, a bare list) is an error that names the place.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigurationError

__all__ = ["StrictSchema", "strict_schema"]

Schema = dict[str, Any]

#: Property that carries a root that is not an object.
WRAPPED = "value"

_KEPT = ("type", "description", "properties", "required", "additionalProperties", "items", "enum", "anyOf", "$ref")
_STRING_AND_NUMBER = "minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf"
_NOTED = (*_STRING_AND_NUMBER.split(), "minItems", "maxItems", "uniqueItems", "default", "examples")
_IMPOSSIBLE = ("not", "if", "patternProperties", "dependentSchemas", "dependentRequired")


@dataclass(frozen=True, slots=True)
class StrictSchema:
    """`wrapped` tells that the value asked for is the property ``value`` of the object the schema describes."""

    schema: Schema
    wrapped: bool = False


def strict_schema(schema: Schema) -> StrictSchema:
    """Rewrite a tidy JSON schema; the argument is left alone.

    Raises:
        ConfigurationError: Something in it cannot be expressed in the subset. Nothing was sent.
    """
    walk = _Walk(schema.get("$defs", {}))
    root = {key: value for key, value in schema.items() if key != "$defs"}
    if "$ref" in root:
        root = {**walk.definition(root["$ref"]), **{key: value for key, value in root.items() if key != "$ref"}}
    wrapped = root.get("type") != "object" or ("properties" not in root and "additionalProperties" in root)
    if wrapped:
        root = {"type": "object", "properties": {WRAPPED: root}}
    done = walk.rewrite(root, "")
    definitions = walk.definitions()
    if definitions:
        done["$defs"] = definitions
    return StrictSchema(done, wrapped)


class _Walk:
    """One pass over one schema: remembers which definitions are still referred to."""

    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions
        self._used: dict[str, Schema | None] = {}
        self._inlining: list[str] = []

    def definition(self, ref: str) -> Schema:
        return self._definitions[ref.rpartition("/")[2]]

    def definitions(self) -> dict[str, Schema]:
        """The definitions still referred to, rewritten; rewriting one may refer to more."""
        while waiting := [name for name, done in self._used.items() if done is None]:
            for name in waiting:
                self._used[name] = self.rewrite(self._definitions[name], name)
        return {name: done for name, done in self._used.items() if done is not None}

    def rewrite(self, schema: Any, path: str) -> Schema:
        if schema is True or not isinstance(schema, dict):
            raise _unfit(path, "it may be anything", "Give it a type.")
        if "$ref" in schema:
            return self._ref(schema, path)
        schema = self._merged(schema, path)
        for keyword in _IMPOSSIBLE:
            if keyword in schema:
                raise _unfit(path, f"{keyword!r} is not part of the subset", "Use fields with fixed names and types.")
        done = {key: value for key, value in schema.items() if key in _KEPT}
        if "const" in schema:
            done["enum"] = [schema["const"]]
        variants = schema.get("anyOf", schema.get("oneOf"))
        if variants is not None:
            done["anyOf"] = [self.rewrite(one, path) for one in variants]
        elif schema.get("type") == "object":
            self._object(schema, done, path)
        elif schema.get("type") == "array":
            done["items"] = self._items(schema, path)
        elif "type" not in schema and "enum" not in done:
            raise _unfit(path, "it may be anything", "Give it a type.")
        return _with_notes(schema, done)

    def _ref(self, schema: Schema, path: str) -> Schema:
        ref = schema["$ref"]
        name = ref.rpartition("/")[2]
        beside = {key: value for key, value in schema.items() if key != "$ref" and key != "title"}
        if beside and ref not in self._inlining:
            self._inlining.append(ref)
            try:
                return self.rewrite({**self._definitions[name], **beside}, path)
            finally:
                self._inlining.pop()
        self._used.setdefault(name, None)
        return {"$ref": f"#/$defs/{name}"}

    def _merged(self, schema: Schema, path: str) -> Schema:
        parts = schema.get("allOf")
        if parts is None:
            return schema
        if len(parts) > 1:
            raise _unfit(path, "it must match several schemas at once", "Write one type that has all the fields.")
        inner = self.definition(parts[0]["$ref"]) if "$ref" in parts[0] else parts[0]
        return {**inner, **{key: value for key, value in schema.items() if key != "allOf"}}

    def _object(self, schema: Schema, done: Schema, path: str) -> None:
        properties = schema.get("properties")
        if properties is None and schema.get("additionalProperties", True) is not False:
            raise _unfit(path, "its keys are free", "Use a list of entries with a key and a value, or fixed fields.")
        where = f"{path}." if path else ""
        done["properties"] = {name: self.rewrite(one, where + name) for name, one in (properties or {}).items()}
        done["required"] = list(done["properties"])
        done["additionalProperties"] = False

    def _items(self, schema: Schema, path: str) -> Schema:
        if "prefixItems" in schema:
            kinds: list[Schema] = []
            for one in (*schema["prefixItems"], *([schema["items"]] if schema.get("items") else [])):
                kind = self.rewrite(one, f"{path}[]")
                if kind not in kinds:
                    kinds.append(kind)
            return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        if schema.get("items") in (None, True, {}):
            raise _unfit(path, "its items may be anything", "Say what it is a list of.")
        return self.rewrite(schema["items"], f"{path}[]")


def _with_notes(schema: Schema, done: Schema) -> Schema:
    notes = [
        f"{keyword} {json.dumps(schema[keyword], ensure_ascii=False)}"
        for keyword in _NOTED
        if keyword in schema and schema[keyword] is not None
    ]
    if notes:
        done["description"] = f"{schema.get('description', '')} ({', '.join(notes)})".strip()
    return done


def _unfit(path: str, why: str, fix: str) -> ConfigurationError:
    place = path or "the type"
    return ConfigurationError(
        f"Strict structured output cannot describe {place}: {why}.",
        checked="the JSON schema against the strict subset",
        fix=f"{fix}\nOr pass strict=False: the schema then is advice to the model, and the reply is still checked.",
    )
