"""What `chat.completions.stream()` hands out: a stream as named events.

Source: the events of openai 3.54 (`openai.lib.streaming.chat`), read 2026-11-22. What has to be put together from all
that came before (snapshots of the completion, half a value) is put together for those who look, not at every event.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace, TracebackType
from typing import Any, Self

from pydantic_core import from_json

from ..chats import DeltaStream
from ..stream import ChatDelta
from .shapes import Chunk, Completion
from .typed import Typing, completion_of

__all__ = ["CompletionEvents", "Event"]


class Event(SimpleNamespace):
    """One event: `type`, and what that type carries.

    ======================================  ==========================================================
    ``chunk``                               chunk, snapshot
    ``content.delta``                       delta, snapshot, parsed (the value so far)
    ``content.done``                        content, parsed
    ``refusal.delta``                       delta, snapshot
    ``refusal.done``                        refusal
    ``tool_calls.function.arguments.delta``  name, index, arguments, arguments_delta, parsed_arguments
    ``tool_calls.function.arguments.done``   name, index, arguments, parsed_arguments
    ``logprobs.content.delta``              content, snapshot
    ``logprobs.content.done``               content
    ``logprobs.refusal.delta``              refusal, snapshot
    ``logprobs.refusal.done``               refusal
    ======================================  ==========================================================
    """

    type: str
    _events: CompletionEvents
    _half: str | None  # JSON text of a value that is not finished, None where none was asked for

    def __getattr__(self, name: str) -> Any:
        if name == "snapshot" and self.type == "chunk":
            return self._events.current_completion_snapshot
        if (self.type, name) in _HALVES:
            return _so_far(self._half)
        raise AttributeError(f"a {self.type!r} event has no {name!r}")


_HALVES = {("content.delta", "parsed"), ("tool_calls.function.arguments.delta", "parsed_arguments")}


def _so_far(half: str | None) -> Any:
    """As much of a JSON value as its beginning tells; None if that is nothing."""
    try:
        return from_json(half, allow_partial=True) if half and not half.isspace() else None
    except ValueError:
        return None  # no JSON: an error once it is whole


@dataclass(slots=True)
class _Choice:
    """What one choice has said so far; None: nothing of this kind."""

    text: str | None = None
    refusal: str | None = None
    logprobs: dict[str, list[Any]] = field(default_factory=dict)
    calls: dict[int, tuple[str, str]] = field(default_factory=dict)
    open_call: int | None = None
    told: set[str] = field(default_factory=set)


class CompletionEvents:
    """Events of one streamed completion. Nothing is sent before it is entered or iterated.

    Chunks without choices are left out, as in `ChunkStream`.
    """

    def __init__(self, stream: DeltaStream, typing: Typing, *, with_usage: bool) -> None:
        self._stream = stream
        self._with_usage = with_usage
        self._typing = typing
        self._choices: dict[int, _Choice] = {}
        self._ready: deque[Event] = deque()
        self._last = ""  # JSON text of the chunk seen last
        self._chunk = Chunk()

    async def __aenter__(self) -> Self:
        """Open, and wait for the first content. Raises and cancels as `ChatStream`."""
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Return the next event. Raises and cancels as `ChatStream`; what does not fit its type raises as `parse`."""
        while not self._ready:
            self._take(await anext(self._stream))
        return self._ready.popleft()

    @property
    def current_completion_snapshot(self) -> Completion:
        """The completion so far, put together anew at each access."""
        return completion_of(self._stream.reply)

    async def until_done(self) -> Self:
        """Read the rest. Raises and cancels as `__anext__`."""
        async for _ in self:
            pass
        return self

    async def get_final_completion(self) -> Completion:
        """Read the rest and return the whole completion, with typed values. Raises and cancels as `__anext__`."""
        await self.until_done()
        return self._typing.completion(self._stream.reply)

    async def close(self) -> None:
        """Let go of the stream. Idempotent."""
        await self._stream.aclose()

    aclose = close

    def _tell(self, type: str, **carried: Any) -> None:
        self._ready.append(Event(type=type, **carried))

    def _take(self, delta: ChatDelta) -> None:
        """Turn a delta into events, in `openai`'s order: chunk, text, refusal, tool calls, logprobs, what is done."""
        if not delta.data:
            return  # text of a chunk before, held back as possible reasoning: it was told of
        if delta.data is not self._last:
            self._last, self._chunk = delta.data, Chunk.model_validate_json(delta.data)
            if self._chunk.choices or (self._with_usage and self._chunk.usage is not None):
                self._tell("chunk", chunk=self._chunk, _events=self)
        said = next((one for one in self._chunk.choices if (one.index or 0) == delta.index), None)
        if said is None:
            return
        choice = self._choices.setdefault(delta.index or 0, _Choice())
        if said.finish_reason:
            self._typing.refuse_cut(self._stream.reply, delta.index or 0)
        content, refusal = said.delta.content, said.delta.refusal
        if content is not None:
            self._take_text(choice, content if isinstance(content, str) else delta.text)
        if refusal is not None:
            choice.refusal = (choice.refusal or "") + refusal
            self._tell("refusal.delta", delta=refusal, snapshot=choice.refusal)
        self._take_fragments(choice, delta)
        for kind in ("content", "refusal"):
            self._take_logprobs(choice, kind, getattr(said.logprobs, kind, None))
        if said.finish_reason:
            self._end(choice, delta.index or 0)
            self._end_call(choice, None)

    def _take_text(self, choice: _Choice, added: str) -> None:
        choice.text = (choice.text or "") + added
        half = choice.text if self._typing.typed and not choice.refusal else None
        self._tell("content.delta", delta=added, snapshot=choice.text, _half=half)

    def _take_fragments(self, choice: _Choice, delta: ChatDelta) -> None:
        begun: list[int] = []
        for fragment in delta.tool_calls:
            index = fragment.get("index") or 0
            function: Any = fragment.get("function") or {}
            name, arguments = choice.calls.get(index, ("", ""))
            added = function.get("arguments") or ""
            choice.calls[index] = name, arguments = name or function.get("name") or "", arguments + added
            self._tell(
                "tool_calls.function.arguments.delta",
                name=name,
                index=index,
                arguments=arguments,
                arguments_delta=added,
                _half=arguments if self._typing.strict(name) else None,
            )
            begun.append(index)
        for index in begun:
            if choice.open_call != index:
                self._end(choice, delta.index or 0)
                self._end_call(choice, index)

    def _take_logprobs(self, choice: _Choice, kind: str, added: Any) -> None:
        if added is None:
            return
        known = choice.logprobs.setdefault(kind, [])
        known.extend(added)
        if added:
            self._tell(f"logprobs.{kind}.delta", **{kind: added}, snapshot=known)

    def _end_call(self, choice: _Choice, following: int | None) -> None:
        index, choice.open_call = choice.open_call, following
        if index is None:
            return
        name, arguments = choice.calls[index]
        parsed = self._typing.arguments(name, arguments, self._stream.reply)
        kind = "tool_calls.function.arguments.done"
        self._tell(kind, name=name, index=index, arguments=arguments, parsed_arguments=parsed)

    def _end(self, choice: _Choice, index: int) -> None:
        """Tell once of everything a choice has said beside its tool calls."""
        if choice.text and "text" not in choice.told:
            choice.told.add("text")
            parsed = self._typing.answer(self._stream.reply, index)
            self._tell("content.done", content=choice.text, parsed=parsed)
        if choice.refusal is not None and "refusal" not in choice.told:
            choice.told.add("refusal")
            self._tell("refusal.done", refusal=choice.refusal)
        for kind in ("content", "refusal"):
            if kind in choice.logprobs and f"logprobs.{kind}" not in choice.told:
                choice.told.add(f"logprobs.{kind}")
                self._tell(f"logprobs.{kind}.done", **{kind: choice.logprobs[kind]})
