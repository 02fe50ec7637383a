"""What a 429 means, judged against our own log: which limit, how long, and whose fault. Pure.

Three causes, and what gives them away. A log of `cap` never lets a request go unless at most cap-1 others can count
when it arrives, whatever the order of arrivals. So a refusal has one of these causes:
* SPENT: the server allows fewer than we went by. The number is corrected; waiting is all it takes.
* LATE: the arrival of some request was only assumed (evidence.py, case 4), and if that one travelled longer than we
  thought, the refusal is explained.
* FOREIGN: neither. Another program (or an earlier run) spends the same quota, or the server counts in a way that full
  windows do not satisfy (a sliding counter).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

from ..errors import RateLimitFacts
from .options import DEFAULTS
from .window import RateLog

__all__ = ["FLOORED", "LATENESS", "Cause", "cause_of", "log_of", "pause"]

FLOORED = 1.0
"""Servers round waits down to whole seconds: "wait 0 seconds" means less than one second, not none."""

LATENESS = 6.0
"""The longest travel that is taken for lateness, seconds: the tail that was measured ended at 5."""


class Cause(enum.Enum):
    """Why a request was refused."""

    SPENT = "spent"
    LATE = "late"
    FOREIGN = "foreign"


def log_of(logs: Sequence[RateLog], facts: RateLimitFacts) -> RateLog | None:
    """The log of the limit a 429 names; None if it is one nobody knew of.

    1. The same name.
    2. Another name for the same thing: same unit and window, and the same amount or a name in another dialect ("RPM").
    3. No name: the limit that could ask for such a wait, or the fullest.
    """
    for log in logs:
        if log.limit.type == facts.type:
            return log
    alike = [log for log in logs if log.limit.unit == facts.unit and facts.window in (None, log.window)]
    if facts.type is not None:
        foreign_dialect = "By" not in facts.type
        same = [log for log in alike if facts.window and (foreign_dialect or log.limit.amount == facts.amount)]
        same = [log for log in same if (log.limit.model is None) == (facts.scope == "account") or foreign_dialect]
        return same[0] if same else None
    if facts.amount is not None:
        alike = [log for log in alike if log.limit.amount == facts.amount] or alike
    if facts.wait is not None and facts.window is None:
        alike = [log for log in alike if log.window >= facts.wait] or alike[-1:]
    return min(alike, key=lambda log: (log.cap - log.used()) / log.cap, default=None)


def pause(facts: RateLimitFacts, window: float) -> float:
    """Seconds to keep away from a limit after a 429: what the server said plus rounding, within reason.

    A wait longer than the window cannot be true of a window. Without any wait: a minute, or an hour of a longer one.
    """
    if facts.wait is None:
        return min(window, max(float(DEFAULTS["unknown_wait"].value), window / 24))
    return min(facts.wait, window) + FLOORED


def cause_of(log: RateLog, amount: int, sent: float, *, guessed: bool) -> Cause:
    """Why a request that left at `sent` was refused by a limit of `amount`.

    Args:
        log: The limit's log, the refused request in it, before anything is corrected.
        amount: How many the server says it allows.
        sent: When the refused request left.
        guessed: Whether arrivals were assumed rather than known lately.
    """
    if amount < log.cap:
        return Cause.SPENT
    if guessed and log.let_in_since(sent - log.window - LATENESS) >= amount:
        return Cause.LATE
    # Tokens are weighed by the server, not by us: estimates that were too small explain themselves.
    if log.limit.unit != "requests" and 2 * log.let_in_since(sent - log.window) > amount:
        return Cause.SPENT
    return Cause.FOREIGN
