"""The texts of a run: wherever they come from, and which of them no endpoint takes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from typing import TypeAlias

from ghmodels_async import catalog
from ghmodels_async.errors import BadRequestError, RequestTooLargeError
from ghmodels_async.wire.measure import utf8_bytes
from ghmodels_async.wiring import Wiring

from .packing import DENSEST

__all__ = ["Texts", "each", "fit", "longest_text", "refused"]

Texts: TypeAlias = str | Iterable[str] | AsyncIterable[str]


def longest_text(wiring: Wiring, model: str) -> int | None:
    """The most tokens of one text, where the catalog says."""
    entry = catalog.find(model, wiring.profile.catalog) if wiring.profile.catalog else None
    return entry.limits.max_input_tokens if entry and entry.limits else None


def fit(model: str, position: int, text: object, longest: int | None) -> None:
    """Refuse a text the endpoint would refuse, before anything is spent for it."""
    if not isinstance(text, str):
        raise TypeError(f"text number {position} is no str but {type(text).__name__}")
    if not text:
        raise refused(model, f"Text number {position} is empty.", f"input[{position}]")
    least = utf8_bytes(text) // DENSEST
    if longest is not None and least > longest:
        raise RequestTooLargeError(
            f"Text number {position} has at least {least:,} tokens; {model} reads at most {longest:,} of one text.",
            size=least,
            maximum=longest,
            model=model,
            checked=f"input[{position}]: {utf8_bytes(text):,} bytes",
            fix="Split the text, embed the pieces",
        )


def refused(model: str, why: str, checked: str) -> BadRequestError:
    return BadRequestError(why, param="input", model=model, checked=checked, fix="Give texts of at least one character")


async def each(texts: Texts) -> AsyncGenerator[str]:
    """Every text; an async iterator is closed on the way out, as `map` does with its requests."""
    if isinstance(texts, str):
        yield texts
    elif isinstance(texts, AsyncIterable):
        iterator = aiter(texts)
        try:
            async for text in iterator:
                yield text
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()
    else:
        for text in texts:
            yield text
