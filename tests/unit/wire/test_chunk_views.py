"""The two views of a chunk say the same: the open models for whoever asks, the slim dictionaries for every chunk."""

from __future__ import annotations

import json
from typing import Any, get_type_hints

import pytest
from pydantic import BaseModel, ValidationError

from ghmodels_async.wire import (
    ChatChunk,
    ChoiceFields,
    ChunkChoice,
    ChunkDelta,
    ChunkFields,
    DeltaFields,
    FragmentFields,
    FunctionFields,
    FunctionFragment,
    ToolCallFragment,
    validate_chunk,
)

PAIRS: list[tuple[type[BaseModel], Any]] = [
    (ChatChunk, ChunkFields),
    (ChunkChoice, ChoiceFields),
    (ChunkDelta, DeltaFields),
    (ToolCallFragment, FragmentFields),
    (FunctionFragment, FunctionFields),
]
TWINS = {model.__name__: fields.__name__ for model, fields in PAIRS}


@pytest.mark.parametrize(("model", "fields"), PAIRS, ids=[model.__name__ for model, _ in PAIRS])
def test_both_views_have_the_same_fields_of_the_same_types(model: type[BaseModel], fields: Any) -> None:
    def plain(hints: dict[str, Any]) -> dict[str, str]:
        texts = {name: str(hint) for name, hint in hints.items() if name != "model_config"}
        for one, other in TWINS.items():
            texts = {name: hint.replace(one, other) for name, hint in texts.items()}
        return texts

    assert plain(get_type_hints(model)) == plain(get_type_hints(fields))


SAMPLES: list[Any] = [
    {},
    {"choices": None, "usage": None, "error": None, "id": None, "model": None, "object": None},
    {"choices": [{"index": 1, "delta": {"content": "a", "role": "assistant"}, "finish_reason": "x", "new": 1}]},
    {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": 5, "function": {"arguments": {"a": 1}}}]}}]},
    {"choices": [{"delta": None, "logprobs": {"content": []}}], "usage": {"prompt_tokens": None, "cost": 0.1}},
    {"id": 7, "created": 1.5, "choices": [{"delta": {"content": [{"type": "text", "text": "a"}]}}]},
    {"choices": [{"delta": {"reasoning": {"odd": 1}}}]},
    {"choices": {}},
    {"choices": [{"index": None}]},
    {"choices": None},
    {"choices": [{"index": "x"}]},
    {"choices": [{"delta": {"content": {}}}]},
    {"choices": [{"delta": {"tool_calls": [1]}}]},
    {"usage": {"prompt_tokens": "many"}},
    [],
    "text",
    None,
]


@pytest.mark.parametrize("sample", SAMPLES, ids=[json.dumps(sample)[:60] for sample in SAMPLES])
def test_both_views_accept_and_refuse_the_same(sample: Any) -> None:
    text = json.dumps(sample)
    try:
        slim: dict[str, Any] | None = dict(validate_chunk(text))
    except ValidationError:
        slim = None
    try:
        chunk = ChatChunk.model_validate_json(text)
    except ValidationError:
        assert slim is None
        return
    assert slim is not None
    again = ChatChunk.model_validate(slim)
    assert again.model_dump() == ChatChunk.model_validate_json(text, extra="ignore").model_dump() | {
        "usage": chunk.usage and chunk.usage.model_dump()  # kept open in both views: it is one per stream
    }
    assert set(again.model_fields_set) == chunk.model_fields_set - set(chunk.model_extra or {})
