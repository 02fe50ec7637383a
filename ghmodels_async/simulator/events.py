"""A reply as it travels: one JSON body, or the events of a stream with their timing.

The shape of a stream is the captured one: a chunk of prompt filter results with empty fields, a chunk with the role,
one chunk per token with filter results on every choice, a chunk with the finish reason, the usage chunk if it was asked
for, `[DONE]`. Lines are ``data: `` + LF + empty line; no comments, no `event:` fields.

Source: public captures of Azure-hosted streams behind GitHub Models, collected 2026-11-22.
"""

from __future__ import annotations

from typing import Any

from ghmodels_async.simulator.answer import Answer, Frame, dump, json_answer, to_text
from ghmodels_async.simulator.reply import ChatPlan, ChoicePlan

__all__ = ["DONE", "FINGERPRINT", "event", "streamed", "whole"]

#: Says in every reply who wrote it.
FINGERPRINT = "simulated"
DONE = b"data: [DONE]\n\n"

_SAFE = {"filtered": False, "severity": "safe"}
_RESULTS = {"hate": _SAFE, "self_harm": _SAFE, "sexual": _SAFE, "violence": _SAFE}
_PROMPT_RESULTS = [
    {"prompt_index": 0, "content_filter_results": {**_RESULTS, "jailbreak": {"filtered": False, "detected": False}}}
]
_RESULTS_TEXT = to_text(_RESULTS)


def event(value: Any) -> bytes:
    """One `data:` event."""
    return b"data: " + dump(value) + b"\n\n"


def whole(plan: ChatPlan) -> Answer:
    """The reply in one body; its head comes when the last token is there."""
    choices = [_whole_choice(index, choice, plan.filtered) for index, choice in enumerate(plan.choices)]
    body: dict[str, Any] = {"choices": choices, "created": plan.created, "id": plan.id, "model": plan.model}
    body["object"] = "chat.completion"
    if plan.filtered:
        body["prompt_filter_results"] = _PROMPT_RESULTS
    body["system_fingerprint"] = FINGERPRINT
    body["usage"] = plan.usage()
    return json_answer(200, body, after=plan.duration)


def _whole_choice(index: int, choice: ChoicePlan, filtered: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"content": choice.text or None, "refusal": choice.refusal, "role": "assistant"}
    if not choice.calls and choice.refusal is None:
        message["content"] = choice.text
        message["annotations"] = []
    if choice.reasoning:
        message["reasoning_content"] = "".join(choice.reasoning)
    if choice.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in choice.calls
        ]
    shown: dict[str, Any] = {"content_filter_results": _RESULTS} if filtered else {}
    return shown | {"finish_reason": choice.finish_reason, "index": index, "logprobs": None, "message": message}


def streamed(plan: ChatPlan) -> Answer:
    """The reply as events. The head comes early; tokens follow at the model's pace."""
    head_after = 0.6 * plan.first_token
    frames: list[Frame] = []
    if plan.filtered:
        empty = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
        frames.append((0.0, event(empty | {"prompt_filter_results": _PROMPT_RESULTS})))
    opening, closing = _around(plan)
    lead = plan.first_token - head_after
    for row in _interleaved([_deltas(choice) for choice in plan.choices]):
        data = b"".join(_chunk(opening, closing, plan.filtered, index, delta, finish) for index, delta, finish in row)
        frames.append((lead, data))
        lead = plan.per_token
    if plan.usage_in_stream:
        usage = to_text(plan.usage())
        frames.append((0.0, f'data: {{"choices":[],{closing},"usage":{usage}}}\n\n'.encode()))
    frames.append((0.0, DONE))
    headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
    return Answer(200, headers, frames, head_after)


def _around(plan: ChatPlan) -> tuple[str, str]:
    """What every chunk repeats, written once."""
    common = {
        "created": plan.created,
        "id": plan.id,
        "model": plan.model,
        "object": "chat.completion.chunk",
        "system_fingerprint": FINGERPRINT,
    }
    opening = f'"content_filter_results":{_RESULTS_TEXT},' if plan.filtered else ""
    return opening, to_text(common)[1:-1]


def _chunk(opening: str, closing: str, filtered: bool, index: int, delta: str, finish: str | None) -> bytes:
    if filtered and (finish or '"role"' in delta):
        opening = '"content_filter_results":{},'
    reason = to_text(finish)
    choice = f'{{{opening}"delta":{delta},"finish_reason":{reason},"index":{index},"logprobs":null}}'
    return f'data: {{"choices":[{choice}],{closing}}}\n\n'.encode()


def _deltas(choice: ChoicePlan) -> list[tuple[str, str | None]]:
    """One choice as (delta JSON, finish reason) in order."""
    text = None if choice.calls else ""
    deltas = [to_text({"content": text, "refusal": None, "role": "assistant"})]
    deltas += ['{"reasoning_content":' + to_text(piece) + "}" for piece in choice.reasoning]
    if choice.refusal is not None:
        deltas.append('{"refusal":' + to_text(choice.refusal) + "}")
    deltas += ['{"content":' + to_text(piece) + "}" for piece in choice.pieces]
    for index, call in enumerate(choice.calls):
        head = {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        deltas.append(to_text({"tool_calls": [head]}))
        for at in range(0, len(call.arguments), 8):
            part = {"index": index, "function": {"arguments": call.arguments[at : at + 8]}}
            deltas.append(to_text({"tool_calls": [part]}))
    return [(delta, None) for delta in deltas] + [("{}", choice.finish_reason)]


def _interleaved(rows: list[list[tuple[str, str | None]]]) -> list[list[tuple[int, str, str | None]]]:
    """Several choices advance together, one delta each per step."""
    steps = []
    for step in range(max(len(row) for row in rows)):
        steps.append([(index, *row[step]) for index, row in enumerate(rows) if step < len(row)])
    return steps
