"""Where in a TOML text a key stands: `tomllib` gives no positions, and an error message should. Pure."""

from __future__ import annotations

import re
import tomllib
from typing import Any

__all__ = ["line_of"]

_KEY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=""")


def line_of(text: str, path: tuple[str, ...]) -> int:
    """The line (from 1) of the key that `path` leads to, or of the nearest thing above it; 0 if there is none.

    Reads just enough: table headers and `key =` at the start of a line.
    """
    table: tuple[str, ...] = ()
    best, best_length = 0, 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("["):
            header = _keys(line.split("#")[0].strip().strip("[]") + " = 0")
            if header is None:  # an array's second line looks like this, and is not a header
                continue
            table = found = header
        elif match := _KEY.match(line):
            inner = _keys(match[0] + " 0")
            if inner is None:
                continue
            found = table + inner
        else:
            continue
        if len(found) > best_length and found == path[: len(found)]:
            best, best_length = number, len(found)
    return best


def _keys(statement: str) -> tuple[str, ...] | None:
    """`a."b c" = 0` -> ("a", "b c")."""
    try:
        node: Any = tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return None
    keys: list[str] = []
    while isinstance(node, dict):
        key, node = next(iter(node.items()))
        keys.append(key)
    return tuple(keys)
