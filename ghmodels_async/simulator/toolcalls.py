"""Which tools a simulated model calls, and with what.

`auto` calls a tool whose name, description or parameters share words with the last user message; once results have come
back it answers with them. `required` and a named function always call. Several names in the message ("Paris and Rome")
become parallel calls unless `parallel_tool_calls` is false.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from random import Random
from typing import Any

from ghmodels_async.simulator.instances import Hints, instance_of
from ghmodels_async.simulator.prompts import last_user_text, text_of, topics_in
from ghmodels_async.simulator.reply import PlannedCall
from ghmodels_async.simulator.writer import LABEL

__all__ = ["answer_with_results", "plan_calls"]

_MOST_CALLS = 4


def plan_calls(body: Mapping[str, Any], luck: Random) -> list[PlannedCall]:
    """The calls of one reply; empty if the model answers in words."""
    tools = [tool["function"] for tool in body.get("tools") or ()]
    choice = body.get("tool_choice") or "auto"
    if not tools or choice == "none":
        return []
    prompt = last_user_text(body["messages"])
    if isinstance(choice, Mapping):
        wanted = [tool for tool in tools if tool["name"] == choice["function"]["name"]]
    else:
        fitting = [tool for tool in tools if _kinship(tool, prompt)]
        if choice == "auto" and body["messages"][-1].get("role") == "tool":
            fitting = []
        wanted = fitting or (tools[:1] if choice == "required" else [])
    hints = Hints.of(prompt)
    if body.get("parallel_tool_calls") is False:
        wanted = wanted[:1]
    elif len(wanted) == 1 and len(hints.names) > 1:
        each = [Hints([name], hints.numbers, hints.topics) for name in hints.names[:_MOST_CALLS]]
        return [_call(wanted[0], luck, hint) for hint in each]
    return [_call(tool, luck, hints) for tool in wanted[:_MOST_CALLS]]


def answer_with_results(messages: list[Mapping[str, Any]]) -> str | None:
    """Words for the results that came back since the last user message; None if there are none."""
    names = {}
    results: list[str] = []
    for message in messages:
        for call in message.get("tool_calls") or ():
            names[call.get("id")] = call["function"]["name"]
        if message.get("role") == "user":
            results.clear()
        elif message.get("role") == "tool":
            name = names.get(message.get("tool_call_id"), "the tool")
            results.append(f"{name} says {text_of(message.get('content'))[:200]}")
    return f"{LABEL}According to the tools: {'; '.join(results)}." if results else None


def _call(tool: Mapping[str, Any], luck: Random, hints: Hints) -> PlannedCall:
    schema = tool.get("parameters") or {"type": "object", "properties": {}}
    arguments = instance_of(schema, luck, hints)
    text = json.dumps(arguments if isinstance(arguments, dict) else {}, ensure_ascii=False)
    return PlannedCall(f"call_{luck.getrandbits(96):024x}", str(tool["name"]), text)


def _kinship(tool: Mapping[str, Any], prompt: str) -> int:
    """How many words of the prompt the tool's own words share; plural and tense do not matter."""
    parameters = tool.get("parameters") or {}
    properties = parameters.get("properties") if isinstance(parameters, Mapping) else None
    own = f"{tool['name']} {tool.get('description') or ''} {' '.join(properties or ())}"
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|[_\-.]", " ", own)
    stems = {word.lower()[:4] for word in topics_in(spaced, most=50)}
    return sum(word.lower()[:4] in stems for word in topics_in(prompt, most=50))
