"""The log of a limit per calendar day. Where midnight is, others know; here is what it means."""

from __future__ import annotations

from collections.abc import Callable

from .quota import Limit
from .window import NEVER, RateLog

__all__ = ["AnchoredLog", "Turn"]

Turn = Callable[[float], tuple[float, float]]
"""Start and end of the day around an instant."""


class AnchoredLog(RateLog):
    """A limit per fixed day. `turn(instant)` gives the start and end of the day around an instant, on our own line.

    A request within `slack` of midnight may be counted on either side by the server, so it counts on both: the old day
    ends `slack` late, and what left less than `slack` before midnight belongs to the new day too.
    """

    __slots__ = ("_day", "_distrusted", "_turn")

    def __init__(self, limit: Limit, *, slack: float, turn: Turn, travel: float = 0.0) -> None:
        self._turn = turn
        self._day = (-NEVER, -NEVER)
        self._distrusted = -NEVER
        super().__init__(limit, slack=slack, travel=travel)

    def release_of(self, mark: float) -> float:
        return max(self._distrusted, self._around(mark + self.slack)[1] + self.slack)

    def horizon(self, now: float) -> float:
        if now < self._distrusted:
            return -NEVER
        return self._around(now - self.slack)[0] - self.slack

    def _around(self, instant: float) -> tuple[float, float]:
        if not self._day[0] <= instant < self._day[1]:
            self._day = self._turn(instant)
        return self._day

    def day(self, now: float) -> tuple[float, float]:
        """Start and end of the day that counts at `now`: it begins `slack` late."""
        return self._around(now - self.slack)

    def distrust(self) -> None:
        """The wall clock was set: the day ends when both the old and the new clock have seen midnight."""
        self._distrusted = max(self._distrusted, self._day[1] + self.slack)
        self._day = (-NEVER, -NEVER)
