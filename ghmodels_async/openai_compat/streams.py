"""What `create(stream=True)` and `models.list()` return."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..chats import DeltaStream
from ..transport import ResponseHead
from .shapes import Chunk, Model

if TYPE_CHECKING:
    from .raw import RawResponse

__all__ = ["ChunkStream", "ModelList"]


class ChunkStream:
    """Chunks as they arrive. Iterate, or use ``async with`` to be free to leave early.

    Each chunk comes once. Chunks without choices (filter results, usage nobody asked for) are left out: code written
    for `openai` looks at ``chunk.choices[0]``. With ``stream_options={"include_usage": True}`` the usage chunk comes.
    """

    def __init__(self, stream: DeltaStream, *, with_usage: bool, answers: Sequence[ResponseHead] = ()) -> None:
        self._stream = stream
        self._answers = answers
        self._with_usage = with_usage
        self._last = ""  # JSON text of the chunk handed out last

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        """Return the next chunk. Raises and cancels as `ChatStream`; the errors are this library's own."""
        return Chunk.model_validate_json(await self._next())

    async def texts(self) -> AsyncIterator[str]:
        """The chunks' JSON texts, as the server wrote them. Raises and cancels as `ChatStream`."""
        while True:
            try:
                yield await self._next()
            except StopAsyncIteration:
                return

    async def _next(self) -> str:
        while True:
            delta = await anext(self._stream)
            if delta.data is self._last or not delta.data:
                continue  # another choice of the same chunk, or text that a chunk before had already
            self._last = delta.data
            if delta.index is not None or (self._with_usage and delta.usage is not None):
                return delta.data

    @property
    def response(self) -> RawResponse[Self]:
        """The answer's `status_code`, `headers` and `request_id`."""
        from .raw import RawResponse

        return RawResponse(self, self._answers, lambda: self)

    @property
    def _attempts(self) -> int:
        return self._stream.reply.meta.attempts

    @property
    def _request_id(self) -> str | None:
        return self._stream.reply.meta.request_id

    async def close(self) -> None:
        """Let go of the stream. Idempotent."""
        await self._stream.aclose()

    aclose = close


class ModelList:
    """The models: await it for an object with `data`, or iterate over it asynchronously."""

    object = "list"

    def __init__(self, load: Callable[[], Awaitable[Sequence[Model]]]) -> None:
        self._load = load
        self.data: Sequence[Model] = ()

    def __await__(self) -> Generator[Any, Any, Self]:
        return self._loaded().__await__()

    async def __aiter__(self) -> AsyncIterator[Model]:
        for model in (await self._loaded()).data:
            yield model

    def __iter__(self) -> Any:
        return iter(self.data)

    def to_json(self, *, indent: int | None = 2) -> str:
        """The list as JSON text."""
        listed = {"object": self.object, "data": [model.to_dict() for model in self.data]}
        return json.dumps(listed, indent=indent, ensure_ascii=False)

    async def _loaded(self) -> Self:
        self.data = self.data or await self._load()
        return self
