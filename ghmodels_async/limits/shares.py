"""Whose turn it is: strict order between classes, up to a guaranteed share for the lower ones.

Every grant earns each class that had to wait for it a part of a turn, its share; a class that has earned a whole turn
goes next. So under endless pressure from above a class gets exactly its share, otherwise whatever is left over. A class
with nobody waiting earns nothing and forgets what it had: idleness is no credit.

A bound on waiting time was tried instead ("serve whoever waits longer than two minutes") and destroys priority as soon
as there is a backlog: everybody waits longer than that, and urgent calls queue behind all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["NOBODY", "Shares"]

NOBODY = -1


class Shares:
    """Turns among classes 0 (first) to n-1 (last). `guaranteed[i]` is the share of class i, 0 for none."""

    __slots__ = ("_earned", "_guaranteed")

    def __init__(self, guaranteed: Sequence[float]) -> None:
        self._guaranteed = tuple(guaranteed)
        self._earned = [0.0] * len(self._guaranteed)

    def turn(self, waiting: Sequence[int]) -> int:
        """The class to serve next, `NOBODY` if none waits. `waiting` counts those who could go now."""
        first = NOBODY
        for rank, count in enumerate(waiting):
            if not count:
                continue
            if first == NOBODY:
                first = rank
            elif self._earned[rank] >= 1.0:
                return rank
        return first

    def granted(self, rank: int, waiting: Sequence[int]) -> None:
        """Class `rank` was served while `waiting` (itself included) could have been."""
        for other, count in enumerate(waiting):
            if not count:
                self._earned[other] = 0.0
            else:
                earned = self._earned[other] + self._guaranteed[other] - (other == rank)
                self._earned[other] = min(2.0, max(0.0, earned))
