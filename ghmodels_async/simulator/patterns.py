"""Text that matches a regular expression, for `pattern` in a JSON schema.

Understands what patterns in schemas use: literals, classes, `\\d \\w \\s .`, groups, alternatives, quantifiers,
anchors. Whatever else it meets (look-around, back references) makes it give up with None.
"""

from __future__ import annotations

import re
import string
from random import Random

__all__ = ["text_matching"]

_DIGITS = string.digits
_WORDS = string.ascii_letters + string.digits + "_"
_CLASSES = {"d": _DIGITS, "w": _WORDS, "s": " ", "D": string.ascii_letters, "W": "-", "S": string.ascii_letters}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_QUANTIFIER = re.compile(r"\{(\d+)(,?)(\d*)\}\??|[*+?]\??")


class _GiveUpError(Exception):
    pass


def text_matching(pattern: str, luck: Random) -> str | None:
    """A short text in which `pattern` matches, or None if this generator cannot make one."""
    try:
        text = _Reader(pattern, luck).alternatives()
        return text if re.search(pattern, text) else None
    except (_GiveUpError, re.error, IndexError):
        return None


class _Reader:
    """Reads a pattern once, left to right, and writes one matching text meanwhile."""

    def __init__(self, pattern: str, luck: Random) -> None:
        self._pattern = pattern
        self._at = 0
        self._luck = luck

    def alternatives(self) -> str:
        options = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            options.append(self._sequence())
        return self._luck.choice(options)

    def _peek(self) -> str:
        return self._pattern[self._at] if self._at < len(self._pattern) else ""

    def _sequence(self) -> str:
        written = []
        while self._peek() not in ("", "|", ")"):
            start = self._at
            text = self._atom()
            low, high = self._quantifier()
            times = self._luck.randint(low, high)
            after = self._at
            for _ in range(times):
                written.append(text)
                self._at = start  # read the atom again, so that every repetition draws anew
                text = self._atom()
            self._at = after
        return "".join(written)

    def _quantifier(self) -> tuple[int, int]:
        match = _QUANTIFIER.match(self._pattern, self._at)
        if match is None:
            return 1, 1
        self._at = match.end()
        mark = match.group()[0]
        if mark != "{":
            return {"*": (0, 3), "+": (1, 4), "?": (0, 1)}[mark]
        low = int(match[1])
        return (low, int(match[3])) if match[3] else (low, low + 2 if match[2] else low)

    def _atom(self) -> str:
        char = self._peek()
        self._at += 1
        if char in "^$":
            return ""
        if char == ".":
            return self._luck.choice(string.ascii_lowercase)
        if char == "[":
            return self._luck.choice(self._class())
        if char == "(":
            return self._group()
        return self._luck.choice(self._escape()) if char == "\\" else char

    def _group(self) -> str:
        if self._peek() == "?":
            match = re.compile(r"\?(?::|P?<[A-Za-z_]\w*>)").match(self._pattern, self._at)
            if match is None:
                raise _GiveUpError
            self._at = match.end()
        text = self.alternatives()
        self._at += 1
        return text

    def _escape(self) -> str:
        """The characters an escape may stand for."""
        char = self._peek()
        self._at += 1
        if char.isdigit() or char in "bB":
            raise _GiveUpError
        return _CLASSES.get(char) or _ESCAPES.get(char, char)

    def _class(self) -> str:
        negated = self._peek() == "^"
        self._at += negated
        members: list[str] = []
        while self._peek() != "]" or not members:
            char = self._peek()
            self._at += 1
            if char == "\\":
                members.append(self._escape())
            elif self._peek() == "-" and self._pattern[self._at + 1] != "]":
                last = self._pattern[self._at + 1]
                self._at += 2
                members.append("".join(map(chr, range(ord(char), ord(last) + 1))))
            else:
                members.append(char)
        self._at += 1
        every = "".join(members)
        return "".join(c for c in string.printable[:94] if c not in every) if negated else every
