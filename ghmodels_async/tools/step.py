"""What a streamed run hands out, one step at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

from ..stream import ChatDelta
from ..wire import Usage
from .calls import CallRecord

__all__ = ["Steps", "TextSteps", "ToolStep"]


@dataclass(frozen=True, slots=True)
class ToolStep:
    """One step of a streamed run: either a delta of the model's, or a call that ended.

    Attributes:
        round: Which of the model's replies it belongs to, from 1.
        delta: What a chunk added; None for a call.
        call: A tool call that ended, well or not; None for a delta.
    """

    round: int
    delta: ChatDelta | None = None
    call: CallRecord | None = None

    @property
    def text(self) -> str:
        """Answer text this step added; empty for a call."""
        return self.delta.text if self.delta is not None else ""

    @property
    def reasoning(self) -> str:
        """Reasoning text this step added."""
        return self.delta.reasoning if self.delta is not None else ""

    @property
    def finish_reason(self) -> str | None:
        """Why this round's reply ended, on the delta that says so."""
        return self.delta.finish_reason if self.delta is not None else None

    @property
    def usage(self) -> Usage | None:
        """Tokens of this round, on the delta that carries them."""
        return self.delta.usage if self.delta is not None else None


class Steps(Protocol):
    """Anything that is iterated by steps."""

    async def __anext__(self) -> ToolStep: ...


class TextSteps:
    """The non-empty texts of steps. Leaving it early leaves the steps where they are."""

    __slots__ = ("_steps",)

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        """Return the next text. Raises and cancels as the steps' own."""
        while True:
            step = await self._steps.__anext__()
            if step.text:
                return step.text
