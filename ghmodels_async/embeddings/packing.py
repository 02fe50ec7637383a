"""How many texts go into one request: full ones, in order, under the caps on texts and on tokens. Pure.

Nobody but the server can count its tokens, so texts are measured by their bytes: by the ratio the server's usage has
taught, with a tenth to spare, or before the first reply by a cautious guess. A request that turns out too large all the
same is cut in half by `run`.
"""

from __future__ import annotations

from collections.abc import Callable

from ghmodels_async.wire.measure import utf8_bytes

__all__ = ["DENSEST", "Packer", "tokens_of"]

#: Above the four bytes of English a token, and above what most tokenizers make of other scripts (2-3 bytes a letter).
_ASCII, _OTHER = 0.3, 0.5
#: Texts differ; a request of thousands of them differs little.
_SPARE = 1.1
#: No tokenizer in use packs ordinary text tighter than this many bytes a token.
DENSEST = 12


def tokens_of(text: str, ratio: float | None) -> int:
    """Estimate the tokens of one text, rather too many than too few.

    Args:
        text: What to measure.
        ratio: Tokens per byte as learned; None before anything was.
    """
    if ratio is None:
        ratio = _ASCII if text.isascii() else _OTHER
    return int(utf8_bytes(text) * ratio * _SPARE) + 1


class Packer:
    """Collects texts until a request is full.

    Args:
        most_texts: The most texts of one request, at least 1.
        most_tokens: The most tokens of one request; None for no cap. A single text above it gets a request of its own.
        measure: Estimates the tokens of one text.
    """

    __slots__ = ("_measure", "_most_texts", "_most_tokens", "_texts", "_tokens")

    def __init__(self, most_texts: int, most_tokens: int | None, measure: Callable[[str], int]) -> None:
        self._most_texts = most_texts
        self._most_tokens = most_tokens
        self._measure = measure
        self._texts: list[str] = []
        self._tokens = 0

    def feed(self, text: str) -> list[str] | None:
        """Add one text; returns the request that is full without it, if there is one."""
        tokens = self._measure(text)
        over = self._most_tokens is not None and self._tokens + tokens > self._most_tokens
        full = self.close() if self._texts and (over or len(self._texts) >= self._most_texts) else None
        self._texts.append(text)
        self._tokens += tokens
        return full

    def close(self) -> list[str] | None:
        """The texts collected so far, if there are any."""
        texts, self._texts, self._tokens = self._texts, [], 0
        return texts or None
