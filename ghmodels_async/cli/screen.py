"""How output looks: one console for all tables, one way to print JSON, and nothing a terminal would obey."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Table

__all__ = ["Page", "console", "fitted", "plain_table", "print_json", "tame"]

#: A pipe has no width: lines must not be folded for `grep`, and none of our tables is wider than this.
_PIPE_WIDTH = 200

#: A column that may take several lines is asked for no more than this.
_FOLDED = 24

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


def fitted(table: Table, width: int, spare: Sequence[str]) -> Table:
    """Leave out columns until the others can be read; if that is not enough, fold the first. Half a number is worse.

    Args:
        table: From `plain_table`; it is changed and returned.
        width: Of the terminal.
        spare: Titles of columns that may go, the least important first.
    """
    for title in spare:
        if _needed(table) <= width:
            break
        table.columns = [column for column in table.columns if column.header != title]
    if _needed(table) > width:
        table.columns[0].no_wrap = False
    return table


def _needed(table: Table) -> int:
    """Characters a line needs before anything is cut."""
    from rich.cells import cell_len
    from rich.text import Text

    total = 2 * len(table.columns)  # rich reserves the padding of the edges, though it does not print it
    for column in table.columns:
        cells = (cell if isinstance(cell, Text) else Text(str(cell)) for cell in (column.header, *column.cells))
        widest = max(cell_len(cell.plain) for cell in cells)
        total += widest if column.no_wrap else min(widest, _FOLDED)
    return total


class Page:
    """What fits on the screen of a table that may be longer, with a last line that says so.

    Args:
        content: What to show.
        advice: What the last line says beside how much is missing.
    """

    def __init__(self, content: RenderableType, advice: str) -> None:
        self._content = content
        self._advice = advice

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        lines = console.render_lines(self._content, options.update(height=None), pad=False)
        over = len(lines) - console.height
        if over > 0:
            lines = lines[: console.height - 1]
            lines.append([Segment(f"{over + 1} more lines; {self._advice}"[: options.max_width])])
        for number, line in enumerate(lines):
            yield from [*([Segment.line()] if number else []), *line]


def tame(text: str, stream: IO[str] | None = None) -> str:
    """Text from elsewhere, for `stream` (standard output): a terminal gets no control characters, a pipe all of it."""
    return text.translate(_UNTRUSTED) if (stream or sys.stdout).isatty() else text


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print JSON: letters as they are where the output can hold them, escaped where it cannot."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, ensure_ascii=not unicode, indent=indent), flush=True)
