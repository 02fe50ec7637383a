"""How output looks: one console for all tables, one way to print JSON, and nothing a terminal would obey."""

from __future__ import annotations

import json
import sys
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["console", "plain_table", "print_json", "tame"]

#: A pipe has no width: lines must not be folded for `grep`, and none of our tables is wider than this.
_PIPE_WIDTH = 200

#: Control characters a server may send but a terminal must not obey (escape sequences can rewrite what was shown).
_UNTRUSTED = {code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


def console() -> Console:
    """Standard output as rich sees it: colours and the terminal's width only if it is a terminal."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def plain_table(*titles: str, right: tuple[str, ...] = (), fold: tuple[str, ...] = ()) -> Table:
    """A table without lines, so that it can be copied and cut.

    Args:
        titles: Column headings.
        right: Columns of numbers.
        fold: Columns that may take several lines on a narrow terminal; all others are never broken.
    """
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(
            title, justify="right" if title in right else "left", no_wrap=title not in fold, overflow="fold"
        )
    return table


def tame(text: str, stream: IO[str] | None = None) -> str:
    """Text from elsewhere, for `stream` (standard output): a terminal gets no control characters, a pipe all of it."""
    return text.translate(_UNTRUSTED) if (stream or sys.stdout).isatty() else text


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print JSON: letters as they are where the output can hold them, escaped where it cannot."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, ensure_ascii=not unicode, indent=indent), flush=True)
