"""The body of a finished reply as JSON values: what `ChatReply.raw` says, put together without validating it again.

The chunks of a stream were validated when they came. Making pydantic's objects of them once more, to take them apart
again, would be a sixth of what the engine adds to a row.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from ghmodels_async.stream import ChatReply, ReplyChoice

__all__ = ["chat_body"]

_OWN = frozenset({"choices", "usage", "object", "error", "id", "model"})
_CHOICE_OWN = frozenset({"index", "delta", "finish_reason", "logprobs", "message"})


def chat_body(reply: ChatReply) -> dict[str, Any]:
    """What ``reply.raw.model_dump(exclude_none=True)`` gives; `choices` is always there."""
    if reply.completion is not None:
        return reply.completion.model_dump(mode="json", exclude_none=True)
    body: dict[str, Any] = {"object": "chat.completion"}
    beside: dict[int, dict[str, Any]] = {}
    for text in reply.chunks:
        chunk = from_json(text)
        _lay_over(body, chunk, _OWN)
        for choice in chunk.get("choices") or ():
            _lay_over(beside.setdefault(choice.get("index") or 0, {}), choice, _CHOICE_OWN)
    if reply.id is not None:
        body["id"] = reply.id
    if reply.model is not None:
        body["model"] = reply.model
    body["choices"] = [_choice(choice, beside.get(choice.index, {})) for choice in reply.choices]
    if reply.usage is not None:
        body["usage"] = reply.usage.model_dump(mode="json", exclude_none=True)
    return body


def _lay_over(known: dict[str, Any], later: dict[str, Any], own: frozenset[str]) -> None:
    """Where unknown fields repeat, the later one that is not empty counts."""
    for name, value in later.items():
        if name not in own and value is not None and (value or name not in known):
            known[name] = value


def _choice(choice: ReplyChoice, beside: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": choice.role}
    inline = choice.content is not None
    if inline or choice.text:
        message["content"] = choice.content if inline else choice.text
    if choice.refusal:
        message["refusal"] = choice.refusal
    if choice.reasoning and not inline:
        message["reasoning_content"] = choice.reasoning
    if choice.tool_calls:
        message["tool_calls"] = [call.model_dump(mode="json", exclude_none=True) for call in choice.tool_calls]
    known = {"index": choice.index, "message": message}
    if choice.finish_reason is not None:
        known["finish_reason"] = choice.finish_reason
    if choice.logprobs is not None:
        known["logprobs"] = choice.logprobs
    return {**known, **beside}
