"""A value under construction: where the next piece goes, and what is visible meanwhile."""

from __future__ import annotations

from typing import Any

__all__ = ["GrowingValue"]

#: Nesting the final validation (pydantic-core) accepts; deeper text is refused here too.
MAX_DEPTH = 200


class GrowingValue:
    """One living value, filled in place.

    Growing a string in place relies on CPython extending a string that nobody else holds; where somebody does (a
    consumer that kept it), that one append copies it. The result is the same, only slower.

    Attributes:
        value: What is visible so far.
        begun: Whether anything is.
        changes: How often something visible changed.
        key: Where the next value goes if the innermost container is a dict.
    """

    __slots__ = ("_stack", "begun", "changes", "key", "value")

    def __init__(self) -> None:
        self.value: Any = None
        self.begun = False
        self.changes = 0
        self.key = ""
        self._stack: list[dict[str, Any] | list[Any]] = []

    @property
    def closing(self) -> str:
        """The bracket that ends the innermost container; empty outside of all."""
        if not self._stack:
            return ""
        return "}" if isinstance(self._stack[-1], dict) else "]"

    def put(self, value: Any) -> None:
        """Make a new value visible in the innermost container, or as the whole."""
        self.changes += 1
        if not self._stack:
            self.value, self.begun = value, True
            return
        holder = self._stack[-1]
        if isinstance(holder, dict):
            holder[self.key] = value
        else:
            holder.append(value)

    def grow(self, text: str) -> None:
        """Append to the string that was put last."""
        self.changes += 1
        # The container lets go before the append: a second reference would make it a copy.
        if not self._stack:
            grown, self.value = self.value, None
            grown += text
            self.value = grown
            return
        holder: Any = self._stack[-1]
        slot = self.key if isinstance(holder, dict) else -1
        grown, holder[slot] = holder[slot], None
        grown += text
        holder[slot] = grown

    def enter(self, container: dict[str, Any] | list[Any]) -> None:
        """Put a container; what comes next goes inside.

        Raises:
            ValueError: Nested deeper than 200.
        """
        if len(self._stack) >= MAX_DEPTH:
            raise ValueError(f"the JSON text is nested deeper than {MAX_DEPTH}")
        self.put(container)
        self._stack.append(container)

    def leave(self) -> None:
        """End the innermost container."""
        self._stack.pop()
