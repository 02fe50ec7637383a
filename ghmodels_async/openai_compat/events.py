"""What `chat.completions.stream()` hands out: a stream as named events.

Source: the events of openai 3.54 (`openai.lib.streaming.chat`), read 2026-11-22. Not handed out: events about logprobs
(each ``chunk`` event has them), and parsed partial values (`GitHubModels.stream_parse` has them, in linear time).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace, TracebackType
from typing import Any, Self

from ..chats import DeltaStream
from ..stream import ChatDelta
from .shapes import Chunk, Completion
from .typed import Typing, completion_of

__all__ = ["CompletionEvents", "Event"]


class Event(SimpleNamespace):
    """One event: `type`, and what that type carries.

    ======================================  ==========================================================
    ``chunk``                               chunk, snapshot
    ``content.delta``                       delta, snapshot
    ``content.done``                        content, parsed
    ``refusal.delta``                       delta, snapshot
    ``refusal.done``                        refusal
    ``tool_calls.function.arguments.delta``  name, index, arguments, arguments_delta
    ``tool_calls.function.arguments.done``   name, index, arguments, parsed_arguments
    ======================================  ==========================================================
    """

    type: str
    _events: CompletionEvents

    def __getattr__(self, name: str) -> Any:
        if name == "snapshot":  # of a chunk: put together only for those who look
            return self._events.current_completion_snapshot
        raise AttributeError(f"a {self.type!r} event has no {name!r}")


@dataclass(slots=True)
class _Choice:
    """What one choice has said so far."""

    text: str = ""
    refusal: str = ""
    calls: dict[int, tuple[str, str]] = field(default_factory=dict)
    open_call: int | None = None


class CompletionEvents:
    """Events of one streamed completion. Nothing is sent before it is entered or iterated."""

    def __init__(self, stream: DeltaStream, typing: Typing) -> None:
        self._stream = stream
        self._typing = typing
        self._choices: dict[int, _Choice] = {}
        self._ready: deque[Event] = deque()
        self._last = ""  # JSON text of the chunk seen last

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
        """Turn a delta into events, in the order of its fields: chunk, text, refusal, tool calls, end."""
        if delta.data and delta.data is not self._last:
            self._last = delta.data
            self._tell("chunk", chunk=Chunk.model_validate_json(delta.data), _events=self)
        choice = self._choices.setdefault(delta.index or 0, _Choice())
        if delta.text:
            choice.text += delta.text
            self._tell("content.delta", delta=delta.text, snapshot=choice.text)
        if delta.refusal:
            choice.refusal += delta.refusal
            self._tell("refusal.delta", delta=delta.refusal, snapshot=choice.refusal)
        for fragment in delta.tool_calls:
            self._take_fragment(choice, fragment)
        if delta.finish_reason:
            self._end(choice, first=not delta.index)

    def _take_fragment(self, choice: _Choice, fragment: Any) -> None:
        index = fragment.get("index") or 0
        function = fragment.get("function") or {}
        if choice.open_call is not None and choice.open_call != index:
            self._end_call(choice)
        name, arguments = choice.calls.get(index, ("", ""))
        added = function.get("arguments") or ""
        choice.calls[index] = name, arguments = name or function.get("name") or "", arguments + added
        choice.open_call = index
        if added:
            self._tell(
                "tool_calls.function.arguments.delta",
                name=name,
                index=index,
                arguments=arguments,
                arguments_delta=added,
            )

    def _end_call(self, choice: _Choice) -> None:
        index, choice.open_call = choice.open_call, None
        assert index is not None
        name, arguments = choice.calls[index]
        parsed = self._typing.arguments(name, arguments, self._stream.reply)
        kind = "tool_calls.function.arguments.done"
        self._tell(kind, name=name, index=index, arguments=arguments, parsed_arguments=parsed)

    def _end(self, choice: _Choice, *, first: bool) -> None:
        if choice.text:
            parsed = self._typing.answer(self._stream.reply) if first else None
            self._tell("content.done", content=choice.text, parsed=parsed)
        if choice.refusal:
            self._tell("refusal.done", refusal=choice.refusal)
        if choice.open_call is not None:
            self._end_call(choice)
