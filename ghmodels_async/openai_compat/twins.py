"""The resources once more, for `with_raw_response` and `with_streaming_response`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack

from ..wire import Message
from .options import OpenAIParseOptions
from .raw import RawResponse, StreamedCall, raw, with_heads
from .shapes import Completion
from .typed import completion_of

if TYPE_CHECKING:
    from .completions import Completions
    from .face import Chat, Embeddings, Models, OpenAIFace

__all__ = [
    "RawChat",
    "RawCompletions",
    "RawEmbeddings",
    "RawFace",
    "RawModels",
    "StreamedChat",
    "StreamedCompletions",
    "StreamedEmbeddings",
    "StreamedFace",
    "StreamedModels",
]

P = ParamSpec("P")
T = TypeVar("T")


class RawCompletions:
    """``client.chat.completions.with_raw_response``."""

    def __init__(self, completions: Completions) -> None:
        self._completions = completions
        self.create = raw(completions.create)

    async def parse(
        self,
        *,
        model: str,
        messages: Iterable[Message],
        response_format: Any = None,
        **options: Unpack[OpenAIParseOptions],
    ) -> RawResponse[Completion]:
        """As `Completions.parse`; what does not fit its type is told by the response's `parse()`."""
        typing, asking = self._completions.asking(model, messages, response_format, options)
        reply, answers = await with_heads(asking)
        return RawResponse(completion_of(reply), answers, lambda: typing.completion(reply))


class RawEmbeddings:
    """``client.embeddings.with_raw_response``. Of several requests the last one's headers are shown."""

    def __init__(self, embeddings: Embeddings) -> None:
        self.create = raw(embeddings.create)


class RawModels:
    """``client.models.with_raw_response``."""

    def __init__(self, models: Models) -> None:
        self.list = raw(models.list)
        self.retrieve = raw(models.retrieve)


class RawChat:
    """``client.chat.with_raw_response``."""

    def __init__(self, chat: Chat) -> None:
        self.completions = RawCompletions(chat.completions)


class RawFace:
    """``client.with_raw_response``."""

    def __init__(self, face: OpenAIFace) -> None:
        self.chat = RawChat(face.chat)
        self.embeddings = RawEmbeddings(face.embeddings)
        self.models = RawModels(face.models)


class StreamedCompletions:
    """``client.chat.completions.with_streaming_response``."""

    def __init__(self, completions: Completions) -> None:
        twin = RawCompletions(completions)
        self.create = _entered(twin.create)
        self.parse = _entered(twin.parse)


class StreamedEmbeddings:
    """``client.embeddings.with_streaming_response``."""

    def __init__(self, embeddings: Embeddings) -> None:
        self.create = _entered(RawEmbeddings(embeddings).create)


class StreamedModels:
    """``client.models.with_streaming_response``."""

    def __init__(self, models: Models) -> None:
        twin = RawModels(models)
        self.list = _entered(twin.list)
        self.retrieve = _entered(twin.retrieve)


class StreamedChat:
    """``client.chat.with_streaming_response``."""

    def __init__(self, chat: Chat) -> None:
        self.completions = StreamedCompletions(chat.completions)


class StreamedFace:
    """``client.with_streaming_response``."""

    def __init__(self, face: OpenAIFace) -> None:
        self.chat = StreamedChat(face.chat)
        self.embeddings = StreamedEmbeddings(face.embeddings)
        self.models = StreamedModels(face.models)


def _entered(method: Callable[P, Awaitable[RawResponse[T]]]) -> Callable[P, StreamedCall[T]]:
    def call(*args: P.args, **options: P.kwargs) -> StreamedCall[T]:
        return StreamedCall(lambda: method(*args, **options))

    return call
