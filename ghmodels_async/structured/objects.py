"""A typed answer while it is still arriving: the growing JSON value after each chunk, the typed one at the end."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack, cast

from ..chats import Chats, DeltaStream, messages_of
from ..stream import ChatReply
from ..transport import RetryPolicy
from ..wire import ChatCallOptions, Message, ParseOptions, check_options
from .partial import PartialJSON
from .shape import Shape, shape_of

__all__ = ["ObjectStream", "stream_parse"]

T = TypeVar("T")


class ObjectStream(Generic[T]):
    """The value so far, after every chunk that changed it. Creating it sends nothing. Made by `stream_parse`.

    Iterating yields plain JSON values (a dict for a pydantic model), always the *same* living object: copy what you
    keep. Each chunk costs its own length, however long the reply has become. Use ``async with``, or plain ``async for``
    as with `ChatStream`.
    """

    def __init__(self, stream: DeltaStream, shape: Shape[T], model: str) -> None:
        self._stream = stream
        self._shape = shape
        self._model = model
        self._reader = PartialJSON()
        self._readable = True
        self._result: tuple[T] | None = None

    async def __aenter__(self) -> Self:
        """Open and wait for the first content. Raises and cancels as `ChatStream`."""
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stream.__aexit__(kind, error, trace)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        """Return the value so far, once it has changed.

        Raises:
            RefusalError, FilteredReplyError, LengthLimitError, InvalidReplyError: At the end, as `parse`.
            GHModelsError: The stream did not end well.

        Cancellation: ends the stream, as `ChatStream`.
        """
        while True:
            try:
                delta = await anext(self._stream)
            except StopAsyncIteration:
                if self._result is None:
                    self._result = (self._shape.read(self._stream.reply, model=self._model),)
                raise
            if delta.text and delta.index in (0, None) and self._read(delta.text):
                return self.partial

    @property
    def partial(self) -> Any:
        """The value so far; None before it has begun. The living object itself."""
        if not self._shape.wrapped:
            return self._reader.value
        return self._reader.value.get("value") if isinstance(self._reader.value, dict) else None

    @property
    def reply(self) -> ChatReply:
        """The reply so far, as text."""
        return self._stream.reply

    async def final(self) -> T:
        """Read the rest and return the typed value. Raises and cancels as `__anext__`."""
        async for _ in self:
            pass
        assert self._result is not None
        return self._result[0]

    async def aclose(self) -> None:
        """Let go of the stream. Idempotent."""
        await self._stream.aclose()

    def _read(self, text: str) -> bool:
        """Read on; whether there is something new to show."""
        if not self._readable:
            return False
        try:
            changed = self._reader.feed(text)
        except ValueError:
            # not JSON: the end of the reply will say so, with the whole text at hand
            self._readable = changed = False
        return changed and (not self._shape.wrapped or "value" in self._reader.value)


def stream_parse(
    chats: Chats,
    model: str,
    messages: str | Sequence[Message],
    kind: type[T],
    *,
    strict: bool = True,
    name: str | None = None,
    retry: RetryPolicy | None = None,
    **options: Unpack[ParseOptions],
) -> ObjectStream[T]:
    """Ask for a value of `kind` and watch it grow. Nothing is sent before the stream is entered or iterated.

    Args and errors as `parse`, without re-asking: what was shown cannot be taken back.
    """
    check_options(options, ParseOptions)
    shape = shape_of(kind, name=name, strict=strict)
    current = cast(ChatCallOptions, {**options, "response_format": shape.response_format})
    return ObjectStream(chats.stream(model, messages_of(messages), retry=retry, **current), shape, model)
