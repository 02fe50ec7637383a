"""What truthful `x-ratelimit-*` headers of a good answer say, for profiles that declare them truthful. Pure.

They only ever tighten: if the server counts more than we do, somebody else sent the difference. If it counts less, it
has not met what is still on its way. GitHub Models' headers are not truthful (they show the shared deployment behind
it, a thousand times too much), so its profile never gets here.
Source: OpenAI rate limit headers, https://platform.openai.com/docs/guides/rate-limits (read 2026-11-22); Groq uses the
same names, with the daily number under `-requests`. Which window a number belongs to is told by its amount.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..profiles import Unit

__all__ = ["Told", "told", "unaccounted"]

_DURATION = re.compile(r"([\d.]+)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_UNITS: tuple[Unit, ...] = ("requests", "tokens")


@dataclass(frozen=True, slots=True)
class Told:
    """One limit as headers tell it: `remaining` of `amount`, all back in `reset` seconds."""

    unit: Unit
    amount: int
    remaining: int
    reset: float


def told(headers: Mapping[str, str]) -> list[Told]:
    """Every limit the headers tell completely; lower-case names."""
    words = []
    for unit in _UNITS:
        amount = _whole(headers.get(f"x-ratelimit-limit-{unit}"))
        remaining = _whole(headers.get(f"x-ratelimit-remaining-{unit}"))
        reset = _seconds(headers.get(f"x-ratelimit-reset-{unit}"))
        if amount is not None and remaining is not None and reset is not None and 0 <= remaining <= amount:
            words.append(Told(unit, amount, remaining, reset))
    return words


def unaccounted(word: Told, used: int) -> int:
    """How much counts at the server that we did not send: `used` is what counts here, on its way included."""
    return max(0, word.amount - word.remaining - used)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _seconds(text: str | None) -> float | None:
    """Seconds in ``17``, ``6m0s``, ``120ms``; None for anything else."""
    if text is None:
        return None
    parts = _DURATION.findall(text)
    try:
        if parts and "".join(number + unit for number, unit in parts) == text:
            return sum(float(number) * _SECONDS[unit] for number, unit in parts)
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 32 * 86_400 else None
