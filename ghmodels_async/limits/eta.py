"""When the k-th request from now can go, over several limits at once. Exact where only rates decide.

One limit of L per hold H (its window plus slack), with r = k mod L and q = k div L: the k-th grant is q·H after the
r-th, because each of the next L grants frees its place H later. The r-th is the r-th opening of the log as it stands.

Several limits, shortest window first: a longer window only ever delays what the shorter ones allow, and after its first
round repeats itself every H. So T_i(k) = max(T_{i-1}(k), S_i(r) + q·H_i) where S_i(r) = max(T_{i-1}(r), opening_i(r)).
"""

from __future__ import annotations

from collections.abc import Sequence

from .anchored import AnchoredLog
from .window import RateLog

__all__ = ["grant_at", "quota_time"]


def grant_at(logs: Sequence[RateLog], ahead: int, now: float, deepest: int | None = None) -> float:
    """When a request can go that has `ahead` others before it. `logs`: by window, shortest first."""
    i = len(logs) - 1 if deepest is None else deepest
    while i >= 0 and ahead < logs[i].quick:
        i -= 1
    if i < 0:
        return now
    log = logs[i]
    rounds, rest = divmod(ahead, log.cap)
    at = log.opening(now, rest + 1)
    if i and (shorter := grant_at(logs, rest, now, i - 1)) > at:
        at = shorter
    if rounds:
        at = _later(log, at, rounds)
        if i and (shorter := grant_at(logs, ahead, now, i - 1)) > at:
            at = shorter
    return at


def _later(log: RateLog, at: float, rounds: int) -> float:
    """When a place taken at `at` has come back `rounds` times; that of a calendar day comes back when the day ends."""
    if isinstance(log, AnchoredLog):
        return log.release_of(at) + (rounds - 1) * log.limit.window
    return at + rounds * log.hold


def quota_time(limits: Sequence[tuple[int, float]], count: int) -> float:
    """Seconds from the first to the last of `count` requests that start with unused limits (amount, window).

    No client can be faster on a server with sliding windows: the bound a run's makespan is measured against.
    """
    ordered = sorted(limits, key=lambda limit: limit[1])

    def at(k: int, i: int) -> float:
        if i < 0:
            return 0.0
        amount, window = ordered[i]
        rounds, rest = divmod(k, amount)
        return max(at(rest, i - 1) + rounds * window, at(k, i - 1)) if rounds else at(k, i - 1)

    return at(count - 1, len(ordered) - 1) if count > 0 else 0.0
