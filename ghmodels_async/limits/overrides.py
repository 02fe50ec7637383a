"""How a user writes limits of his own, and what is refused at once: a limit that is misspelt must not be no limit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

from ..errors import ConfigurationError

__all__ = ["METRIC", "SECONDS", "SIZES", "check_override", "check_overrides"]

METRIC = re.compile(r"(requests|tokens|input_tokens)_per_(second|minute|hour|day|month)")
SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0, "month": 31 * 86_400.0}
_UNITS = ("requests", "tokens", "input_tokens")
SIZES = ("concurrent", "tokens_in", "tokens_out")

_METRICS = (*SIZES, *(f"{unit}_per_{span}" for unit in _UNITS for span in SECONDS))


def check_overrides(overrides: Mapping[str, Mapping[str, int | None]]) -> None:
    """Refuse what could not mean anything, whichever models are used later.

    Raises:
        ConfigurationError: A limit that is no limit, or limits of no model. Nothing was sent.
    """
    if not isinstance(overrides, Mapping):
        raise ConfigurationError(
            f"limits must be a mapping or GateOptions, not {overrides!r}.",
            checked="limits, before the first call",
            fix='Write limits={"*": {"requests_per_minute": 8}}, or leave it out.',
        )
    for target, metrics in overrides.items():
        if not isinstance(metrics, Mapping):
            raise ConfigurationError(
                f"limits={{{target!r}: {metrics!r}}} does not say whose limits these are.",
                checked='limits: a model\'s id, a glob, or "account" -> metric -> number or None',
                fix='Write limits={"*": {"requests_per_minute": 8}} for every model, or name one instead of "*".',
            )
        for metric, number in metrics.items():
            check_override(metric, number)


def check_override(metric: str, number: object) -> None:
    """Refuse a metric that does not exist, and a number that cannot be a limit.

    Raises:
        ConfigurationError: One of these. Nothing was sent.
    """
    if metric not in SIZES and METRIC.fullmatch(metric) is None:
        near = get_close_matches(metric, _METRICS, n=1)
        raise ConfigurationError(
            f"{metric!r} is no limit.",
            checked="{requests|tokens|input_tokens}_per_{second|minute|hour|day|month}, " + ", ".join(SIZES),
            fix=f"Write {near[0]}." if near else "Use one of these names.",
        )
    if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
        raise ConfigurationError(
            f"{metric} must be a whole number from 1, or None, not {number!r}.",
            checked="limits, before the first call",
            fix="Give a number, or None where there is no such limit.",
        )
