"""How tables look: one console for all verbs."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

__all__ = ["console", "plain_table"]

#: A pipe has no width: lines must not be folded for `grep`, and none of our tables is wider than this.
_PIPE_WIDTH = 200


def console() -> Console:
    """Standard output as rich sees it: colours and the terminal's width only if it is a terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def plain_table(*titles: str, right: tuple[str, ...] = (), fold: tuple[str, ...] = ()) -> Table:
    """A table without lines, so that it can be copied and cut.

    Args:
        titles: Column headings.
        right: Columns of numbers.
        fold: Columns that may take several lines on a narrow terminal; all others are never broken.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(
            title, justify="right" if title in right else "left", no_wrap=title not in fold, overflow="fold"
        )
    return table
