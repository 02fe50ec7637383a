"""Chat streams as bytes, written the way servers write them."""

from __future__ import annotations

import json
from typing import Any

DONE = b"data: [DONE]\n\n"


def event(value: Any, *, ascii_only: bool = False) -> bytes:
    """One `data:` event holding `value` as JSON."""
    return b"data: " + json.dumps(value, ensure_ascii=ascii_only).encode() + b"\n\n"


def chunk(delta: dict[str, Any] | None = None, *, index: int = 0, finish: str | None = None, **extra: Any) -> bytes:
    """One chunk with one choice. `extra` are fields of the choice."""
    choice = {"index": index, "delta": {} if delta is None else delta, "finish_reason": finish, **extra}
    return event({"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice]})


def text(content: str, **extra: Any) -> bytes:
    """One chunk of answer text."""
    return chunk({"content": content}, **extra)


def usage(prompt: int = 3, completion: int = 5) -> bytes:
    """The chunk that `stream_options.include_usage` asks for."""
    return event({"id": "c-1", "model": "m-1", "choices": [], "usage": {
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}})  # fmt: skip


FILTERS = {"hate": {"filtered": False, "severity": "safe"}, "violence": {"filtered": False, "severity": "low"}}

#: How GitHub Models answered: filter results of the prompt first, a role chunk, text, an empty finishing chunk, usage.
GITHUB = (
    event(
        {
            "choices": [],
            "created": 0,
            "id": "",
            "model": "",
            "object": "",
            "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": FILTERS}],
        }
    )
    + chunk({"content": "", "refusal": None, "role": "assistant"}, content_filter_results={}, logprobs=None)
    + text("Good ", content_filter_results=FILTERS)
    + text("morning 早 🌍", content_filter_results=FILTERS)
    + chunk({}, finish="stop", content_filter_results={})
    + usage()
    + DONE
)
