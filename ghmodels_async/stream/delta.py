"""What one chunk added to one choice, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..wire import ChatChunk, FragmentFields, Usage

__all__ = ["ChatDelta", "decode_chunk"]


class ChatDelta:
    """What one chunk added to one choice. Fields a chunk did not set have the defaults below.

    Attributes:
        text: Answer text; empty when there is none.
        reasoning: Reasoning text, from a field of its own or from a leading ``<think>`` in the content.
        refusal: Refusal text.
        role: Set by the first delta of a choice on most servers.
        tool_calls: Fragments of tool calls, as validated fields; `Fold` joins them by index.
        finish_reason: Why this choice ended, in the server's words; None while it goes on.
        usage: Tokens, on the chunk that carries them.
        index: Which choice; None for a chunk without choices.
        logprobs: As the server sent them.
        content: The content as it stood on the wire, where `text` and `reasoning` were separated from it; else None.
        id: The completion's id, on the first delta that comes from a chunk with a model name.
        model: What answered, on the same delta.
        data: The chunk's JSON text; empty for text that was only held back until the end.
        plain: There is nothing to fold but `text`; a short cut, so False promises nothing.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    role: str | None = None
    tool_calls: Sequence[FragmentFields] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    index: int | None = None
    logprobs: Any = None
    content: str | None = None
    id: str | None = None
    model: str | None = None
    data: str = ""
    plain: bool = True

    # Plain instance attributes over class defaults: most deltas set three of fourteen fields, and this is the
    # hottest constructor of the library.
    def __init__(self, index: int | None, text: str, data: str) -> None:
        self.index = index
        self.text = text
        self.data = data

    @property
    def chunk(self) -> ChatChunk:
        """The whole chunk with its unknown fields, parsed anew at each access."""
        return decode_chunk(self.data)

    @property
    def substantial(self) -> bool:
        """Whether this is content: something a reader or a program waits for, not a role or filter results."""
        return bool(self.text or self.reasoning or self.refusal or self.tool_calls or self.finish_reason)

    def __repr__(self) -> str:
        return f"<ChatDelta {', '.join(sorted(self.__dict__.keys() - {'data', 'plain'}))}>"


def decode_chunk(data: str | bytes) -> ChatChunk:
    """Parse one chunk with everything in it.

    Raises:
        pydantic.ValidationError: It is not JSON, or not a chunk.
    """
    return ChatChunk.model_validate_json(data)
