"""What services of OpenAI's grammar refuse whatever the model: messages that are no conversation, tools and response
formats that are not well declared. Pure.

Only for profiles whose `dialect.strict_shapes` vouches for it: local servers take much of this. What a shape may hold
beyond what is named here is not judged.

Source: OpenAI API reference, "Create chat completion" (read 2026-11-22): `messages`, `tools`, `tool_choice`,
`response_format`; the strict subset from the guide to structured outputs. `audio_url`: azure-ai-inference 1.0.0b9.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["Misshapen", "misshapen"]

#: Where, what was found there, what belongs there.
Misshapen = tuple[str, object, str]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NAME_RULE = "1 to 64 letters, digits, underscores and dashes"
#: Kinds of content parts; each part carries its content under the name of its kind.
_PARTS = ("text", "image_url", "input_audio", "audio_url", "file", "refusal")
_FORMATS = ("text", "json_object", "json_schema")


def misshapen(given: Mapping[str, Any], overridden: Collection[str], *, plain: bool = False) -> Iterator[Misshapen]:
    """Find what is not well formed in the body fields of a chat request.

    Args:
        given: The fields that travel as their caller wrote them.
        overridden: Fields that travel otherwise; what refers to them is not judged.
        plain: Whether every message is known to be a role and a text and nothing else.
    """
    messages = given.get("messages", ())
    if not plain:
        yield from _messages(messages)
    if ("tools" in given or "tool_choice" in given) and "tools" not in overridden:
        yield from _tools(given)
    if "response_format" in given:
        yield from _response_format(given["response_format"], None if "messages" in overridden else messages)


def _messages(messages: Sequence[Mapping[str, Any]]) -> Iterator[Misshapen]:
    """Each message by itself, then every call answered at once and every answer to a call."""
    waiting: list[object] = []
    for position, message in enumerate(messages):
        role, calls = message.get("role"), message.get("tool_calls")
        content = message.get("content")
        if type(content) is not str or role is None or calls is not None:
            yield from _message(f"messages[{position}]", message)
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                yield f"messages[{position}].tool_call_id", message.get("tool_call_id"), "the id of a call just before"
            else:
                waiting.remove(message.get("tool_call_id"))
        elif waiting:
            yield f"messages[{position}].role", role, "first a message of role tool for every call before"
            waiting = []
        if calls and role != "tool" and isinstance(calls, list):
            waiting = [call.get("id") for call in calls if isinstance(call, Mapping)]
    if waiting:
        yield f"messages[{len(messages)}]", None, "a message of role tool for every call before"


def _message(where: str, message: Mapping[str, Any]) -> Iterator[Misshapen]:
    if message.get("role") is None:
        yield f"{where}.role", None, "a role in every message"
    calls, content = message.get("tool_calls"), message.get("content")
    if calls is not None and not (isinstance(calls, list) and all(map(_is_call, calls))):
        yield f"{where}.tool_calls", _kind(calls), "calls, each with a function's name and its arguments as JSON text"
    if content is None:
        if message.get("role") != "assistant" or not (calls or message.get("refusal")):
            yield f"{where}.content", None, "a text or parts; nothing only beside tool calls or a refusal"
    elif isinstance(content, list):
        for place, part in enumerate(content):
            kind = part.get("type") if isinstance(part, Mapping) else None
            if kind not in _PARTS:
                yield f"{where}.content[{place}].type", _kind(kind), f"one of {', '.join(_PARTS)}"
            elif not isinstance(part.get(kind), str | Mapping):
                yield f"{where}.content[{place}].{kind}", _kind(part.get(kind)), "the part's content"
    elif not isinstance(content, str):
        yield f"{where}.content", _kind(content), "a text or a list of parts"


def _is_call(call: object) -> bool:
    function = call.get("function") if isinstance(call, Mapping) else None
    return (
        isinstance(function, Mapping)
        and isinstance(function.get("name"), str)
        and isinstance(function.get("arguments"), str)
    )


def _tools(given: Mapping[str, Any]) -> Iterator[Misshapen]:
    tools, choice = given.get("tools"), given.get("tool_choice")
    if tools is None:
        if choice == "required" or isinstance(choice, Mapping):
            yield "tool_choice", _kind(choice), "tools, if one of them is to be called"
        return
    if not tools:
        yield "tools", [], "at least one tool, or none given"
    names = []
    for position, one in enumerate(tools):
        where = f"tools[{position}].function"
        function = one.get("function") if one.get("type") == "function" else None
        if not isinstance(function, Mapping):
            yield where, _kind(function), "type: function, and the function's name and parameters"
            continue
        name = function.get("name")
        names.append(name)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield f"{where}.name", _kind(name), _NAME_RULE
        parameters = function.get("parameters", {})
        if not isinstance(parameters, Mapping) or parameters.get("type", "object") != "object":
            yield f"{where}.parameters", _kind(parameters), "the JSON schema of an object"
        elif function.get("strict"):
            yield from _strict(parameters, f"{where}.parameters")
    if isinstance(choice, Mapping):
        named = choice.get("function")
        wanted = named.get("name") if isinstance(named, Mapping) else None
        if wanted not in names:
            yield "tool_choice", _kind(wanted), "the name of one of the tools"


def _response_format(wanted: Any, messages: Sequence[Mapping[str, Any]] | None) -> Iterator[Misshapen]:
    kind = wanted.get("type")
    if kind not in _FORMATS:
        yield "response_format.type", _kind(kind), f"one of {', '.join(_FORMATS)}"
    elif (
        kind == "json_object" and messages is not None and not any("json" in text.lower() for text in _texts(messages))
    ):
        yield "response_format.type", kind, 'the word "json" somewhere in the messages'
    elif kind == "json_schema":
        asked, where = wanted.get("json_schema"), "response_format.json_schema"
        if not isinstance(asked, Mapping):
            yield where, _kind(asked), "a name and a schema"
            return
        name, schema = asked.get("name"), asked.get("schema")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield f"{where}.name", _kind(name), _NAME_RULE
        if not isinstance(schema, Mapping):
            yield f"{where}.schema", _kind(schema), "a JSON schema"
        elif asked.get("strict"):
            yield from _strict(schema, f"{where}.schema")


def _strict(schema: Mapping[str, Any], where: str) -> Iterator[Misshapen]:
    """The rules of the strict subset that every server enforces; the first place that breaks one."""
    if schema.get("type") != "object" and "$ref" not in schema:
        yield f"{where}.type", _kind(schema.get("type")), "object, as strict schemas must be"
        return
    for place, part in _objects(schema, where):
        if part.get("additionalProperties") is not False:
            yield f"{place}.additionalProperties", _kind(part.get("additionalProperties")), "false, in strict schemas"
            return
        missing = [name for name in part.get("properties") or () if name not in (part.get("required") or ())]
        if missing:
            yield f"{place}.required", part.get("required"), f"every property in strict schemas, {missing[0]} too"
            return


def _objects(schema: Any, where: str, depth: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object schema inside, outermost first."""
    if not isinstance(schema, Mapping) or depth > 40:
        return
    if schema.get("type") == "object" or "properties" in schema:
        yield where, schema
    for key in ("properties", "$defs"):
        named = schema.get(key)
        for name, part in named.items() if isinstance(named, Mapping) else ():
            yield from _objects(part, f"{where}.{key}.{name}", depth + 1)
    yield from _objects(schema.get("items"), f"{where}.items", depth + 1)
    for key in ("anyOf", "allOf", "oneOf"):
        for position, part in enumerate(schema.get(key) or ()):
            yield from _objects(part, f"{where}.{key}[{position}]", depth + 1)


def _texts(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for message in messages:
        content = message.get("content")
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            for part in content:
                if isinstance(part, Mapping) and isinstance(part.get("text"), str):
                    yield part["text"]


def _kind(value: object) -> object:
    """What to show of a value: short texts and numbers as they are, of everything else only what it is."""
    if value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= 80):
        return value
    return f"({type(value).__name__})"
