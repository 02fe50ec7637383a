"""Bytes of a chat stream in, deltas out: what each chunk added, validated.

Theory of operation. `DeltaDecoder` sits on `SSEDecoder`. Every event's data is validated once, as `ChunkFields`, and
becomes one `ChatDelta` per choice, or a single one without a choice (`index` None) when it carries only usage or
filter results, so no chunk is silent. What a consumer rarely asks for stays in the chunk's JSON text, which every
delta holds: `delta.chunk` parses it again with all unknown fields.

A stream breaks in the middle of a read, behind good deltas. So `feed` never raises: it returns the good deltas and
leaves the reason in `failure`; nothing is decoded after that, nor after ``[DONE]``.

Some servers answer a streaming request with one JSON document: a whole completion, or an error with status 200. No
line of an event stream begins with ``{``, ``[``, ``"`` or ``<``, so the first byte tells, whatever the content type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from ..wire import ChoiceFields, ChunkFields, DeltaFields, validate_chunk
from .content import ThinkSplitter, split_parts
from .delta import ChatDelta
from .document import BadStreamError, chunk_text, mended, read_document
from .sse import EVENT_LIMIT, Event, EventTooLargeError, SSEDecoder

__all__ = ["DeltaDecoder"]

_BLANK = b" \t\r\n\xef\xbb\xbf"  # white space and the bytes of a byte order mark: they decide nothing
_WHOLE = (b"{", b"[", b'"', b"<")
_NOTHING: DeltaFields = {}
_UNKNOWN = ThinkSplitter()  # stands for: no content of this choice yet


class DeltaDecoder:
    """Decode the body of a chat stream: `feed` what arrived, then `close`.

    Args:
        classify: Makes an exception of an error object found inside the stream, or of what a 200 held instead of one.
        limit: Bytes one event, or a whole JSON document, may occupy.

    Attributes:
        done: ``[DONE]`` was seen; what follows is ignored.
        whole: The body was one JSON document, and it was complete.
        failure: Why decoding stopped: what `classify` returned, or a BadStreamError. None while all is well.
    """

    def __init__(self, classify: Callable[[Any], Exception], *, limit: int = EVENT_LIMIT) -> None:
        self.done = False
        self.whole = False
        self.failure: Exception | None = None
        self._classify = classify
        self._limit = limit
        self._sse = SSEDecoder(limit=limit)
        self._document: bytearray | None = None  # the body so far, when it is one JSON document
        self._undecided = True
        self._nameless = True
        # Per choice: its splitter while the content may still begin with a tag, None from then on.
        self._splitters: dict[int, ThinkSplitter | None] = {}

    def feed(self, data: bytes) -> list[ChatDelta]:
        """Return the deltas that `data` completes, in order. Never raises: see `failure`."""
        if self.done or self.failure is not None:
            return []
        if self._undecided and (start := data.lstrip(_BLANK)):
            self._undecided = False
            if start.startswith(_WHOLE):
                self._document, data = bytearray(), start
        if self._document is not None:
            self._document += data
            if len(self._document) > self._limit:
                self.failure = BadStreamError(f"one JSON document is larger than {self._limit:,} bytes, the bound")
            return []
        overflow: EventTooLargeError | None = None
        events: Sequence[Event]
        try:
            events = self._sse.take(data)
        except EventTooLargeError as error:
            overflow, events = error, error.events
        deltas: list[ChatDelta] = []
        for name, text, _, _ in events:
            if text == "[DONE]":  # before validation: refusing it there would cost as much as two chunks
                self.done = True
                return deltas
            self._event(name, text, deltas)
            if self.done or self.failure is not None:
                return deltas
        if overflow is not None:
            self.failure = BadStreamError(str(overflow))
        return deltas

    def close(self) -> list[ChatDelta]:
        """End the body: return what was held back, and what a whole JSON document holds. Never raises."""
        self._sse.close()
        deltas: list[ChatDelta] = []
        if self.failure is None and self._document is not None:
            self._whole(bytes(self._document), deltas)
        for index, splitter in self._splitters.items():
            if splitter is not None:
                reasoning, text = splitter.close()
                if reasoning or text:
                    delta = ChatDelta(index, text, "")
                    delta.reasoning, delta.content, delta.plain = reasoning, "", False
                    deltas.append(delta)
        self._splitters.clear()
        return deltas

    def _event(self, name: str, data: str, deltas: list[ChatDelta]) -> None:
        """Add the deltas of one event, or record why it has none."""
        try:
            fields = validate_chunk(data)
        except ValidationError as why:
            self._odd(name, data, why, deltas)
            return
        choices, error = fields.get("choices"), fields.get("error")
        if choices and not error:
            for choice in choices:
                deltas.append(self._delta(choice, data))
        elif error is not None or name == "error" or fields.get("object") == "error":
            self.failure = self._classify(error or from_json(data))
            return
        else:
            deltas.append(ChatDelta(None, "", data))
        if self._nameless or fields.get("usage") is not None:
            self._annotate(deltas[-1], fields)

    def _annotate(self, delta: ChatDelta, fields: ChunkFields) -> None:
        """Put what belongs to the chunk, not to a choice, on its last delta: usage, and once the names."""
        usage = fields.get("usage")
        if usage is not None:
            delta.usage, delta.plain = usage, False
        if self._nameless and fields.get("model"):
            self._nameless = False
            delta.id, delta.model, delta.plain = fields.get("id") or None, fields["model"], False

    def _delta(self, choice: ChoiceFields, data: str) -> ChatDelta:
        index = choice.get("index") or 0
        fields = choice.get("delta") or _NOTHING
        content = fields.get("content")
        if content.__class__ is str and len(fields) == 1 and self._splitters.get(index, _UNKNOWN) is None:
            delta = ChatDelta(index, content, data)
        else:
            delta = ChatDelta(index, "", data)
            self._rich(delta, index, fields)
        if choice.get("finish_reason"):
            delta.finish_reason, delta.plain = choice["finish_reason"], False
            self._flush(delta, index)
        if choice.get("logprobs") is not None:
            delta.logprobs, delta.plain = choice["logprobs"], False
        return delta

    def _rich(self, delta: ChatDelta, index: int, fields: DeltaFields) -> None:
        """Fill in a delta that may hold more than answer text."""
        delta.plain = False
        delta.role = fields.get("role")
        delta.refusal = fields.get("refusal") or ""
        delta.tool_calls = fields.get("tool_calls") or ()
        reasoning = fields.get("reasoning_content") or fields.get("reasoning")
        if reasoning and isinstance(reasoning, str):
            delta.reasoning = reasoning
            self._splitters[index] = None  # this server separates reasoning itself
        content = fields.get("content")
        if isinstance(content, list):
            inline, delta.text = split_parts(content)
            delta.reasoning += inline
        elif content:
            self._split(delta, index, content)

    def _split(self, delta: ChatDelta, index: int, content: str) -> None:
        splitter = self._splitters.setdefault(index, _UNKNOWN)
        if splitter is _UNKNOWN:
            splitter = self._splitters[index] = ThinkSplitter()
        if splitter is None:
            delta.text = content
            return
        inline, delta.text = splitter.feed(content)
        delta.reasoning += inline
        if delta.text != content:
            delta.content = content
        if splitter.answering:
            self._splitters[index] = None

    def _flush(self, delta: ChatDelta, index: int) -> None:
        """The choice is finished: what was held back as a possible tag was content after all."""
        splitter = self._splitters.pop(index, None)
        self._splitters[index] = None
        if splitter is not None:
            reasoning, text = splitter.close()
            if reasoning or text:
                delta.content = delta.text if delta.content is None else delta.content
                delta.reasoning += reasoning
                delta.text += text

    def _odd(self, name: str, data: str, error: ValidationError, deltas: list[ChatDelta]) -> None:
        """An event that is no valid chunk. In this order:

        nothing at all (a keep-alive), ``[DONE]`` with something around it, half a surrogate pair, an error of another
        shape, no chat stream.
        """
        if not data or data.isspace():
            return
        if data.lstrip().startswith("[DONE]"):
            self.done = True
            return
        whole = mended(data)
        if whole is not None and whole != data:
            self._event(name, whole, deltas)
            return
        try:
            value = from_json(data)
        except ValueError:
            value = {"message": data} if name == "error" else None
        if isinstance(value, dict) and (value.get("error") or name == "error"):
            self.failure = self._classify(value.get("error") or value)
            return
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        self.failure = BadStreamError(f"an event is not a chat chunk ({where + ': ' if where else ''}{first['msg']})")

    def _whole(self, body: bytes, deltas: list[ChatDelta]) -> None:
        """Read a body that is one JSON document: a completion becomes deltas, anything else is a failure."""
        try:
            document = read_document(body)
        except BadStreamError as error:
            self.failure = error
            return
        if not isinstance(document, dict) or document.get("error") or not isinstance(document.get("choices"), list):
            found = document.get("error") if isinstance(document, dict) else None
            self.failure = self._classify(found or document)
            return
        self._event("message", chunk_text(document), deltas)
        self.whole = self.failure is None
