"""``client.chat.completions``: `create`, `parse` and `stream`."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, Literal, Unpack, overload

from ..chats import Backend, messages_of
from ..stream import ChatReply
from ..structured import shape_of
from ..transport import RetryPolicy
from ..wire import Message
from .events import CompletionEvents
from .options import OpenAIChatOptions, OpenAIParseOptions, chat_options, given
from .raw import with_heads
from .shapes import Completion
from .streams import ChunkStream
from .twins import RawCompletions, StreamedCompletions
from .typed import Typing, completion_of

__all__ = ["Completions"]


class Completions:
    """``client.chat.completions``."""

    def __init__(self, backend: Backend, timeout: float | None, retry: RetryPolicy | None) -> None:
        self._backend = backend
        self._timeout = timeout
        self._retry = retry

    @overload
    async def create(
        self,
        *,
        model: str,
        messages: Iterable[Message],
        stream: Literal[True],
        **options: Unpack[OpenAIChatOptions],
    ) -> ChunkStream: ...

    @overload
    async def create(
        self,
        *,
        model: str,
        messages: Iterable[Message],
        stream: Literal[False] | None = None,
        **options: Unpack[OpenAIChatOptions],
    ) -> Completion: ...

    async def create(
        self, *, model: str, messages: Iterable[Message], stream: bool | None = None, **options: Any
    ) -> Completion | ChunkStream:
        """Ask for a completion, whole or as a stream of chunks.

        Args:
            model: Id of the model.
            messages: In the wire's own shape; a message of an earlier completion counts as one.
            stream: Whether to return a stream, opened: its first content has arrived.
            options: As in `openai`; additionally this library's `deadline`, `priority`, `on_exhausted`, `timeouts`.

        Raises:
            TypeError: An unknown option, or a class as `response_format` (that is `parse`). Nothing was sent.
            GHModelsError: As `GitHubModels.chat` and `stream`.

        Cancellation: safe: the request is closed.
        """
        if isinstance(options.get("response_format"), type):
            raise TypeError("a class as response_format is for parse(); create() takes a dictionary")
        said = messages_of(list(messages))
        current = chat_options(options, self._timeout)
        if given({"stream": stream}).get("stream"):
            opened = self._backend.stream(model, said, retry=self._retry, **current)
            _, answers = await with_heads(opened.__aenter__())
            return ChunkStream(opened, with_usage=_wants_usage(current), answers=answers)
        return completion_of(await self._backend.chat(model, said, retry=self._retry, **current))

    async def parse(
        self,
        *,
        model: str,
        messages: Iterable[Message],
        response_format: Any = None,
        **options: Unpack[OpenAIParseOptions],
    ) -> Completion:
        """Ask for typed values: ``choices[0].message.parsed``, and ``tool_calls[0].function.parsed_arguments``.

        A refusal is not an error here, as in `openai`: `parsed` is None and `refusal` says why.

        Args:
            model: Id of the model.
            messages: In the wire's own shape.
            response_format: A type; a dictionary travels as it is and nothing is parsed.
            options: As `create`. Tools that `openai.pydantic_function_tool` made get their arguments parsed.

        Raises:
            LengthLimitError, FilteredReplyError, InvalidReplyError: The reply was cut, or does not fit.
            GHModelsError: As `create`.

        Cancellation: safe: the request is closed.
        """
        typing, asking = self.asking(model, messages, response_format, options)
        return typing.completion(await asking)

    def asking(
        self, model: str, messages: Iterable[Message], response_format: Any, options: Any
    ) -> tuple[Typing, Awaitable[ChatReply]]:
        """`parse` before its answer is typed: how to do that, and the call. Args and errors as `parse`."""
        typing, current = self._typed(model, response_format, options)
        return typing, self._backend.chat(model, messages_of(list(messages)), retry=self._retry, **current)

    @property
    def with_raw_response(self) -> RawCompletions:
        """The same methods, returning status and headers too; what they returned is in `parse()`."""
        return RawCompletions(self)

    @property
    def with_streaming_response(self) -> StreamedCompletions:
        """The same methods as contexts: ``async with ...create(...) as response``."""
        return StreamedCompletions(self)

    def stream(
        self,
        *,
        model: str,
        messages: Iterable[Message],
        response_format: Any = None,
        **options: Unpack[OpenAIParseOptions],
    ) -> CompletionEvents:
        """The same, streamed as named events: ``async with client.chat.completions.stream(...) as stream``.

        Args and errors as `parse`; creating it sends nothing.
        """
        typing, current = self._typed(model, response_format, options)
        said = messages_of(list(messages))
        opened = self._backend.stream(model, said, retry=self._retry, **current)
        return CompletionEvents(opened, typing, with_usage=_wants_usage(current))

    def _typed(self, model: str, wanted: Any, options: Any) -> tuple[Typing, dict[str, Any]]:
        wanted = given({"response_format": wanted}).get("response_format")
        shape = None if wanted is None or isinstance(wanted, Mapping) else shape_of(wanted)
        current = chat_options(options, self._timeout)
        if wanted is not None:
            current["response_format"] = wanted if shape is None else shape.response_format
        return Typing(model, shape, current.get("tools") or ()), current


def _wants_usage(options: dict[str, Any]) -> bool:
    """Whether the caller asked for the usage chunk; the client always does, to settle what was spent."""
    return bool((options.get("stream_options") or {}).get("include_usage"))
