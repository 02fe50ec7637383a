"""From a chat request to a planned reply: what the model says, how it ends, what it costs, how long it takes.

Three words in the last user message ask for a special ending:

    SIMULATE_CONTENT_FILTER   400, the prompt was filtered (see `jobs`)
    SIMULATE_OUTPUT_FILTER    200, half the reply, finish reason `content_filter`
    SIMULATE_REFUSAL          200, a refusal instead of content
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Any

from ghmodels_async.simulator.instances import Hints, instance_of
from ghmodels_async.simulator.prompts import count_tokens, last_user_text, pieces_of, topics_in
from ghmodels_async.simulator.reply import ChatPlan, ChoicePlan
from ghmodels_async.simulator.roster import Served
from ghmodels_async.simulator.toolcalls import answer_with_results, plan_calls
from ghmodels_async.simulator.writer import write_reply, write_thoughts

__all__ = ["OUTPUT_FILTERED", "PROMPT_FILTERED", "REFUSED", "Manner", "plan_chat"]

PROMPT_FILTERED = "SIMULATE_CONTENT_FILTER"
OUTPUT_FILTERED = "SIMULATE_OUTPUT_FILTER"
REFUSED = "SIMULATE_REFUSAL"

_QUOTED = re.compile(r"[\"'`](\w{1,40})[\"'`]")


@dataclass(frozen=True, slots=True)
class Manner:
    """How every simulated model writes.

    Args:
        seed: Another seed, other words.
        fast: No pacing, texts of one sentence: for load tests.
        reasoning_field: Visible thinking goes to `reasoning_content` instead of `<think>` tags in the content.
    """

    seed: int = 0
    fast: bool = False
    reasoning_field: bool = False


def plan_chat(
    body: Mapping[str, Any], served: Served, manner: Manner, *, tokens_in: int, number: int, now: float
) -> ChatPlan:
    """Decide a whole reply. The same seed, model and messages give the same text.

    Args:
        body: A request that passed `checks`.
        served: The model.
        manner: How to write.
        tokens_in: Size of the prompt.
        number: Makes the reply's id unique.
        now: Nominal Unix seconds, for `created`.
    """
    luck = Random(_seed(body, served, manner))
    thought = luck.randint(64, 512) if served.thinks_silently else 0
    cap = _cap(body, served)
    if cap is not None:
        thought = min(thought, cap)
    choices = [_choice(body, served, manner, luck) for _ in range(body.get("n") or 1)]
    written = sum(_settle(choice, None if cap is None else cap - thought) for choice in choices)
    pace = served.pace
    options = body.get("stream_options") or {}
    return ChatPlan(
        id=f"chatcmpl-{luck.getrandbits(80):020x}{number:09x}",
        model=served.version,
        created=int(now),
        choices=choices,
        prompt_tokens=tokens_in,
        completion_tokens=written + thought * len(choices),
        reasoning_tokens=thought * len(choices) + sum(len(choice.reasoning) for choice in choices),
        filtered=served.filtered,
        usage_in_stream=bool(options.get("include_usage")),
        first_token=0.0 if manner.fast else pace.first_token * luck.uniform(0.8, 1.5),
        per_token=0.0 if manner.fast else 1.0 / pace.tokens_per_second,
    )


def _seed(body: Mapping[str, Any], served: Served, manner: Manner) -> int:
    said = json.dumps([manner.seed, body.get("seed"), served.id, body["messages"]], sort_keys=True)
    return int.from_bytes(blake2b(said.encode(), digest_size=8).digest(), "big")


def _cap(body: Mapping[str, Any], served: Served) -> int | None:
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    caps = [cap for cap in (asked, served.max_output) if cap is not None]
    return min(caps) if caps else None


def _choice(body: Mapping[str, Any], served: Served, manner: Manner, luck: Random) -> ChoicePlan:
    prompt = last_user_text(body["messages"])
    if REFUSED in prompt:
        return ChoicePlan(refusal="I'm sorry, I can't assist with that. [simulated]")
    calls = plan_calls(body, luck)
    if calls:
        return ChoicePlan(calls=calls, finish_reason="tool_calls")
    text = _formatted(body.get("response_format") or {}, prompt, luck)
    if text is None:
        text = answer_with_results(body["messages"])
    if text is None:
        text = write_reply(prompt, luck, sentences=1 if manner.fast else None)
    choice = ChoicePlan(pieces=pieces_of(_stopped(text, body.get("stop"))))
    if OUTPUT_FILTERED in prompt:
        del choice.pieces[len(choice.pieces) // 2 :]
        choice.finish_reason = "content_filter"
    if served.thinks_aloud:
        thoughts = write_thoughts(prompt, luck)
        if manner.reasoning_field:
            choice.reasoning = pieces_of(thoughts)
        else:
            choice.pieces = pieces_of(f"<think>\n{thoughts}\n</think>\n\n") + choice.pieces
    return choice


def _formatted(wanted: Mapping[str, Any], prompt: str, luck: Random) -> str | None:
    """JSON text for a response format that wants it, else None."""
    if wanted.get("type") == "json_schema":
        value = instance_of(wanted["json_schema"]["schema"], luck, Hints.of(prompt))
    elif wanted.get("type") == "json_object":
        topics = topics_in(prompt) or ["nothing"]
        keys = dict.fromkeys(_QUOTED.findall(prompt))
        value = {key: luck.choice(topics) for key in keys} or {"simulated": True, "topics": topics}
    else:
        return None
    return json.dumps(value, ensure_ascii=False)


def _stopped(text: str, stop: str | list[str] | None) -> str:
    """The text before the first stop sequence."""
    for mark in [stop] if isinstance(stop, str) else stop or []:
        text = text.split(mark, 1)[0] if mark else text
    return text


def _settle(choice: ChoicePlan, most: int | None) -> int:
    """Cut a choice that runs into the token cap; returns the tokens it costs. Tool calls are never cut."""
    if choice.calls:
        return sum(count_tokens(call.name + call.arguments) + 4 for call in choice.calls)
    if choice.refusal is not None:
        return count_tokens(choice.refusal)
    if most is not None and len(choice.reasoning) + len(choice.pieces) > most:
        del choice.reasoning[max(most, 0) :]
        del choice.pieces[max(most - len(choice.reasoning), 0) :]
        choice.finish_reason = "length"
    return len(choice.reasoning) + len(choice.pieces)
