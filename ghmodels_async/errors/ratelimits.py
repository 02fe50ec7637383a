"""What a 429 says, as a value: which limit, how many per how long, how long to wait.

Headers first, then the body's fields, then its sentence. Grammars, in the order they are tried:
1. GitHub and Foundry: ``Rate limit of 10 per 60s exceeded for UserByModelByMinute. Please wait 46 seconds …``
2. OpenAI and Groq: ``… on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 7m12s.``
3. Google: ``details`` with ``quotaId``, ``quotaValue`` and ``retryDelay``; OpenRouter: ``metadata.headers``.
4. Anyone: ``retry after 7 seconds``, ``try again in 20s``.
Source: public captures of 2025-2026; OpenAI and Google error references (read 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

__all__ = ["LimitUnit", "RateLimitFacts", "rate_limit_facts", "retry_after"]

LimitUnit = Literal["requests", "tokens", "input_tokens"]

# A longer wait is no wait: an epoch in the wrong field, or nonsense. The longest window anyone sells is a month.
_ABSURD = 32 * 86_400.0

_GITHUB = re.compile(
    r"Rate limit of (\d+) per (\d+)\s?s exceeded for (\w+)(?:\. Please wait (\d+) seconds? before retrying)?"
)
_OPENAI = re.compile(r"\((\w+)\): Limit (\d+)")
_AGAIN = re.compile(r"(?:retry|try again)(?:ing)? (?:after|in) ((?:[\d.]+\s?(?:ms|h|m|s)[a-z]*\s?)+)", re.IGNORECASE)
_DURATION = re.compile(r"([\d.]+)\s?(ms|h|m|s)", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_WINDOWS = (
    ("second", 1.0),
    ("minute", 60.0),
    ("min", 60.0),
    ("hour", 3600.0),
    ("day", 86_400.0),
    ("month", 2_592_000.0),
)


@dataclass(frozen=True, slots=True)
class RateLimitFacts:
    """One 429, read. Every number is the server's own; nothing is added for rounding (that is the gate's business).

    Attributes:
        type: The server's name of the limit, e.g. ``UserByModelByMinute``; None when it named none.
        amount: How many per `window` the limit allows.
        window: Seconds; 0 for a limit on requests in flight.
        wait: Seconds to wait as the server said: usually an integer rounded *down*, so the truth lies in
            [wait, wait + 1). None when nothing credible was said.
        unit: What is counted.
        scope: Whether the limit counts one model or the whole account.
        concurrency: Whether it limits requests in flight, so that waiting for a window is pointless.
    """

    type: str | None = None
    amount: int | None = None
    window: float | None = None
    wait: float | None = None
    unit: LimitUnit = "requests"
    scope: Literal["model", "account"] = "model"
    concurrency: bool = False


def rate_limit_facts(
    headers: Mapping[str, str], body: Any | None, message: str | None, *, wall: float | None = None
) -> RateLimitFacts:
    """Read a 429.

    Args:
        headers: Lower-case names.
        body: The error object (the value of ``error``), if there was one.
        message: Its sentence, if there was one.
        wall: Unix time in seconds, for dates the server states without a `date` header of its own.
    """
    name: str | None = headers.get("x-ratelimit-type") or None
    amount: int | None = None
    window: float | None = None
    said: float | None = None
    text = message or ""
    if match := _GITHUB.search(text):
        amount, window = int(match[1]), float(match[2])
        name = name or match[3]
        said = _credible(float(match[4])) if match[4] else None
    elif match := _OPENAI.search(text):
        name, amount = name or match[1], int(match[2])
    if isinstance(body, Mapping):
        quota_name, quota_amount, quota_wait = _fields(body, wall)
        name, amount = name or quota_name, amount if amount is not None else quota_amount
        said = said if said is not None else quota_wait
    if said is None and (match := _AGAIN.search(text)):
        said = _credible(_duration(match[1]))
    wait = retry_after(headers, wall=wall)
    return _named(name, amount, window, said if wait is None else wait)


def retry_after(headers: Mapping[str, str], *, wall: float | None = None) -> float | None:
    """Seconds the headers ask to wait; None when they say nothing credible.

    A date is taken relative to the answer's own `date` header, so that a skewed local clock does not matter.
    Source: RFC 9110 §10.2.3 (`retry-after`: seconds or a date); `retry-after-ms` is Azure's and OpenAI's,
    `x-ratelimit-timeremaining` GitHub Models' copy; `x-ratelimit-reset` (seconds since 1970) api.github.com's.
    """
    if (value := _number(headers.get("retry-after-ms"))) is not None:
        return _credible(value / 1000)
    text = headers.get("retry-after")
    if text is not None:
        value = _number(text)
        if value is None:
            then, now = _date(text), _date(headers.get("date"))
            now = wall if now is None else now
            value = max(0.0, then - now) if then is not None and now is not None else None
        if (value := _credible(value)) is not None:
            return value
    value = _credible(_number(headers.get("x-ratelimit-timeremaining")))
    if value is None and headers.get("x-ratelimit-remaining") == "0":
        reset, now = _number(headers.get("x-ratelimit-reset")), _date(headers.get("date")) or wall
        value = _credible(max(0.0, reset - now)) if reset is not None and now is not None else None
    return value


def _named(name: str | None, amount: int | None, window: float | None, wait: float | None) -> RateLimitFacts:
    """What the limit's name alone tells: unit, scope, window, whether it counts requests in flight."""
    lower = (name or "").lower()
    concurrency = "concurrent" in lower or (window == 0 and amount is not None)
    if lower in ("rpm", "rpd", "tpm", "tpd", "rph", "tph"):
        window = {"m": 60.0, "h": 3600.0, "d": 86_400.0}[lower[2]]
        unit: LimitUnit = "tokens" if lower[0] == "t" else "requests"
        return RateLimitFacts(name, amount, window, wait, unit, "model", False)
    unit = "requests"
    if "token" in lower:
        unit = "input_tokens" if "input" in lower else "tokens"
    if window is None:
        window = (
            0.0
            if concurrency
            else next(
                (w for word, w in _WINDOWS if f"by{word}" in lower or f"per{word}" in lower or f"per-{word}" in lower),
                None,
            )
        )
    scope: Literal["model", "account"] = "model" if not name or "model" in lower.replace("models", "") else "account"
    return RateLimitFacts(name, amount, window, wait, unit, scope, concurrency)


