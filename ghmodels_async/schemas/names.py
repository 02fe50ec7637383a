"""Names of tools and schemas, as authors write them and as they may travel.

Source: OpenAI reference, `tools[].function.name` and `response_format.json_schema.name`: letters, digits, underscores
and dashes, at most 64 characters (read 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["NameTable", "wire_name"]

MAX_LENGTH = 64
_REFUSED = re.compile(r"[^a-zA-Z0-9_-]")


def wire_name(name: str) -> str:
    """The nearest name that may travel: other characters become underscores, the rest beyond 64 is cut.

    A name that may travel as it is stays as it is. Different names can become equal; `NameTable` keeps them apart.
    """
    return _REFUSED.sub("_", name)[:MAX_LENGTH] or "_"


class NameTable:
    """Original names and their wire names, one to one.

    Names that may travel keep themselves, whatever their position; of names that become equal, the later ones get
    ``_2``, ``_3`` ... at their end. The table depends on the names and their order only.

    Args:
        originals: Names as authors wrote them. The same name twice gets two wire names, by position.
    """

    def __init__(self, originals: Iterable[str]) -> None:
        names = list(originals)
        taken: dict[str, str] = {}
        at: dict[int, str] = {}
        for position, name in enumerate(names):
            if wire_name(name) == name and name not in taken:
                taken[name] = name
                at[position] = name
        for position, name in enumerate(names):
            if position not in at:
                at[position] = free = _free(wire_name(name), taken)
                taken[free] = name
        #: Wire names, in the order of the originals.
        self.wire_names = [at[position] for position in range(len(names))]
        self._original_of = taken
        self._wire_of: dict[str, str] = {}
        for name, wire in zip(names, self.wire_names, strict=True):
            self._wire_of.setdefault(name, wire)

    def to_wire(self, original: str) -> str:
        """The wire name of an original; an unknown name is made fit to travel."""
        return self._wire_of.get(original) or wire_name(original)

    def from_wire(self, name: str) -> str:
        """The original behind a wire name; an unknown name is returned as it is."""
        return self._original_of.get(name, name)


def _free(wanted: str, taken: dict[str, str]) -> str:
    name, count = wanted, 1
    while name in taken:
        count += 1
        suffix = f"_{count}"
        name = wanted[: MAX_LENGTH - len(suffix)] + suffix
    return name
