"""What a server streams: the JSON of one `data:` event, in two views of one shape.

`ChatChunk` is the open view, a pydantic model that keeps unknown fields; it is built when somebody asks for it.
`ChunkFields` is the slim view every chunk goes through: the same fields as plain dictionaries, validated by the same
rules, unknown fields skipped. Dictionaries, because building them costs half of building models (docs/decisions/0030).
Source: OpenAI's chat-completions streaming reference; public captures of GitHub Models, Azure, Mistral, OpenRouter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict  # pydantic wants this one below Python 3.12

from .reply import Usage

__all__ = [
    "ChatChunk",
    "ChoiceFields",
    "ChunkChoice",
    "ChunkDelta",
    "ChunkFields",
    "DeltaFields",
    "FragmentFields",
    "FunctionFields",
    "FunctionFragment",
    "ToolCallFragment",
    "validate_chunk",
]

_OPEN = ConfigDict(extra="allow", protected_namespaces=(), coerce_numbers_to_str=True, defer_build=True)
_SLIM = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


class FunctionFragment(BaseModel):
    """A piece of a function call. `arguments` is JSON text; some servers send the whole object instead."""

    model_config = _OPEN
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class ToolCallFragment(BaseModel):
    """A piece of a tool call; pieces with the same `index` belong together."""

    model_config = _OPEN
    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionFragment | None = None


class ChunkDelta(BaseModel):
    model_config = _OPEN
    role: str | None = None
    content: str | list[Any] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: Any = None
    tool_calls: list[ToolCallFragment] | None = None


class ChunkChoice(BaseModel):
    model_config = _OPEN
    index: int | None = 0
    delta: ChunkDelta | None = None
    finish_reason: str | None = None
    logprobs: Any = None


class ChatChunk(BaseModel):
    """One chunk with everything in it. `choices` may be empty (filter results, usage)."""

    model_config = _OPEN
    id: str | None = None
    object: str | None = None
    model: str | None = None
    choices: list[ChunkChoice] | None = None
    usage: Usage | None = None
    error: Any = None


@with_config(_SLIM)
class FunctionFields(TypedDict, total=False):
    name: str | None
    arguments: str | dict[str, Any] | None


@with_config(_SLIM)
class FragmentFields(TypedDict, total=False):
    index: int | None
    id: str | None
    type: str | None
    function: FunctionFields | None


@with_config(_SLIM)
class DeltaFields(TypedDict, total=False):
    role: str | None
    content: str | list[Any] | None
    refusal: str | None
    reasoning_content: str | None
    reasoning: Any
    tool_calls: list[FragmentFields] | None


@with_config(_SLIM)
class ChoiceFields(TypedDict, total=False):
    index: int | None
    delta: DeltaFields | None
    finish_reason: str | None
    logprobs: Any


@with_config(_SLIM)
class ChunkFields(TypedDict, total=False):
    id: str | None
    object: str | None
    model: str | None
    choices: list[ChoiceFields] | None
    usage: Usage | None
    error: Any


#: Parse and validate one chunk in a single pass over its JSON text. Raises pydantic.ValidationError if it is not JSON
#: or not a chunk. The validator's own method: a function around it would cost a tenth as much again.
validate_chunk: Callable[[str | bytes], ChunkFields] = TypeAdapter(ChunkFields).validator.validate_json
