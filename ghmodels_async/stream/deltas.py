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

import json
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from ..wire import ChatChunk, ChoiceFields, ChunkFields, DeltaFields, FragmentFields, Usage, validate_chunk
from .content import ThinkSplitter, split_parts
from .sse import EVENT_LIMIT, EventTooLargeError, ServerSentEvent, SSEDecoder

__all__ = ["BadStreamError", "ChatDelta", "DeltaDecoder", "decode_chunk"]

_BLANK = b" \t\r\n\xef\xbb\xbf"  # white space and the bytes of a byte order mark: they decide nothing
_WHOLE = (b"{", b"[", b'"', b"<")
_NOTHING: DeltaFields = {}
_UNKNOWN = ThinkSplitter()  # stands for: no content of this choice yet


class BadStreamError(ValueError):
    """The bytes are not a chat stream. The message says what was wrong, and never quotes what a model wrote."""


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
        data: The chunk's JSON text.
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
        self._named = False
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
        try:
            events = self._sse.feed(data)
        except EventTooLargeError as error:
            overflow, events = error, error.events
        deltas: list[ChatDelta] = []
        for event in events:
            self._event(event, deltas)
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
            self._whole_document(bytes(self._document), deltas)
        for index, splitter in self._splitters.items():
            if splitter is not None:
                reasoning, text = splitter.close()
                if reasoning or text:
                    delta = ChatDelta(index, text, "")
                    delta.reasoning, delta.content, delta.plain = reasoning, "", False
                    deltas.append(delta)
        self._splitters.clear()
        return deltas

    def _event(self, event: ServerSentEvent, deltas: list[ChatDelta]) -> None:
        data = event.data
        if data.startswith("[DONE]"):
            self.done = True
            return
        if not data:  # a keep-alive
            return
        try:
            fields = validate_chunk(data)
        except ValidationError as error:
            self._not_a_chunk(event, error)
            return
        self._chunk(fields, event.event, data, deltas)

    def _chunk(self, fields: ChunkFields, event: str, data: str, deltas: list[ChatDelta]) -> None:
        """Add the deltas of one valid chunk, or record the error it carries."""
        choices = fields.get("choices")
        error = fields.get("error")
        if error or (not choices and (error is not None or event == "error" or fields.get("object") == "error")):
            self.failure = self._classify(error or from_json(data))
            return
        if choices:
            for choice in choices:
                deltas.append(self._delta(choice, data))
        else:
            deltas.append(ChatDelta(None, "", data))
        if fields.get("usage") is not None:
            deltas[-1].usage = fields["usage"]
            deltas[-1].plain = False
        if not self._named and fields.get("model"):
            self._named = True
            deltas[-1].id, deltas[-1].model, deltas[-1].plain = fields.get("id") or None, fields["model"], False

    def _delta(self, choice: ChoiceFields, data: str) -> ChatDelta:
        index = choice.get("index", 0)
        fields = choice.get("delta") or _NOTHING
        content = fields.get("content")
        splitter = self._splitters.get(index, _UNKNOWN)
        if splitter is None and len(fields) == 1 and content.__class__ is str:
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

    def _not_a_chunk(self, event: ServerSentEvent, error: ValidationError) -> None:
        """Name what is wrong with an event that does not validate: an error of another shape, or no chat chunk."""
        try:
            value = from_json(event.data)
        except ValueError:
            value = {"message": event.data} if event.event == "error" else None
        if isinstance(value, dict) and (value.get("error") or event.event == "error"):
            self.failure = self._classify(value.get("error") or value)
            return
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        self.failure = BadStreamError(f"an event is not a chat chunk: {where + ': ' if where else ''}{first['msg']}")

    def _whole_document(self, body: bytes, deltas: list[ChatDelta]) -> None:
        """Read a body that is one JSON document: a completion becomes deltas, anything else is a failure."""
        text = body.decode("utf-8", "replace")
        try:
            document = from_json(text)
            if isinstance(document, str):  # JSON inside a JSON string, seen from one gateway
                document = from_json(document)
        except ValueError as error:
            self.failure = BadStreamError(f"the body is neither a stream of events nor JSON: {error}")
            return
        if not isinstance(document, dict) or document.get("error") or not isinstance(document.get("choices"), list):
            found = document.get("error") if isinstance(document, dict) else None
            self.failure = self._classify(found or document)
            return
        data = json.dumps(_as_chunk(document), ensure_ascii=False)
        try:
            fields = validate_chunk(data)
        except ValidationError as error:
            self._not_a_chunk(ServerSentEvent("message", data, "", None), error)
            return
        self._chunk(fields, "message", data, deltas)
        self.whole = self.failure is None


def _as_chunk(completion: dict[str, Any]) -> dict[str, Any]:
    """A whole completion as the one chunk that says the same."""
    choices = []
    for choice in completion["choices"]:
        if isinstance(choice, dict) and isinstance(choice.get("message"), dict):
            message = dict(choice["message"])
            if isinstance(message.get("tool_calls"), list):
                calls = message["tool_calls"]
                message["tool_calls"] = [
                    {"index": at, **call} if isinstance(call, dict) else call for at, call in enumerate(calls)
                ]
            choice = {key: value for key, value in choice.items() if key != "message"} | {"delta": message}
        choices.append(choice)
    return completion | {"choices": choices}
