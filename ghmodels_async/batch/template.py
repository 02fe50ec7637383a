"""``{{variable}}`` in a text, filled from a row. Pure.

The dialect of `.prompt.yml` files: names of letters, digits, ``_``, ``-`` and ``.``, one pass (a value that contains
``{{other}}`` stays as it is). Unlike there, a name the row lacks is an error: a prompt with a hole wastes a request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = ["Template"]

_VARIABLE = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")


@dataclass(frozen=True)
class Template:
    """A text with ``{{variables}}``."""

    text: str

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The names used, each once, in order of appearance."""
        return tuple(dict.fromkeys(_VARIABLE.findall(self.text)))

    def render(self, row: Mapping[str, Any]) -> str:
        """Fill in the row's values: text as it is, anything else as JSON.

        Raises:
            KeyError: The row has no such field; the argument is its name.
        """
        return _VARIABLE.sub(lambda match: _text(_look_up(row, match[1])), self.text)


def _look_up(row: Mapping[str, Any], name: str) -> Any:
    """A dotted name is a field of that very name, or else a path into nested objects."""
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise KeyError(name)
        value = value[part]
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
