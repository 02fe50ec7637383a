"""How servers count: six laws that all call themselves "L requests per W seconds".

Nobody outside knows which one a given service uses, so a client has to be right under every one of them. Each law here
is a small state machine over plain numbers: `wait` asks (0.0 means "now"), `take` counts an admitted cost, `refuse`
tells the law about a refusal. `now` is nominal Unix seconds and never goes backwards.

    sliding   a log of instants; at most L in any half-open interval of length W
    fixed     a window opens with the first request after the last one closed, and lasts W
    aligned   windows start at multiples of W of the wall clock (or at midnight of an anchor)
    bucket    L tokens, refilled at L/W per second; up to 2L-1 requests in one W are legal
    rejects   sliding, but refused requests are counted too
    counter   two aligned windows, the older weighted by what is left of it; strict: the estimate must stay <= L

Source: the server types of published rate limiters (nginx and Kong plug-ins, Redis cell, Cloudflare's sliding counter,
Envoy's fixed window), as compared in the project's limiter notes; read 2026-11-22.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from math import floor
from typing import Literal, Protocol, get_args
from zoneinfo import ZoneInfo

__all__ = ["WINDOW_KINDS", "Window", "WindowKind", "open_window"]

WindowKind = Literal["sliding", "fixed", "aligned", "bucket", "rejects", "counter"]
WINDOW_KINDS: tuple[WindowKind, ...] = get_args(WindowKind)

#: Unix seconds in a float are good to a quarter of a microsecond; nobody owns a microsecond of quota.
_EPSILON = 1e-6


class Window(Protocol):
    """One limit's memory."""

    amount: float
    length: float

    def wait(self, now: float, cost: float = 1) -> float:
        """Seconds until `cost` would be admitted if nothing else came; 0.0 means it is admitted now."""
        ...

    def take(self, now: float, cost: float = 1) -> None:
        """Count an admitted cost."""
        ...

    def refuse(self, now: float, cost: float = 1) -> None:
        """Learn of a refusal; only laws that count refusals change."""
        ...

    def used(self, now: float) -> float:
        """What counts against the amount right now."""
        ...


class _ForgetsRefusals:
    __slots__ = ()

    def refuse(self, now: float, cost: float = 1) -> None:
        """A refusal leaves no trace in this law."""


class SlidingLog(_ForgetsRefusals):
    """At most `amount` in any half-open interval of `length` seconds."""

    __slots__ = ("_log", "_used", "amount", "length")

    def __init__(self, amount: float, length: float) -> None:
        self.amount = amount
        self.length = length
        self._log: deque[tuple[float, float]] = deque()
        self._used = 0.0

    def used(self, now: float) -> float:
        horizon = now - self.length
        log = self._log
        while log and log[0][0] <= horizon:
            self._used -= log.popleft()[1]
        return self._used

    def wait(self, now: float, cost: float = 1) -> float:
        over = self.used(now) + cost - self.amount
        if over <= 0:
            return 0.0
        for at, spent in self._log:
            over -= spent
            if over <= 0:
                return max(at + self.length - now, _EPSILON)
        return self.length

    def take(self, now: float, cost: float = 1) -> None:
        self._log.append((now, cost))
        self._used += cost


class RejectCountingLog(SlidingLog):
    """A sliding log in which refusals count as well: hammering keeps the door shut for ever."""

    __slots__ = ()

    def refuse(self, now: float, cost: float = 1) -> None:
        self.take(now, cost)


class AlignedWindow(_ForgetsRefusals):
    """Windows whose bounds the wall clock decides."""

    __slots__ = ("_bounds", "_count", "_end", "amount", "length")

    def __init__(self, amount: float, length: float, bounds: Callable[[float], float]) -> None:
        self.amount = amount
        self.length = length
        self._bounds = bounds
        self._end = float("-inf")
        self._count = 0.0

    def used(self, now: float) -> float:
        if now >= self._end:
            self._count = 0.0
            self._end = self._bounds(now)
        return self._count

    def wait(self, now: float, cost: float = 1) -> float:
        return 0.0 if self.used(now) + cost <= self.amount else max(self._end - now, _EPSILON)

    def take(self, now: float, cost: float = 1) -> None:
        self.used(now)
        self._count += cost


