"""How many requests may be in flight: slots with linger, a learned cap, and how long one is usually held.

Theory of operation. A slot is taken with the permit and given back when the reply has been read to its end: the server
let go of it before that. When we leave first (a cancelled stream, a timeout), the server may go on generating, so the
slot *lingers* for a while. A 429 about concurrency names the true number: it becomes the ceiling. If it comes although
fewer were in flight than it names, something we cannot see holds slots (another program, a stream the server has not
noticed closing): then the cap falls below the ceiling and grows back by one for every `step` clean completions.

Service time is an exponentially weighted mean of how long slots were held; it only feeds estimates.
"""

from __future__ import annotations

from collections import deque

from .window import NEVER

__all__ = ["Slots"]

_WEIGHT = 0.1
"""Of the newest service time in the mean: about the last twenty replies matter."""


class Slots:
    """Places in one concurrency limit.

    Args:
        ceiling: The most there are; None while no limit is known.
        step: Clean completions before a lowered cap grows by one.
    """

    __slots__ = ("_clean", "_lingering", "_step", "cap", "ceiling", "free", "held_until", "service", "used")

    def __init__(self, ceiling: int | None, *, step: int = 50) -> None:
        self._step = step
        self._clean = 0
        self.held_until = -NEVER
        self._lingering: deque[float] = deque()
        self.ceiling = ceiling
        self.cap = ceiling
        self.used = 0
        self.service: float | None = None
        self.free = NEVER if ceiling is None else float(ceiling)

    def ready_at(self, now: float) -> float:
        """The first instant at which one is free: now, the end of a linger, or `NEVER` (somebody must finish)."""
        if self.free > 0:
            return now
        self.expire(now)
        if self.held_until > now:
            return self.held_until
        if self.free > 0:
            return now
        return self._lingering[0] if self._lingering else NEVER

    def take(self) -> None:
        self.used += 1
        self.free -= 1

    def give_back(self, until: float | None = None) -> None:
        """Free one: now, or when the instant `until` has passed."""
        if until is not None:
            if self._lingering and until < self._lingering[-1]:
                until = self._lingering[-1]
            self._lingering.append(until)
            return
        self.used -= 1
        self.free += 1
        if self.held_until != -NEVER:
            self._set_cap(self.cap)

    def completed(self, duration: float) -> None:
        """One reply was read to its end after `duration` seconds: it counts for the mean and towards a larger cap."""
        self.service = duration if self.service is None else self.service + _WEIGHT * (duration - self.service)
        if self.cap is None or self.ceiling is None or self.cap >= self.ceiling:
            return
        self._clean += 1
        if self._clean >= self._step:
            self._clean = 0
            self._set_cap(self.cap + 1)

    def refused(self, told: int | None) -> None:
        """A 429 about concurrency, for a request that still holds its slot. `told`: the number it names."""
        self._clean = 0
        others = max(1, self.used - 1)
        if told is not None and told > 0 and (self.ceiling is None or told != self.ceiling):
            self.ceiling = told if self.ceiling is None else min(self.ceiling, told)
        ceiling = self.ceiling if self.ceiling is not None else others
        cap = ceiling if self.cap is None else self.cap
        self._set_cap(min(cap, ceiling, others) if self.used <= ceiling else min(cap, ceiling))

    def hold(self, until: float) -> None:
        """Nobody before `until`: other processes have all there are."""
        self.held_until = until
        self._set_cap(self.cap)

    def lift(self) -> None:
        """One of our own is over: others may have let go too, or we may have what we had."""
        if self.held_until != -NEVER:
            self.held_until = -NEVER
            self._set_cap(self.cap)

    def restrict(self, ceiling: int | None) -> None:
        """Go on under another ceiling."""
        self.ceiling = ceiling
        self._set_cap(ceiling)

    def orphaned(self, until: float) -> Slots:
        """A successor in which everybody who still holds a slot lingers until `until`; nobody gives back to it."""
        heir = Slots(self.ceiling, step=self._step)
        heir.service = self.service
        heir.used = self.used
        heir._lingering.extend([until] * self.used)
        heir._set_cap(self.cap)
        return heir

    def wait_for(self, ahead: int, now: float) -> float:
        """An estimate of when one is free after `ahead` others had theirs."""
        if self.cap is None or self.free > ahead:
            return now
        self.expire(now)
        service = self.service or 0.0
        # On average a running reply is half done; each further round of `cap` replies takes one service time.
        rounds, _ = divmod(ahead - max(0, int(self.free)), self.cap)
        return now + service * (rounds + 0.5) if self.free <= ahead else now

    def expire(self, now: float) -> None:
        """Free the slots whose linger has passed."""
        while self._lingering and self._lingering[0] <= now:
            self._lingering.popleft()
            self.used -= 1
            self.free += 1
        if self.held_until != -NEVER:
            if self.held_until <= now:
                self.held_until = -NEVER
            self._set_cap(self.cap)

    def _set_cap(self, cap: int | None) -> None:
        self.cap = cap
        self.free = NEVER if cap is None else float(cap - self.used)
        if self.held_until != -NEVER:
            self.free = min(self.free, 0.0)
