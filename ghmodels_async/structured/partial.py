"""JSON that is still arriving, as the value it has become so far, in time linear in its length.

Theory of operation. `feed` walks each character once and keeps its state between calls, so text may be cut anywhere:
in a string, an escape, a surrogate pair, a number. `GrowingValue` is filled in place: one living object, not a copy per
call. A string is visible from its first character on; a number or a literal once it is complete (``12`` may become
``123``); a key once its value begins. Two laws hold for every cut: `close` returns what `json.loads` returns for the
whole text, and nothing visible is taken back: strings and containers grow, everything else stays.

Models like to wrap JSON in a Markdown fence: an opening fence's line and a closing fence are skipped.

The file is longer than others because it is one state machine, one short method per state.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .growing import GrowingValue

__all__ = ["PartialJSON"]

_BLANK = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
_NUMBER_PART = re.compile(r"[0-9+\-.eE]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD_PART = re.compile(r"[a-z]+")
_WORDS = {"true": True, "false": False, "null": None}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX = re.compile(r"[0-9a-fA-F]{4}")

_State = Callable[["PartialJSON", str, int], int]


class PartialJSON:
    """A JSON text being read: `feed` its pieces, then `close`."""

    __slots__ = ("_grown", "_hex", "_high", "_in_key", "_pieces", "_state")

    def __init__(self) -> None:
        self._grown = GrowingValue()
        self._in_key = False
        self._pieces: list[str] = []  # of a key, a number or a word: what is not visible yet
        self._hex = ""
        self._high = ""  # a high surrogate whose low one may follow
        self._state: _State = PartialJSON._start

    @property
    def value(self) -> Any:
        """What has arrived so far: one object, filled in place. None before anything has; look at `begun`."""
        return self._grown.value

    @property
    def begun(self) -> bool:
        """Whether the value has begun."""
        return self._grown.begun

    def feed(self, text: str) -> bool:
        """Read on.

        Returns:
            Whether `value` changed visibly.

        Raises:
            ValueError: This is not JSON, or nested deeper than 200. `value` stays as it was up to that place.
        """
        before, at, end = self._grown.changes, 0, len(text)
        while at < end:
            at = self._state(self, text, at)
        return self._grown.changes != before

    def close(self) -> Any:
        """End the text and return the whole value.

        Raises:
            ValueError: The text ends in the middle.
        """
        if self._state is PartialJSON._number:
            self._end_number()
        elif self._state is PartialJSON._word:
            self._end_word()
        if self._state is not PartialJSON._end:
            raise ValueError("the JSON text ends in the middle")
        return self.value

    # One method per state: read from `at`, return where to go on.

    def _start(self, text: str, at: int) -> int:
        at = _blank(text, at)
        if at < len(text):
            self._state = PartialJSON._fence if text[at] == "`" else PartialJSON._value
        return at

    def _fence(self, text: str, at: int) -> int:
        line = text.find("\n", at)
        if line < 0:
            return len(text)
        self._state = PartialJSON._value
        return line + 1

    def _value(self, text: str, at: int) -> int:
        at = _blank(text, at)
        if at == len(text):
            return at
        char = text[at]
        if char == '"':
            self._grown.put("")
            self._in_key, self._state = False, PartialJSON._string
        elif char == "{":
            self._grown.enter({})
            self._state = PartialJSON._first
        elif char == "[":
            self._grown.enter([])
            self._state = PartialJSON._first
        elif char in "-0123456789":
            self._state = PartialJSON._number
            return at
        elif char in "tfn":
            self._state = PartialJSON._word
            return at
        else:
            raise _unexpected(char, "a value")
        return at + 1

    def _first(self, text: str, at: int) -> int:
        at = _blank(text, at)
        if at < len(text):
            closing = self._grown.closing
            if text[at] == closing:
                return self._leave(at)
            self._state = PartialJSON._next_key if closing == "}" else PartialJSON._value
        return at

    def _next_key(self, text: str, at: int) -> int:
        return self._one(text, at, '"', "a key", PartialJSON._string, in_key=True)

    def _colon(self, text: str, at: int) -> int:
        return self._one(text, at, ":", "a colon", PartialJSON._value)

    def _after(self, text: str, at: int) -> int:
        at = _blank(text, at)
        if at == len(text):
            return at
        closing = self._grown.closing
        if text[at] == closing:
            return self._leave(at)
        if text[at] != ",":
            raise _unexpected(text[at], "a comma or the end")
        self._state = PartialJSON._next_key if closing == "}" else PartialJSON._value
        return at + 1

    def _end(self, text: str, at: int) -> int:
        while (at := _blank(text, at)) < len(text):
            if text[at] != "`":
                raise _unexpected(text[at], "nothing more")
            at += 1
        return at

    def _string(self, text: str, at: int) -> int:
        plain = _PLAIN.match(text, at)
        if plain is not None:
            self._add(plain.group())
            return plain.end()
        char = text[at]
        if char == "\\":
            self._state = PartialJSON._escape
        elif char == '"':
            self._add("")
            if self._in_key:
                self._grown.key, self._state = self._taken(), PartialJSON._colon
            else:
                self._settle()
        else:
            raise _unexpected(char, "text without control characters")
        return at + 1

    def _escape(self, text: str, at: int) -> int:
        char = text[at]
        if char == "u":
            self._hex, self._state = "", PartialJSON._unicode
        elif char in _ESCAPES:
            self._add(_ESCAPES[char])
            self._state = PartialJSON._string
        else:
            raise _unexpected(char, "an escape")
        return at + 1

    def _unicode(self, text: str, at: int) -> int:
        part = text[at : at + 4 - len(self._hex)]
        self._hex += part
        if len(self._hex) == 4:
            if _HEX.fullmatch(self._hex) is None:
                raise _unexpected(self._hex, "four hexadecimal digits")
            self._add_unit(int(self._hex, 16))
            self._state = PartialJSON._string
        return at + len(part)

    def _number(self, text: str, at: int) -> int:
        return self._collect(_NUMBER_PART, text, at, self._end_number)

    def _word(self, text: str, at: int) -> int:
        return self._collect(_WORD_PART, text, at, self._end_word)

    # What the states share.

    def _one(self, text: str, at: int, char: str, name: str, then: _State, *, in_key: bool = False) -> int:
        """Expect one character, after white space."""
        at = _blank(text, at)
        if at == len(text):
            return at
        if text[at] != char:
            raise _unexpected(text[at], name)
        self._in_key, self._state = in_key, then
        return at + 1

    def _collect(self, part: re.Pattern[str], text: str, at: int, end: Callable[[], None]) -> int:
        found = part.match(text, at)
        if found is not None:
            self._pieces.append(found.group())
            at = found.end()
        if at < len(text):
            end()
        return at

    def _end_number(self) -> None:
        digits = self._taken()
        found = _NUMBER.fullmatch(digits)
        if found is None:
            raise _unexpected(digits, "a number")
        self._grown.put(float(digits) if found[1] or found[2] else int(digits))
        self._settle()

    def _end_word(self) -> None:
        word = self._taken()
        if word not in _WORDS:
            raise _unexpected(word, "true, false or null")
        self._grown.put(_WORDS[word])
        self._settle()

    def _taken(self) -> str:
        text = "".join(self._pieces)
        self._pieces.clear()
        return text

    def _add_unit(self, code: int) -> None:
        """Add one UTF-16 unit; halves of a pair are joined, a lone half stays as it is (as in `json.loads`)."""
        if self._high and 0xDC00 <= code < 0xE000:
            high, self._high = ord(self._high), ""
            self._add(chr(0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)))
        elif 0xD800 <= code < 0xDC00:
            self._add("")
            self._high = chr(code)
        else:
            self._add(chr(code))

    def _add(self, text: str) -> None:
        """Add text to the string being read, after a high surrogate that stayed alone."""
        if self._high:
            text, self._high = self._high + text, ""
        if text and self._in_key:
            self._pieces.append(text)
        elif text:
            self._grown.grow(text)

    def _leave(self, at: int) -> int:
        self._grown.leave()
        self._settle()
        return at + 1

    def _settle(self) -> None:
        self._state = PartialJSON._after if self._grown.closing else PartialJSON._end


def _blank(text: str, at: int) -> int:
    """Where the white space from `at` on ends."""
    found = _BLANK.match(text, at)
    return found.end() if found is not None else at


def _unexpected(found: str, wanted: str) -> ValueError:
    # a single character says enough and quotes nothing
    return ValueError(f"unexpected {found[:1]!r} in the JSON text where {wanted} belongs")
