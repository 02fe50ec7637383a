"""The root of the tree: how a message is composed and how an error travels between processes."""

from __future__ import annotations

from typing import Any

__all__ = ["GHModelsError"]


class GHModelsError(Exception):
    """Root of every error this library raises.

    The message has three parts, each also an attribute: `why` it failed, what was `checked`, how to `fix` it. Neither
    the message nor the repr ever holds a token or a prompt.

    Args:
        why: One sentence: what happened. It is the first line of the message.
        checked: What was looked at: one line, or one line per item.
        fix: What to do next: one line, or one step per line.
    """

    why: str
    checked: str
    fix: str

    def __init__(self, why: str = "", *, checked: str = "", fix: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.checked = checked
        self.fix = fix

    def __str__(self) -> str:
        parts = [self.why or type(self).__name__]
        parts += [_section("Checked", self.checked), _section("To fix", self.fix)]
        return "\n".join(part for part in parts if part)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.why!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Attributes travel, not constructor arguments: a subclass with another signature still pickles. Chained
        # exceptions and the traceback stay behind, they hold sockets and frames.
        return _restore, (type(self), self.args, dict(self.__dict__))


def _restore(cls: type[GHModelsError], args: tuple[Any, ...], state: dict[str, Any]) -> GHModelsError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


def _section(title: str, text: str) -> str:
    """``Title: text`` for one line, ``Title:`` and indented lines for several, nothing for nothing."""
    if "\n" not in text:
        return f"{title}: {text}" if text else ""
    return "\n".join([f"{title}:", *(f"  {line}" for line in text.splitlines())])
