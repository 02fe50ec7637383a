"""From a chat request to a planned reply: what the model says, how it ends, what it costs, how long it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Any

from ghmodels_async.simulator.prompts import last_user_text, pieces_of, prompt_tokens
from ghmodels_async.simulator.reply import ChatPlan, ChoicePlan
from ghmodels_async.simulator.roster import Served
from ghmodels_async.simulator.writer import write_reply, write_thoughts

__all__ = ["Manner", "plan_chat"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How every simulated model writes.

    `fast` leaves out all pacing and keeps texts to one sentence, for load tests.
    """

    seed: int = 0
    fast: bool = False


def plan_chat(body: Mapping[str, Any], served: Served, manner: Manner, *, number: int, now: float) -> ChatPlan:
    """Decide a whole reply. The same seed, model and messages give the same text.

    Args:
        body: A request that passed `checks`.
        served: The model.
        manner: How to write.
        number: Makes the reply's id unique.
        now: Nominal Unix seconds, for `created`.
    """
    luck = Random(_seed(body, served, manner))
    choices = [_choice(body, served, manner, luck) for _ in range(body.get("n") or 1)]
    thought = luck.randint(64, 512) if served.thinks_silently else 0
    cap = _cap(body, served)
    if cap is not None:
        thought = min(thought, cap)
        for choice in choices:
            _shorten(choice, cap - thought)
    pace = served.pace
    written = sum(len(choice.pieces) + len(choice.reasoning) for choice in choices)
    options = body.get("stream_options") or {}
    return ChatPlan(
        id=f"chatcmpl-{luck.getrandbits(80):020x}{number:09x}",
        model=served.version,
        created=int(now),
        choices=choices,
        prompt_tokens=prompt_tokens(body),
        completion_tokens=written + thought * len(choices),
        reasoning_tokens=thought * len(choices),
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
    text = write_reply(prompt, luck, sentences=1 if manner.fast else None)
    text = _stopped(text, body.get("stop"))
    if served.thinks_aloud:
        text = f"<think>\n{write_thoughts(prompt, luck)}\n</think>\n\n{text}"
    return ChoicePlan(pieces=pieces_of(text))


def _stopped(text: str, stop: str | list[str] | None) -> str:
    """The text before the first stop sequence."""
    for mark in [stop] if isinstance(stop, str) else stop or []:
        text = text.split(mark, 1)[0] if mark else text
    return text


def _shorten(choice: ChoicePlan, most: int) -> None:
    """Cut a choice that ran into the token cap."""
    if len(choice.pieces) > most:
        del choice.pieces[max(most, 0) :]
        choice.finish_reason = "length"
