"""One turn of a talk, streamed: the steps as they come, and the talk's history settled exactly once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from ..stream import ChatReply
from ..tools import TextSteps, ToolLoop, ToolRun, ToolStep, ToolStream

__all__ = ["Content", "Talk", "Turn", "kept_of", "question_of"]

#: What can be said: text, content parts, or a whole user message.
Content = str | Sequence[Mapping[str, Any]] | Mapping[str, Any]


class Talk(Protocol):
    """What a turn does to its talk."""

    def run_of(self, loop: ToolLoop) -> ToolStream: ...

    def accept(self, loop: ToolLoop) -> ChatReply: ...

    def cut(self, loop: ToolLoop, partial: ChatReply | None) -> None: ...


class Turn:
    """Steps of one turn: deltas of the model's replies, and tool calls that ended. Creating it sends nothing.

    Use ``async with`` (entering waits for the first content), or plain ``async for``. A turn that is left early,
    cancelled or fails was cut: the talk's `on_interrupt` says what becomes of it. Without ``async with`` that happens
    when the object is collected.
    """

    __slots__ = ("_begin", "_loop", "_open", "_steps", "_talk")

    def __init__(self, talk: Talk, begin: Callable[[], ToolLoop]) -> None:
        self._talk = talk
        self._begin = begin
        self._loop: ToolLoop | None = None
        self._steps: ToolStream | None = None
        self._open = False

    async def __aenter__(self) -> Self:
        """Begin the turn and wait for its first content.

        Raises:
            RuntimeError: Another turn of the talk has not ended.
            GHModelsError: As `ToolStream`.

        Cancellation: the turn was cut; nothing stays open.
        """
        steps = self._steps or self._start()
        try:
            await steps.__aenter__()
        except BaseException:
            self._settle(whole=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ToolStep:
        """Return the next step. Raises and cancels as `__aenter__`."""
        steps = self._steps or self._start()
        try:
            return await anext(steps)
        except StopAsyncIteration:
            self._settle(whole=True)
            raise
        except BaseException:
            self._settle(whole=False)
            raise

    @property
    def text(self) -> TextSteps:
        """The answer text, as an async iterator of non-empty strings."""
        return TextSteps(self)

    @property
    def reply(self) -> ChatReply:
        """The reply of the round being streamed, or the last one."""
        if self._steps is not None and self._steps.current is not None:
            return self._steps.current.reply
        return self.run.reply

    @property
    def run(self) -> ToolRun:
        """The turn so far, with its rounds and tool calls.

        Raises:
            RuntimeError: No reply has ended yet.
        """
        if self._steps is None:
            raise RuntimeError("the turn has not begun")
        return self._steps.run

    async def final(self) -> ChatReply:
        """Read the rest and return the turn's last reply. Raises and cancels as `__aenter__`."""
        async for _ in self:
            pass
        return self.run.reply

    async def aclose(self) -> None:
        """End the turn: cut, unless it had ended. Idempotent."""
        if self._steps is None:
            return
        self._settle(whole=False)
        await self._steps.aclose()

    def __del__(self) -> None:
        # the steps' own stream and calls clean up, and complain, after themselves
        if getattr(self, "_open", False):
            self._settle(whole=False)

    def _start(self) -> ToolStream:
        self._loop = self._begin()
        self._open = True
        self._steps = self._talk.run_of(self._loop)
        return self._steps

    def _settle(self, *, whole: bool) -> None:
        if not self._open or self._loop is None:
            return
        self._open = False
        if whole:
            self._talk.accept(self._loop)
            return
        current = self._steps.current if self._steps is not None else None
        self._talk.cut(self._loop, None if current is None else current.reply)


def question_of(content: Content) -> dict[str, Any]:
    """The user message that opens a turn."""
    if isinstance(content, str):
        return {"role": "user", "content": content}
    if isinstance(content, Mapping):
        return dict(content)
    return {"role": "user", "content": [dict(part) for part in content]}


def kept_of(loop: ToolLoop, partial: ChatReply | None) -> list[dict[str, Any]]:
    """The messages worth keeping of a turn that was cut: consistent, and empty if nothing was answered.

    Args:
        loop: The turn's run, as far as it came.
        partial: The round that was being streamed.
    """
    kept = [dict(message) for message in loop.messages[loop.given :]]
    if kept[-1].get("tool_calls"):
        kept.pop()  # not all of its calls were answered
    if partial is not None and partial.text:
        kept.append({"role": "assistant", "content": partial.text})
    return kept if len(kept) > 1 else []