def _fields(error: Mapping[str, Any], wall: float | None) -> tuple[str | None, int | None, float | None]:
    """Name, amount and wait from the structured parts: Google's `details`, OpenRouter's `metadata.headers`."""
    name: str | None = None
    amount: int | None = None
    wait: float | None = None
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, Mapping):
            continue
        violations = detail.get("violations")
        first = violations[0] if isinstance(violations, list) and violations else None
        if isinstance(first, Mapping):
            name = name or (str(first["quotaId"]) if first.get("quotaId") else None)
            amount = amount if amount is not None else _whole(first.get("quotaValue"))
        if isinstance(delay := detail.get("retryDelay"), str):
            wait = _credible(_duration(delay))
    metadata = error.get("metadata")
    told = metadata.get("headers") if isinstance(metadata, Mapping) else None
    if isinstance(told, Mapping):
        lower = {str(key).lower(): value for key, value in told.items()}
        amount = amount if amount is not None else _whole(lower.get("x-ratelimit-limit"))
        reset = _number(lower.get("x-ratelimit-reset"))
        if reset is not None and wall is not None:
            wait = _credible(max(0.0, reset / 1000 - wall))  # milliseconds since 1970
    return name, amount, wait


def _duration(text: str) -> float | None:
    """Seconds in ``7m12s``, ``20s``, ``350ms``, ``5 seconds``."""
    total = 0.0
    for value, unit in _DURATION.findall(text):
        number = _number(value)
        if number is None:
            return None
        total += number * _SECONDS[unit.lower()]
    return total


def _number(value: object) -> float | None:
    try:
        return float(str(value)) if value is not None else None
    except ValueError:
        return None


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 <= number < 1e15 else None


def _credible(seconds: float | None) -> float | None:
    """`seconds` if it can be a wait. NaN, negative and absurd values say nothing."""
    return seconds if seconds is not None and 0 <= seconds <= _ABSURD else None


def _date(text: str | None) -> float | None:
    if not text:
        return None
    try:
        when: datetime = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
