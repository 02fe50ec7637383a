"""What a server answers as a whole, validated: chat completions, usage, embeddings, the catalog card.

Unknown fields are kept (`model_extra`), unknown finish reasons are plain strings, and `null` is accepted wherever one
was ever seen. Source: public captures of GitHub Models and Azure (2025-2026), OpenAI's chat-completions reference.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

__all__ = [
    "ChatCompletion",
    "ChatMessage",
    "Choice",
    "Embedding",
    "EmbeddingsReply",
    "FunctionCall",
    "ModelCard",
    "ModelLimits",
    "TokenDetails",
    "ToolCall",
    "Usage",
    "validate_completion",
]

# Numbers where the reference says text (ids, codes) are read as text: several gateways send them.
# Built at their first use: a reply builds those it contains into its own validator, and most others are never needed.
_OPEN = ConfigDict(extra="allow", protected_namespaces=(), coerce_numbers_to_str=True, defer_build=True)


def _count(value: Any) -> Any:
    return 0 if value is None else value


def _arguments(value: Any) -> Any:
    """Arguments as JSON text: some servers send null for none, some send the object itself."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


Count = Annotated[int, BeforeValidator(_count)]


class TokenDetails(BaseModel):
    model_config = _OPEN
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class Usage(BaseModel):
    """Tokens one reply cost, as the server counted them."""

    model_config = _OPEN
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    total_tokens: Count = 0
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
    arguments: Annotated[str, BeforeValidator(_arguments)] = ""


class ToolCall(BaseModel):
    """One finished call the model asks for; `function.arguments` is JSON text."""

    model_config = _OPEN
    id: str | None = None
    type: str | None = "function"
    #: Empty for a call of another type; what such a call has instead is kept in `model_extra`.
    function: FunctionCall = Field(default_factory=lambda: FunctionCall(name=""))


class ChatMessage(BaseModel):
    """`content` is text, or a list of parts where a server answers so (Mistral's reasoning models)."""

    model_config = _OPEN
    role: str | None = "assistant"
    content: str | list[Any] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: Any = None
    tool_calls: list[ToolCall] | None = None


class Choice(BaseModel):
    model_config = _OPEN
    index: int = 0
    message: ChatMessage
    finish_reason: str | None = None
    logprobs: Any = None


class ChatCompletion(BaseModel):
    """The body of a non-streamed 200."""

    model_config = _OPEN
    id: str | None = None
    model: str | None = None
    created: int | float | None = None
    choices: list[Choice] = Field(default_factory=list)
    usage: Usage | None = None


#: `ChatCompletion.model_validate_json` without the function around the validator's own method: a tenth of its cost.
validate_completion: Callable[[str | bytes], ChatCompletion] = TypeAdapter(ChatCompletion).validator.validate_json


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
