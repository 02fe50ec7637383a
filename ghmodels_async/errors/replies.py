"""Errors about a reply that came whole and well, but cannot be used as what was asked for."""

from __future__ import annotations

from typing import Any

from .root import GHModelsError

__all__ = [
    "FilteredReplyError",
    "InvalidReplyError",
    "LengthLimitError",
    "RefusalError",
    "ReplyError",
    "ToolError",
    "ToolRoundsError",
]


class ReplyError(GHModelsError):
    """The server answered well, but the reply is not what was asked for. The request was spent.

    Args:
        partial: The reply as it came. It holds the model's words, so it is in neither message nor repr.
        model: The model that was asked.
    """

    def __init__(
        self, why: str = "", *, partial: Any = None, model: str | None = None, checked: str = "", fix: str = ""
    ) -> None:
        super().__init__(why, checked=checked, fix=fix)
        self.partial = partial
        self.model = model


class RefusalError(ReplyError):
    """The model refused to answer; `partial.refusal` is its own sentence."""


class LengthLimitError(ReplyError):
    """The token limit cut the reply off (finish reason ``length``)."""


class FilteredReplyError(ReplyError):
    """A content filter cut the reply off. A filtered prompt is a ContentFilterError instead."""


class InvalidReplyError(ReplyError):
    """The reply is not the JSON that was asked for, or does not fit the type.

    Args:
        problems: What does not fit: one line per place, without the model's words.
        attempts: How many replies were asked for, re-asking included.
    """

    def __init__(self, why: str = "", *, problems: tuple[str, ...] = (), attempts: int = 1, **about: Any) -> None:
        super().__init__(why, **about)
        self.problems = tuple(problems)
        self.attempts = attempts


class ToolError(GHModelsError):
    """A tool call failed and the caller wanted to know. `__cause__` is the tool's own exception, where it raised one.

    Args:
        tool: The tool's name as its author wrote it, or what the model asked for if there is no such tool.
        call_id: The model's id of this call.
        run: Everything up to here (`ToolRun`): what was spent is not lost. In neither message nor repr.
    """

    def __init__(
        self,
        why: str = "",
        *,
        tool: str | None = None,
        call_id: str | None = None,
        run: Any = None,
        checked: str = "",
        fix: str = "",
    ) -> None:
        super().__init__(why, checked=checked, fix=fix)
        self.tool = tool
        self.call_id = call_id
        self.run = run


class ToolRoundsError(ToolError):
    """The model still wanted tools when its rounds were used up."""
