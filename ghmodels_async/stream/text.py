"""The answer text of a stream and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from .chatstream import ChatStream

__all__ = ["TextStream"]


class TextStream:
    """The answer text of a `ChatStream`, piece by piece. Reads from the stream it was made of."""

    __slots__ = ("_index", "_stream")

    def __init__(self, stream: ChatStream) -> None:
        self._stream = stream
        self._index: int | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        """Return the next non-empty piece. Raises and cancels as `ChatStream.__anext__`."""
        while True:
            delta = await self._stream.__anext__()
            if delta.text:
                if self._index is None:
                    self._index = delta.index
                if delta.index == self._index:
                    return delta.text
