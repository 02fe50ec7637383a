"""How long a batch will take, from limits alone: no clock, no client, no luck.

Theory of operation. Every limit of `amount` per `window` means: a request leaves no earlier than `window` after the
one `amount` places before it. Pacing means: no earlier than `pace` after the one before. Calls in flight, if their
duration is known, mean the same with the duration as the window. So the time of each request is a maximum over a few
earlier ones, and counting through them gives the exact answer for any mix of limits, models and quota already used.
Requests go to the model that can take them first, as the run's lanes do.

Counting stops after some ten thousand requests. What follows repeats what was counted, one longest window after the
other; where not even two of those were seen (limits far larger than the count) the batch is counted in bundles.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import floor

__all__ = ["Forecast", "ModelQuota", "Reset", "Window", "forecast"]

#: Requests counted one by one: 0.1 to 0.2 s of CPU at most.
COUNTED = 50_000
#: A wait for a window at least this long is a reset worth telling.
LONG = 3600.0
_BUNDLES = 20


@dataclass(frozen=True, slots=True)
class Window:
    """One limit.

    Args:
        amount: Requests per window.
        window: Seconds, with the gate's margin.
        held: Seconds from now at which places used already free again, rising; at most `amount` of them.
        name: The server's name for it.
        observed: Whether no document states it.
        resets_in: Seconds to the next midnight of a limit that counts by the calendar: all its places free at once.
    """

    amount: int
    window: float
    held: tuple[float, ...] = ()
    name: str = ""
    observed: bool = False
    resets_in: float | None = None

    def frees(self, used: float) -> float:
        if self.resets_in is None:
            return used + self.window
        return self.resets_in + max(0, floor((used - self.resets_in) / self.window) + 1) * self.window


@dataclass(frozen=True, slots=True)
class ModelQuota:
    """What binds one model beside the account's limits.

    Args:
        model: Its id.
        windows: Its own limits.
        pace: Least seconds between two of its requests.
        blocked: Seconds from now before which nothing may leave.
        concurrent: Requests in flight; counts only when a duration is known.
    """

    model: str
    windows: tuple[Window, ...] = ()
    pace: float = 0.0
    blocked: float = 0.0
    concurrent: int | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """A long wait: at `after` seconds row number `row` (from 1) is the first to go again, on `model`."""

    after: float
    row: int
    model: str
    limit: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """`duration` seconds until the last request has left (and been answered, if its duration is known).

    Attributes:
        by_model: Requests each model takes (of those counted, scaled to all).
        resets: The first long waits, in order.
    """

    duration: float
    by_model: dict[str, int]
    resets: tuple[Reset, ...]
    rows: int


def forecast(
    models: Sequence[ModelQuota], rows: int, *, account: Sequence[Window] = (), seconds_per_call: float = 0.0
) -> Forecast:
    """When the last of `rows` requests is through.

    Args:
        models: The models that share the rows, preferred first.
        rows: How many are left to do.
        account: Limits over all models together.
        seconds_per_call: How long one answer takes; 0 when unknown, then concurrency does not count.
    """
    if rows <= 0 or not models:
        return Forecast(0.0, {}, (), max(rows, 0))
    counted = _Count(models, account, seconds_per_call)
    times = counted.run(min(rows, COUNTED))
    longest = max((window.window for window in counted.windows), default=0.0)
    if rows > len(times) and times[-1] < 2 * longest:
        bundle = -(-rows // COUNTED)
        models = [_bundled_model(model, bundle) for model in models]
        counted = _Count(models, [each for each in (_bundled(window, bundle) for window in account) if each], 0.0)
        times = counted.run(-(-rows // bundle))
        last = times[-1]
    else:
        last = _continued(times, rows, longest)
    share = rows / sum(counted.served)
    by_model = {each.model: round(n * share) for each, n in zip(models, counted.served, strict=True) if n}
    return Forecast(last + seconds_per_call, by_model, tuple(counted.resets), rows)


def _continued(times: list[float], rows: int, period: float) -> float:
    """The time of request number `rows` when the last period counted repeats for ever."""
    counted = len(times)
    if rows <= counted:
        return times[rows - 1]
    end = times[-1]
    if period <= 0 or end <= period:
        return end * rows / counted
    first = counted - 1
    while times[first] > end - period:
        first -= 1
    per_period = counted - 1 - first
    periods, rest = divmod(rows - counted, per_period)
    return end + periods * period + (times[first + rest] - times[first])


class _Ring:
    """The times at which the last `amount` places free again, oldest first."""

    __slots__ = ("at", "free", "window")

    def __init__(self, window: Window) -> None:
        held = window.held[-window.amount :]
        self.free = [0.0] * (window.amount - len(held)) + list(held)
        self.at = 0
        self.window = window

    def take(self, now: float) -> None:
        self.free[self.at], self.at = self.window.frees(now), (self.at + 1) % len(self.free)

    @property
    def ready(self) -> float:
        return self.free[self.at]


@dataclass
class _Lane:
    quota: ModelQuota
    rings: list[_Ring]
    earliest: float = 0.0
    ready: float = field(init=False)
    waits_for: Window | None = None

    def __post_init__(self) -> None:
        self.earliest = self.quota.blocked
        self.look()

    def look(self) -> None:
        """When this model is ready, and which window decides."""
        self.ready, self.waits_for = self.earliest, None
        for ring in self.rings:
            if ring.ready > self.ready:
                self.ready, self.waits_for = ring.ready, ring.window

    def take(self, now: float) -> None:
        for ring in self.rings:
            ring.take(now)
        self.earliest = now + self.quota.pace
        self.look()


class _Count:
    """Counts requests through all limits, one after the other."""

    def __init__(self, models: Sequence[ModelQuota], account: Sequence[Window], seconds_per_call: float) -> None:
        self.lanes = [_Lane(model, _rings(model, seconds_per_call)) for model in models]
        self.account = [_Ring(window) for window in account]
        self.windows = [ring.window for lane in self.lanes for ring in lane.rings] + list(account)
        self.served = [0] * len(models)
        self.resets: list[Reset] = []

    def run(self, rows: int) -> list[float]:
        """The times at which `rows` requests leave, rising."""
        later = [(lane.ready, number) for number, lane in enumerate(self.lanes)]
        heapq.heapify(later)
        open_now: list[int] = []
        times: list[float] = []
        now = 0.0
        for row in range(1, rows + 1):
            shared = max(self.account, key=lambda ring: ring.ready, default=None)
            opens = now if shared is None else max(now, shared.ready)
            while later and (later[0][0] <= opens or not open_now):
                heapq.heappush(open_now, heapq.heappop(later)[1])
            # among those that could leave at once the preferred model goes first
            number = heapq.heappop(open_now)
            lane = self.lanes[number]
            leaves = max(opens, lane.ready)
            limit = lane.waits_for if lane.ready >= opens or shared is None else shared.window
            if leaves - now >= LONG / 2 and limit is not None and limit.window >= LONG and len(self.resets) < 400:
                self.resets.append(Reset(leaves, row, lane.quota.model, limit.name))
            now = leaves
            for ring in self.account:
                ring.take(now)
            lane.take(now)
            heapq.heappush(later, (lane.ready, number))
            self.served[number] += 1
            times.append(now)
        return times


def _rings(model: ModelQuota, seconds_per_call: float) -> list[_Ring]:
    rings = [_Ring(window) for window in model.windows]
    if model.concurrent and seconds_per_call > 0:
        rings.append(_Ring(Window(model.concurrent, seconds_per_call, name="concurrent")))
    return rings


def _bundled(window: Window, bundle: int) -> Window | None:
    """The limit counted in bundles; None where a window holds too few of them to be more than a pace."""
    if window.amount < _BUNDLES * bundle:
        return None
    return replace(window, amount=window.amount // bundle, held=window.held[::bundle])


def _bundled_model(model: ModelQuota, bundle: int) -> ModelQuota:
    windows, pace = [], model.pace * bundle
    for window in model.windows:
        wide = _bundled(window, bundle)
        if wide is not None:
            windows.append(wide)
        else:
            pace = max(pace, window.window * bundle / window.amount)
    return replace(model, windows=tuple(windows), pace=pace)
