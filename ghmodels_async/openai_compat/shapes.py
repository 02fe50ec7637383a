"""Answers as the `openai` package shapes them: our wire models with the fields its users expect to find.

Fields a server did not send are there with None, as in `openai`; fields it sent beyond these are kept. Source: the
types of openai 3.54 (`openai.types`), read 2026-11-22.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from ..wire import (
    ChatChunk,
    ChatCompletion,
    ChatMessage,
    Choice,
    ChunkChoice,
    ChunkDelta,
    Embedding,
    FunctionCall,
    FunctionFragment,
    ModelCard,
    TokenDetails,
    ToolCall,
    ToolCallFragment,
    Usage,
)

__all__ = ["Chunk", "Completion", "EmbeddingItem", "EmbeddingList", "Model"]


class _Said(BaseModel):
    """The spellings of `openai`'s own models beside pydantic's; its arguments are pydantic's."""

    model_config = ConfigDict(defer_build=True)  # building all of them takes 40 ms, and few programs use more than two

    def to_dict(self, *, exclude_unset: bool = True, use_api_names: bool = True, **options: Any) -> dict[str, Any]:
        """What the server sent, as a dictionary."""
        return self.model_dump(exclude_unset=exclude_unset, **options)

    def to_json(
        self, *, indent: int | None = 2, exclude_unset: bool = True, use_api_names: bool = True, **options: Any
    ) -> str:
        """What the server sent, as JSON text."""
        return self.model_dump_json(indent=indent, exclude_unset=exclude_unset, **options)


class _Shape(_Said):
    """An answer as a whole."""

    _request_id: str | None = PrivateAttr(default=None)
    _attempts: int | None = PrivateAttr(default=None)


class UsageDetails(TokenDetails, _Said):
    """What tokens were of; `openai` has one type for each side, with these fields between them."""

    accepted_prediction_tokens: int | None = None
    audio_tokens: int | None = None
    cache_write_tokens: int | None = None
    image_tokens: int | None = None
    rejected_prediction_tokens: int | None = None
    text_tokens: int | None = None


class CompletionUsage(Usage, _Said):
    """``completion.usage.completion_tokens_details.reasoning_tokens``."""

    prompt_tokens_details: UsageDetails | None = None
    completion_tokens_details: UsageDetails | None = None


class CompletionFunction(FunctionCall, _Said):
    parsed_arguments: Any = None
    """The typed arguments, after `parse`."""


class CompletionToolCall(ToolCall, _Said):
    function: CompletionFunction = Field(default_factory=lambda: CompletionFunction(name=""))


class CompletionMessage(ChatMessage, _Said):
    tool_calls: list[CompletionToolCall] | None = None  # type: ignore[assignment]
    annotations: Any = None
    audio: Any = None
    function_call: Any = None
    parsed: Any = None
    """The typed value, after `parse`."""


class TokenLogprob(_Said):
    """How likely a token was, and which others."""

    model_config = ConfigDict(extra="allow")
    token: str
    bytes: list[int] | None = None
    logprob: float
    top_logprobs: list[TokenLogprob] | None = None


class ChoiceLogprobs(_Said):
    """``choice.logprobs.content[0].logprob``."""

    model_config = ConfigDict(extra="allow")
    content: list[TokenLogprob] | None = None
    refusal: list[TokenLogprob] | None = None


#: Logprobs of another dialect stay as they came.
_Logprobs = Annotated[ChoiceLogprobs | Any, Field(union_mode="left_to_right")]


class CompletionChoice(Choice, _Said):
    message: CompletionMessage
    logprobs: _Logprobs = None


class Completion(ChatCompletion, _Shape):
    """A chat completion: ``completion.choices[0].message.content``."""

    object: str = "chat.completion"
    choices: list[CompletionChoice] = Field(default_factory=list)  # type: ignore[assignment]
    usage: CompletionUsage | None = None
    metadata: Any = None
    moderation: Any = None
    service_tier: str | None = None
    system_fingerprint: str | None = None


class ChunkFunction(FunctionFragment, _Said):
    """What a chunk adds to a call's name and arguments."""


class ChunkToolCall(ToolCallFragment, _Said):
    """What a chunk adds to a tool call."""

    function: ChunkFunction | None = None


class ChunkChoiceDelta(ChunkDelta, _Said):
    tool_calls: list[ChunkToolCall] | None = None  # type: ignore[assignment]
    audio: Any = None
    function_call: Any = None


class CompletionChunkChoice(ChunkChoice, _Said):
    delta: ChunkChoiceDelta = Field(default_factory=ChunkChoiceDelta)
    logprobs: _Logprobs = None


class Chunk(ChatChunk, _Shape):
    """A chunk of a streamed completion: ``chunk.choices[0].delta.content``."""

    object: str | None = "chat.completion.chunk"
    created: int | float | None = None
    choices: list[CompletionChunkChoice] = Field(default_factory=list)  # type: ignore[assignment]
    usage: CompletionUsage | None = None
    moderation: Any = None
    obfuscation: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None


class EmbeddingItem(Embedding, _Said):
    object: Literal["embedding"] = "embedding"


class EmbeddingList(_Shape):
    """Embeddings in the order of the texts: ``response.data[0].embedding``."""

    object: Literal["list"] = "list"
    data: list[EmbeddingItem]
    model: str | None = None
    usage: Usage | None = None


class Model(ModelCard, _Shape):
    """A model; everything its card says is kept."""

    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = ""
    shutdown_date: str | None = None
