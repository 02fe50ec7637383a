"""A valid instance of a JSON schema, made of what stands out in the prompt.

Covers what strict structured outputs allow and most of what tools declare: types and type lists, enum, const, objects,
arrays, numeric and length bounds, `multipleOf`, formats, patterns, `$ref`, `anyOf`/`oneOf`/`allOf`, recursion.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from ghmodels_async.simulator.patterns import text_matching
from ghmodels_async.simulator.prompts import names_in, numbers_in, topics_in

__all__ = ["Hints", "instance_of"]

#: Below this depth optional parts and extra items are left out, so that recursive schemas end.
_DEEP = 4

_FORMATS = {
    "date-time": "2026-01-15T09:30:00Z",
    "date": "2026-01-15",
    "time": "09:30:00Z",
    "duration": "PT15M",
    "email": "simulated@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/simulated",
    "url": "https://example.com/simulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


@dataclass(slots=True)
class Hints:
    """Values worth using, consumed from the front."""

    names: list[str] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, prompt: str) -> Hints:
        return cls(names_in(prompt), [float(number) for number in numbers_in(prompt)], topics_in(prompt))


def instance_of(schema: Any, luck: Random, hints: Hints) -> Any:
    """Make a value that is valid against `schema`.

    Args:
        schema: A JSON schema; `$ref` may point into it.
        luck: Decides where the schema leaves a choice.
        hints: Preferred values.
    """
    return _Maker(schema if isinstance(schema, Mapping) else {}, luck, hints).make(schema, "", 0)


_TOLD = re.compile(
    r"\b(format|pattern|minimum|maximum|exclusiveMinimum|exclusiveMaximum|multipleOf|minLength|maxLength|minItems|maxItems)"
    r' ("(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?)(?=[,)])'
)


class _Maker:
    def __init__(self, root: Mapping[str, Any], luck: Random, hints: Hints) -> None:
        self._root = root
        self._luck = luck
        self._hints = hints

    def make(self, schema: Any, name: str, depth: int) -> Any:
        """One value; `name` is the property it is for."""
        if not isinstance(schema, Mapping):
            return self._text({}, name)
        schema = self._resolved(schema, depth)
        schema = {**_told(schema.get("description")), **schema}
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._luck.choice(schema["enum"])
        return self._of_type(schema, _type_of(schema, depth), name, depth)

    def _of_type(self, schema: Mapping[str, Any], kind: str, name: str, depth: int) -> Any:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind in ("integer", "number"):
            return self._number(schema, kind)
        if kind == "boolean":
            return self._luck.random() < 0.5
        return None if kind == "null" else self._text(schema, name)

    def _resolved(self, schema: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
        """Follow references and alternatives until a plain schema is left."""
        for _ in range(32):
            if "$ref" in schema:
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = {**self._target(str(schema["$ref"])), **rest}
            elif schema.get("allOf"):
                rest = {key: value for key, value in schema.items() if key != "allOf"}
                schema = _merged([self._resolved(part, depth) for part in schema["allOf"]] + [rest])
            elif schema.get("anyOf") or schema.get("oneOf"):
                key = "anyOf" if schema.get("anyOf") else "oneOf"
                rest = {name: value for name, value in schema.items() if name != key}
                schema = _merged([rest, self._option(schema[key], depth)])
            else:
                break
        return schema

    def _option(self, options: list[Any], depth: int) -> Mapping[str, Any]:
        flat = [option for option in options if isinstance(option, Mapping)] or [{}]
        simple = [option for option in flat if "$ref" not in option and option.get("type") not in ("object", "array")]
        if depth >= _DEEP and simple:
            return simple[-1]
        return next((option for option in flat if option.get("type") != "null"), flat[0])

    def _target(self, reference: str) -> Mapping[str, Any]:
        found: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            if step:
                key = step.replace("~1", "/").replace("~0", "~")
                found = found.get(key, {}) if isinstance(found, Mapping) else {}
        return found if isinstance(found, Mapping) else {}

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = list(schema.get("required") or ())
        wanted = list(properties) if depth < _DEEP else [name for name in properties if name in required]
        wanted += [name for name in required if name not in properties]
        made = {name: self.make(properties.get(name, {}), name, depth + 1) for name in wanted}
        extra = schema.get("additionalProperties")
        for number in range(int(schema.get("minProperties", 0)) - len(made)):
            made[f"key{number + 1}"] = self.make(extra if isinstance(extra, Mapping) else {}, "", depth + 1)
        return made

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        prefix = schema.get("prefixItems") or []
        made = [self.make(item, name, depth + 1) for item in prefix]
        low = int(schema.get("minItems", 0))
        high = int(schema.get("maxItems", max(low, 3)))
        usual = max(low, 0 if depth >= _DEEP else min(2, high))
        items = schema.get("items", {})
        for _ in range(20 * usual):
            if len(made) >= usual or items is False:
                break
            value = self.make(items, name, depth + 1)
            if not schema.get("uniqueItems") or value not in made:
                made.append(value)
        return made

    def _number(self, schema: Mapping[str, Any], kind: str) -> float | int:
        step = schema.get("multipleOf") or (1 if kind == "integer" else 0)
        low, high = _bounds(schema, step or 1e-6)
        hinted = self._hints.numbers.pop(0) if self._hints.numbers else None
        if hinted is not None and low <= hinted <= high and (not step or hinted % step == 0):
            return int(hinted) if kind == "integer" else hinted
        if low == -math.inf:
            low = min(0.0, high - 100)
        value = self._luck.uniform(low, min(high, low + 100))
        if step:
            value = math.ceil(low / step) * step + step * self._luck.randint(0, 9)
            while value > high:
                value -= step
        return int(value) if kind == "integer" else round(value, 6)

    def _text(self, schema: Mapping[str, Any], name: str) -> str:
        if schema.get("pattern"):
            matching = text_matching(str(schema["pattern"]), self._luck)
            if matching is not None:
                return matching
        if schema.get("format") in _FORMATS:
            return _FORMATS[str(schema["format"])]
        text = self._word(name)
        low = int(schema.get("minLength", 0))
        high = int(schema.get("maxLength", max(low, 200)))
        while len(text) < low:
            text += " simulated"
        return text[:high]

    def _word(self, name: str) -> str:
        if self._hints.names:
            return self._hints.names.pop(0) if len(self._hints.names) > 1 else self._hints.names[0]
        if self._hints.topics:
            return self._luck.choice(self._hints.topics)
        return f"simulated {name}".strip()


def _told(description: Any) -> dict[str, Any]:
    """Bounds and formats that a description names, as strict schemas must: ``(minimum 1, format "date")``."""
    if not isinstance(description, str):
        return {}
    return {word: json.loads(value) for word, value in _TOLD.findall(description)}


def _type_of(schema: Mapping[str, Any], depth: int) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        if depth >= _DEEP and "null" in kind:
            return "null"
        kind = next((option for option in kind if option != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _bounds(schema: Mapping[str, Any], step: float) -> tuple[float, float]:
    low = float(schema.get("minimum", -math.inf))
    high = float(schema.get("maximum", math.inf))
    if isinstance(schema.get("exclusiveMinimum"), int | float):
        low = max(low, schema["exclusiveMinimum"] + step)
    if isinstance(schema.get("exclusiveMaximum"), int | float):
        high = min(high, schema["exclusiveMaximum"] - step)
    return low, high


def _merged(schemas: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Several schemas that all hold; only objects are really merged."""
    merged: dict[str, Any] = {}
    for schema in schemas:
        properties = {**merged.get("properties", {}), **schema.get("properties", {})}
        required = [*merged.get("required", []), *schema.get("required", [])]
        merged.update(schema)
        if properties:
            merged["properties"] = properties
        if required:
            merged["required"] = list(dict.fromkeys(required))
    return merged
