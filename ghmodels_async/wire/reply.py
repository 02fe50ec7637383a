"""What a server answers, validated: whole replies, stream chunks, usage, embeddings, the catalog card.

Unknown fields are kept (`model_extra`), unknown finish reasons are plain strings, and `null` is accepted wherever one
was ever seen. Source: public captures of GitHub Models and Azure (2025-2026), OpenAI's chat-completions reference.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "ChatChunk",
    "ChatCompletion",
    "ChatMessage",
    "Choice",
    "ChunkChoice",
    "ChunkDelta",
    "Embedding",
    "EmbeddingsReply",
    "FunctionCall",
    "FunctionFragment",
    "ModelCard",
    "ModelLimits",
    "ToolCall",
    "ToolCallFragment",
    "Usage",
]

_OPEN = ConfigDict(extra="allow", protected_namespaces=())


class TokenDetails(BaseModel):
    model_config = _OPEN
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class Usage(BaseModel):
    """Tokens one reply cost, as the server counted them."""

    model_config = _OPEN
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: TokenDetails | None = None
    completion_tokens_details: TokenDetails | None = None

    @property
    def cached_tokens(self) -> int:
        """Prompt tokens the server had cached (part of `prompt_tokens`)."""
        details = self.prompt_tokens_details
        return (details.cached_tokens or 0) if details else 0


class FunctionCall(BaseModel):
    model_config = _OPEN
    name: str
    arguments: str = ""


class ToolCall(BaseModel):
    """One finished call the model asks for; `function.arguments` is JSON text."""

    model_config = _OPEN
    id: str | None = None
    type: str = "function"
    function: FunctionCall


class ChatMessage(BaseModel):
    model_config = _OPEN
    role: str | None = "assistant"
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(BaseModel):
    model_config = _OPEN
    index: int = 0
    message: ChatMessage
    finish_reason: str | None = None


class ChatCompletion(BaseModel):
    """The body of a non-streamed 200."""

    model_config = _OPEN
    id: str | None = None
    model: str | None = None
    created: int | None = None
    choices: list[Choice] = Field(default_factory=list)
    usage: Usage | None = None


class FunctionFragment(BaseModel):
    model_config = _OPEN
    name: str | None = None
    arguments: str | None = None


class ToolCallFragment(BaseModel):
    """A piece of a tool call; pieces with the same `index` belong together."""

    model_config = _OPEN
    index: int = 0
    id: str | None = None
    type: str | None = None
    function: FunctionFragment | None = None


class ChunkDelta(BaseModel):
    model_config = _OPEN
    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCallFragment] | None = None


class ChunkChoice(BaseModel):
    model_config = _OPEN
    index: int = 0
    delta: ChunkDelta | None = None
    finish_reason: str | None = None


class ChatChunk(BaseModel):
    """The JSON of one `data:` event of a stream. `choices` may be empty (filter results, usage)."""

    model_config = _OPEN
    id: str | None = None
    model: str | None = None
    created: int | None = None
    choices: list[ChunkChoice] = Field(default_factory=list)
    usage: Usage | None = None
    error: Any = None


class Embedding(BaseModel):
    model_config = _OPEN
    index: int = 0
    embedding: list[float] | str


class EmbeddingsReply(BaseModel):
    """The body of an embeddings 200. `embedding` is base64 text of little-endian float32 when that was asked for."""

    model_config = _OPEN
    data: list[Embedding]
    model: str | None = None
    usage: Usage | None = None


class ModelLimits(BaseModel):
    model_config = _OPEN
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None


class ModelCard(BaseModel):
    """One row of a catalog."""

    model_config = _OPEN
    id: str
    name: str | None = None
    publisher: str | None = None
    version: str | None = None
    registry: str | None = None
    summary: str | None = None
    html_url: str | None = None
    rate_limit_tier: str | None = None
    limits: ModelLimits | None = None
    capabilities: list[str] = Field(default_factory=list)
    supported_input_modalities: list[str] = Field(default_factory=list)
    supported_output_modalities: list[str] = Field(default_factory=list)
    tags: list[str] | None = None