class FixedWindow(AlignedWindow):
    """A window that the first request after a pause opens."""

    __slots__ = ()

    def __init__(self, amount: float, length: float) -> None:
        super().__init__(amount, length, lambda now: now + length)

    def used(self, now: float) -> float:
        return self._count if now < self._end else 0.0

    def take(self, now: float, cost: float = 1) -> None:
        if now >= self._end:
            self._count = 0.0
            self._end = self._bounds(now)
        self._count += cost


class TokenBucket(_ForgetsRefusals):
    """`amount` tokens, refilled evenly; full at the start."""

    __slots__ = ("_at", "_tokens", "amount", "length")

    def __init__(self, amount: float, length: float) -> None:
        self.amount = amount
        self.length = length
        self._tokens = float(amount)
        self._at = float("-inf")

    def used(self, now: float) -> float:
        if now > self._at:
            if self._at != float("-inf"):
                refilled = self._tokens + (now - self._at) * self.amount / self.length
                self._tokens = min(float(self.amount), refilled)
            self._at = now
        return self.amount - self._tokens

    def wait(self, now: float, cost: float = 1) -> float:
        missing = self.used(now) + cost - self.amount
        return 0.0 if missing <= _EPSILON else missing * self.length / self.amount

    def take(self, now: float, cost: float = 1) -> None:
        self.used(now)
        self._tokens -= cost


class SlidingCounter(_ForgetsRefusals):
    """Two aligned counters; the older one fades linearly. Strict: estimate plus cost may not pass the amount."""

    __slots__ = ("_count", "_previous", "_start", "amount", "length")

    def __init__(self, amount: float, length: float) -> None:
        self.amount = amount
        self.length = length
        self._start = float("-inf")
        self._count = 0.0
        self._previous = 0.0

    def used(self, now: float) -> float:
        start = floor(now / self.length) * self.length
        if start != self._start:
            self._previous = self._count if start - self._start == self.length else 0.0
            self._count = 0.0
            self._start = start
        return self._previous * (1 - (now - start) / self.length) + self._count

    def wait(self, now: float, cost: float = 1) -> float:
        if self.used(now) + cost <= self.amount + _EPSILON:
            return 0.0
        into = now - self._start
        room = self.amount - cost - self._count
        if room >= 0 and self._previous > 0:
            return max(self.length * (1 - room / self._previous) - into, _EPSILON)
        room = self.amount - cost
        faded = self.length * (1 - room / self._count) if self._count > room else 0.0
        return self.length - into + faded

    def take(self, now: float, cost: float = 1) -> None:
        self.used(now)
        self._count += cost


def open_window(kind: WindowKind, amount: float, length: float, *, anchor: str = "rolling") -> Window:
    """Make the memory of one limit.

    Args:
        kind: Which law counts.
        amount: Requests or tokens per window.
        length: Seconds per window.
        anchor: ``utc`` or ``us-pacific``: the window ends at that zone's midnight, whatever `kind` says.
    """
    if anchor != "rolling" and length >= 86400:
        return AlignedWindow(amount, length, _midnight(anchor))
    if kind == "aligned":
        return AlignedWindow(amount, length, lambda now: (floor(now / length) + 1) * length)
    if kind not in _LAWS:
        raise ValueError(f"window must be one of {', '.join(WINDOW_KINDS)}, not {kind!r}")
    return _LAWS[kind](amount, length)


def _midnight(anchor: str) -> Callable[[float], float]:
    zone = ZoneInfo("America/Los_Angeles" if anchor == "us-pacific" else "UTC")

    def next_midnight(now: float) -> float:
        tomorrow = datetime.fromtimestamp(now, zone).date() + timedelta(days=1)
        return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone).timestamp()

    return next_midnight


_LAWS: dict[str, Callable[[float, float], Window]] = {
    "sliding": SlidingLog,
    "fixed": FixedWindow,
    "bucket": TokenBucket,
    "rejects": RejectCountingLog,
    "counter": SlidingCounter,
}
