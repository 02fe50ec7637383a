"""The sliding log of a limit on tokens: the same invariant, with weights.

A request reserves its estimate (prompt plus the most it may generate, or the prompt alone for limits on input) and is
amended to what its usage says. A request heavier than the whole limit waits until nothing else counts and then goes
alone: the estimate may be wrong, and the server is the judge. FIFO order is kept by the queues, so a heavy request is
never passed by lighter ones of its class.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from .quota import Limit
from .window import FEW, RateLog

__all__ = ["TokenLog"]


class TokenLog(RateLog):
    """A limit on the number of tokens per rolling window."""

    __slots__ = ("_total", "_weights")

    def __init__(self, limit: Limit, *, slack: float, travel: float = 0.0) -> None:
        self._weights: list[int] = []
        self._total = 0
        super().__init__(limit, slack=slack, travel=travel)

    def used(self) -> int:
        return self.held + self._total

    def ready_at(self, now: float, weight: int = 1) -> float:
        return super().ready_at(now, min(weight, self.cap))

    def opening(self, now: float, nth: int) -> float:
        return self.ready_at(now, nth)

    def sent(self, mark: float, weight: int = 1) -> None:
        self.held -= weight
        self._insert(mark, weight)
        if len(self._marks) > self._tidy_at:
            self._tidy(mark - self.travel)

    def move(self, old: float, new: float, weight: int = 1) -> None:
        position = self._find(old, weight)
        if position is not None:
            self._remove(position)
        elif new <= old:
            return  # expired and evidently rightly so
        self._insert(new, weight)

    def amend(self, mark: float, old: int, new: int) -> None:
        """What was taken for `old` tokens cost `new`. Forgotten if its window has passed."""
        position = self._find(mark, old)
        if position is not None:
            self._weights[position] = new
            self._total += new - old
            self._refresh()

    def fill(self, amount: int, mark: float) -> None:
        if amount > 0:
            self._insert(mark, amount)

    def let_in_since(self, instant: float) -> int:
        return self.sent_since(instant)  # what a refused request weighed at the server nobody knows

    def _canary_at(self, now: float) -> float:
        return now

    def clear(self) -> None:
        self._weights.clear()
        self._total = 0
        super().clear()

    def sent_since(self, instant: float) -> int:
        return self.held + sum(self._weights[bisect_right(self._marks, instant, self._start) :])

    def _quickly(self) -> bool:
        return False  # weights differ: counting requests says nothing

    def _insert(self, mark: float, weight: int) -> None:
        position = bisect_right(self._marks, mark, self._start)
        self._marks.insert(position, mark)
        self._weights.insert(position, weight)
        self._total += weight

    def _find(self, mark: float, weight: int) -> int | None:
        position = bisect_left(self._marks, mark, self._start)
        while position < len(self._marks) and self._marks[position] == mark:
            if self._weights[position] == weight:
                return position
            position += 1
        return None

    def _remove(self, position: int) -> None:
        self._total -= self._weights[position]
        del self._marks[position], self._weights[position]

    def _tidy(self, now: float) -> None:
        self._expire(now)
        self._tidy_at = max(FEW, 2 * len(self._marks))

    def _freed(self, excess: int, now: float) -> float:
        freed = 0
        for position in range(self._start, len(self._marks)):
            freed += self._weights[position]
            if freed >= excess:
                return self.release_of(self._marks[position])
        return now + self.hold

    def _expire(self, now: float) -> int:
        before, horizon, start = self._total, self.horizon(now), self._start
        while start < len(self._marks) and self._marks[start] <= horizon:
            self._total -= self._weights[start]
            start += 1
        self._start = start
        if start * 2 > len(self._marks):
            del self._marks[:start], self._weights[:start]
            self._start = 0
        self._refresh()
        return before - self._total
