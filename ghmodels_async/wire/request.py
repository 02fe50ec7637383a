"""What a caller asks for, exactly as it travels: chat completions and embeddings.

Source: GitHub REST reference, "Run an inference request" (API version 2022-11-28, read 2026-11-22), and the OpenAI
chat-completions fields that the same servers accept (`max_completion_tokens`, `reasoning_effort`, ...).
Numeric ranges are profile data, not model constraints: `profiles.check` applies them before anything is spent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema

__all__ = ["ChatRequest", "EmbeddingsRequest", "Message", "Role"]

Role = Literal["system", "developer", "user", "assistant", "tool"]

#: One chat message in the wire's own shape: ``{"role": ..., "content": ...}``, `tool_calls`, `tool_call_id`, `name`.
Message = Mapping[str, Any]


#: Validated as lists of dictionaries, in Rust: of `Sequence` and `Mapping` pydantic keeps the types, in Python.
_PLAIN = GetPydanticSchema(lambda _, handler: handler(list[dict[str, Any]]))


#: No control character may travel in a header: a line break would end it and begin another.
_HeaderText = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0a-\x1f\x7f]*$")]
_Headers = Mapping[_HeaderText, _HeaderText]


class ChatRequest(BaseModel):
    """One chat-completions request. Frozen; an unknown field is an error (`extra_body` carries what we do not know).

    `extra_body` is merged over the JSON body and `extra_headers` over the HTTP headers; neither is serialised itself.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", protected_namespaces=())

    model: str = Field(min_length=1)
    messages: Annotated[Sequence[Message], _PLAIN] = Field(min_length=1)
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    logprobs: bool | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    metadata: Mapping[str, str] | None = None
    modalities: Sequence[str] | None = None
    n: int | None = None
    parallel_tool_calls: bool | None = None
    presence_penalty: float | None = None
    reasoning_effort: str | None = None
    response_format: Mapping[str, Any] | None = None
    seed: int | None = None
    stop: str | Sequence[str] | None = None
    stream: bool | None = None
    stream_options: Mapping[str, Any] | None = None
    temperature: float | None = None
    tool_choice: str | Mapping[str, Any] | None = None
    tools: Sequence[Mapping[str, Any]] | None = None
    top_logprobs: int | None = None
    top_p: float | None = None
    user: str | None = None
    extra_body: Mapping[str, Any] | None = Field(default=None, exclude=True)
    extra_headers: _Headers | None = Field(default=None, exclude=True)

    def given(self) -> dict[str, Any]:
        """The body fields that were set, by their wire names; values are shared, not copied."""
        return _given(self.__dict__)


class EmbeddingsRequest(BaseModel):
    """One embeddings request: `input` is one text or up to the endpoint's cap of texts."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", protected_namespaces=())

    model: str = Field(min_length=1)
    input: str | Sequence[str]
    dimensions: int | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None
    extra_body: Mapping[str, Any] | None = Field(default=None, exclude=True)
    extra_headers: _Headers | None = Field(default=None, exclude=True)

    def given(self) -> dict[str, Any]:
        """The body fields that were set, by their wire names; values are shared, not copied."""
        return _given(self.__dict__)


_BESIDE_THE_BODY = frozenset({"extra_body", "extra_headers"})


def _given(attributes: Mapping[str, Any]) -> dict[str, Any]:
    # pydantic's own model_dump walks every message: 25 times slower on a long conversation, for the same result
    return {name: value for name, value in attributes.items() if value is not None and name not in _BESIDE_THE_BODY}
