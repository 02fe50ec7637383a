"""What tools, structured output and conversations ask of a client, and the few shapes they share.

A narrow port instead of the client itself: these floors lie below the façade, and anything that can chat will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, Unpack

from pydantic import BaseModel

from .stream import ChatDelta, ChatReply
from .transport import RetryPolicy
from .wire import ChatCallOptions, EmbedOptions, Message, ModelCard

__all__ = ["Backend", "Chats", "DeltaStream", "message_of", "messages_of"]


class DeltaStream(Protocol):
    """The part of a `ChatStream` that is used here."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> ChatDelta: ...

    @property
    def reply(self) -> ChatReply: ...

    async def aclose(self) -> None: ...


class Chats(Protocol):
    """Somebody who can chat: `GitHubModels`, or a test's own model."""

    async def chat(
        self,
        model: str,
        messages: str | Sequence[Message],
        *,
        retry: RetryPolicy | None = None,
        **options: Unpack[ChatCallOptions],
    ) -> ChatReply: ...

    def stream(
        self,
        model: str,
        messages: str | Sequence[Message],
        *,
        retry: RetryPolicy | None = None,
        **options: Unpack[ChatCallOptions],
    ) -> DeltaStream: ...


class Backend(Chats, Protocol):
    """A whole client: chats, vectors, models, and an end."""

    def embed_each(
        self,
        model: str,
        texts: str | Sequence[str],
        *,
        array: bool | None = None,
        retry: RetryPolicy | None = None,
        **options: Unpack[EmbedOptions],
    ) -> Any: ...

    async def models(self, prefix: str = "") -> Sequence[ModelCard]: ...

    async def aclose(self) -> None: ...


def messages_of(prompt: str | Sequence[Message | BaseModel]) -> list[dict[str, Any]]:
    """A prompt as a new list of messages in the wire's own shape.

    Args:
        prompt: One user's text, or messages; a reply's own message object counts as one.
    """
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return [_plain(message) for message in prompt]


_BESIDE_THE_ANSWER: Any = {
    **dict.fromkeys(("reasoning_content", "reasoning", "annotations", "parsed"), True),
    "tool_calls": {"__all__": {"function": {"parsed_arguments"}}},
}


def _plain(message: Mapping[str, Any] | BaseModel) -> dict[str, Any]:
    if isinstance(message, BaseModel):
        # what a server said beside its answer is not part of the conversation: servers refuse it as input
        return message.model_dump(exclude_none=True, exclude=_BESIDE_THE_ANSWER)
    return dict(message)


def message_of(reply: ChatReply) -> dict[str, Any]:
    """The assistant message that carries a reply on; reasoning is left out, servers refuse it as input."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.refusal:
        message["refusal"] = reply.refusal
    if reply.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": call.type or "function", "function": _function(call.function)}
            for call in reply.tool_calls
        ]
    elif message["content"] is None and not reply.refusal:
        message["content"] = ""  # null is only allowed beside tool calls
    return message


def _function(function: Any) -> dict[str, Any]:
    return {"name": function.name, "arguments": function.arguments or "{}"}
