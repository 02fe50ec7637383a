"""Whether a list of messages is a conversation, and whether tools are well declared.

The service knows which tool results belong to which calls; a client that loses one is told so.

Source: OpenAI's API errors, as quoted in public issues; GitHub's reference for the roles (it omits `tool`, which
works).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ghmodels_async.simulator.answer import Answer
from ghmodels_async.simulator.refusals import invalid
from ghmodels_async.simulator.roster import Served

__all__ = ["check_messages", "check_tools"]

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_FUNCTION_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
#: `audio_url` is the Azure dialect's own (azure-ai-inference 1.0.0b9).
_PARTS = {
    "text": "text",
    "image_url": "image",
    "input_audio": "audio",
    "audio_url": "audio",
    "refusal": "text",
    "file": "text",
}


def check_messages(messages: Any, served: Served) -> Answer | None:
    """The first objection to `messages`, or None."""
    if messages is None:
        return invalid("Missing required parameter: 'messages'.", param="messages", code="missing_required_parameter")
    if not isinstance(messages, list):
        text = "Invalid type for 'messages': expected an array of objects."
        return invalid(text, param="messages", code="invalid_type")
    if not messages:
        return invalid("Invalid 'messages': empty array", param="messages", code="empty_array")
    for index, message in enumerate(messages):
        objection = _check_message(f"messages[{index}]", message, served)
        if objection is not None:
            return objection
    return _check_results(messages)


def _check_message(where: str, message: Any, served: Served) -> Answer | None:
    if not isinstance(message, Mapping):
        return invalid(f"Invalid type for '{where}': expected an object.", param=where, code="invalid_type")
    role = message.get("role")
    if role not in _ROLES:
        known = ", ".join(f"'{name}'" for name in _ROLES[:-1]) + f", and '{_ROLES[-1]}'"
        text = f"Invalid value: '{role}'. Supported values are: {known}."
        return invalid(text, param=f"{where}.role", code="invalid_value")
    calls = message.get("tool_calls")
    if calls is not None and not _well_formed_calls(calls):
        return invalid(f"Invalid value for '{where}.tool_calls'.", param=f"{where}.tool_calls", code="invalid_value")
    return _check_content(f"{where}.content", message, served)


def _check_content(where: str, message: Mapping[str, Any], served: Served) -> Answer | None:
    content = message.get("content")
    if content is None:
        if message["role"] == "assistant" and (message.get("tool_calls") or message.get("refusal")):
            return None
        return invalid("Invalid value for 'content': expected a string, got null.", param=where, code="invalid_type")
    if isinstance(content, str):
        return None
    if not isinstance(content, list):
        text = f"Invalid type for '{where}': expected one of a string or array of objects."
        return invalid(text, param=where, code="invalid_type")
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind not in _PARTS or not isinstance(part.get(kind), str | Mapping):
            known = ", ".join(f"'{name}'" for name in _PARTS)
            text = f"Invalid value: '{kind}'. Supported values are: {known}."
            return invalid(text, param=where, code="invalid_value")
        if _PARTS[kind] not in served.inputs:
            text = f"Invalid content type. {kind} is only supported by certain models."
            return invalid(text, param=where, code="invalid_value")
    return None


def _well_formed_calls(calls: Any) -> bool:
    return isinstance(calls, list) and all(
        isinstance(call, Mapping)
        and isinstance(call.get("function"), Mapping)
        and isinstance(call["function"].get("name"), str)
        and isinstance(call["function"].get("arguments"), str)
        for call in calls
    )


def _check_results(messages: list[Mapping[str, Any]]) -> Answer | None:
    """Each call answered, each answer to a call, at once."""
    open_calls: list[Any] = []
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                text = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                where = f"messages[{index}].role"
                return invalid(f"Invalid parameter: {text}", param=where)
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return _unanswered(open_calls, index)
        else:
            open_calls = [call.get("id") for call in message.get("tool_calls") or ()]
    return _unanswered(open_calls, len(messages)) if open_calls else None


def _unanswered(open_calls: list[Any], index: int) -> Answer:
    text = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(map(str, open_calls))}"
    )
    return invalid(text, param=f"messages.[{index}].role")


def check_tools(body: Mapping[str, Any]) -> Answer | None:
    """The first objection to `tools` and `tool_choice`, or None."""
    tools = body.get("tools")
    if tools is None:
        if body.get("tool_choice") not in (None, "none", "auto"):
            text = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
            return invalid(text, param="tool_choice")
        return None
    if not tools:
        text = "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead."
        return invalid(text, param="tools", code="empty_array")
    for index, tool in enumerate(tools):
        objection = _check_tool(f"tools[{index}]", tool)
        if objection is not None:
            return objection
    return _check_choice(body.get("tool_choice"), {tool["function"]["name"] for tool in tools})


def _check_tool(where: str, tool: Any) -> Answer | None:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    if not isinstance(function, Mapping) or tool.get("type") != "function":
        text = f"Missing required parameter: '{where}.function'."
        return invalid(text, param=f"{where}.function", code="missing_required_parameter")
    name = function.get("name")
    if not isinstance(name, str) or not _FUNCTION_NAME.fullmatch(name):
        where = f"{where}.function.name"
        text = "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        return invalid(f"Invalid '{where}': {text}", param=where, code="invalid_value")
    parameters = function.get("parameters", {})
    if not isinstance(parameters, Mapping) or parameters.get("type", "object") != "object":
        text = f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
        return invalid(text, param=f"{where}.function.parameters", code="invalid_function_parameters")
    return None


def _check_choice(choice: Any, names: set[str]) -> Answer | None:
    if choice is None or choice in ("none", "auto", "required"):
        return None
    named = choice.get("function", {}).get("name") if isinstance(choice, Mapping) else None
    if named in names:
        return None
    text = f"Invalid value: '{named or choice}'. Supported values are: 'none', 'auto', and 'required'."
    if named is not None:
        text = f"Tool choice '{named}' not found in 'tools' parameter."
    return invalid(text, param="tool_choice", code="invalid_value")
