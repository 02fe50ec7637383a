"""What a docstring says to a model: the text before the first section, and one description per parameter.

Reads the Google style: a section opens with a line like ``Args:`` and holds lines indented deeper; in ``Args`` each
entry is ``name: text`` or ``name (type): text``, continued on lines indented deeper still.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

__all__ = ["DocText", "read_docstring"]

_ARGUMENTS = frozenset({"args:", "arguments:", "parameters:", "params:", "keyword args:", "keyword arguments:"})
# Every section the style guide and Napoleon name; the summary ends at the first one.
_OTHERS = (
    "attributes cancellation example examples note notes raises references return returns source todo "
    "warning warnings warns yield yields"
)
_SECTIONS = _ARGUMENTS | {f"{name}:" for name in (*_OTHERS.split(), "see also")}
_ENTRY = re.compile(r"\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)")


@dataclass(frozen=True, slots=True)
class DocText:
    """`summary` is everything before the first section, with its paragraphs; `parameters` maps a name to its text."""

    summary: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def read_docstring(docstring: str | None) -> DocText:
    """Read a docstring. One without sections is all summary; None or an empty one says nothing."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    first = next((n for n, line in enumerate(lines) if line.strip().lower() in _SECTIONS), len(lines))
    return DocText(summary=_paragraphs(lines[:first]), parameters=_parameters(lines[first:]))


def _paragraphs(lines: list[str]) -> str:
    """Join wrapped lines; keep blank lines, and lines that are indented or look like items."""
    text = ""
    for line in lines:
        stripped = line.strip()
        if not stripped:
            text = text.rstrip() + "\n\n" if text else ""
        elif text and not text.endswith("\n") and not line.startswith((" ", "- ", "* ")):
            text += " " + stripped
        else:
            text += ("\n" if text and not text.endswith("\n") else "") + line.rstrip()
    return text.strip()


def _parameters(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    inside, indent, current = False, 0, None
    for line in lines:
        stripped = line.strip()
        depth = len(line) - len(line.lstrip())
        if stripped and depth == 0:
            inside, indent, current = stripped.lower() in _ARGUMENTS, 0, None
            continue
        if not inside or not stripped:
            continue
        indent = indent or depth
        entry = _ENTRY.fullmatch(stripped) if depth <= indent else None
        if entry is not None:
            current = entry["name"]
            found[current] = entry["text"]
        elif current is not None:
            found[current] = f"{found[current]} {stripped}".strip()
    return found
