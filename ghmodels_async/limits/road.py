"""How long the way to the server is at least, as far as answers tell: what makes short windows worth having.

A mark must not lie before the arrival `a` of its request, so that another one that leaves a window later arrives a
window later, whatever its own way takes. If every request travels for at least `u`, a mark at `a - u` does the same:
what leaves a window after that arrives a window after `a` at the earliest. Of `a` we only know that the head came
`d` later at least, and neither `u` nor `d` can be measured. But no more than their sum is needed, the mark being
`head - d - u`, and the sum is the time in which the fastest head of all came back.

So a place is lost for the *spread* of the way there and back, not for its length. Nothing is gained where windows are
long: 0.3 s of a minute are half a percent, and a route that becomes shorter would cost a refusal for it. Of one second
they are a quarter. Therefore only lanes with a window below `SHORT` have a `Road`.

The fastest of n answers is not the fastest there can be: of n + 1 equal chances the next one is faster with 1/(n + 1).
A guard is kept that shrinks as n grows; without it every tenfold number of requests would meet two refusals more.
"""

from __future__ import annotations

import math

__all__ = ["SHORT", "Road"]

SHORT = 10.0
"""Seconds below which a window is short: the margin is more than 3 % of it, and nobody waits longer for his turn."""

_ENOUGH = 50
"""Answers before anything is concluded from the fastest."""

_GUARD, _LEAST_GUARD = 5.0, 0.1
"""Of the mean excess over the fastest: divided by the root of n, and at least."""


class Road:
    """What is known of the way to a server and back."""

    __slots__ = ("_count", "_fastest", "_total")

    def __init__(self) -> None:
        self._count = 0
        self._fastest = math.inf
        self._total = 0.0

    @property
    def least(self) -> float:
        """Seconds that the way there and back takes in any case; 0 while too little is known."""
        if self._count < _ENOUGH:
            return 0.0
        excess = self._total / self._count - self._fastest
        return max(0.0, self._fastest - excess * max(_GUARD / math.sqrt(self._count), _LEAST_GUARD))

    def mark_of(self, sent: float, arrival: float, cautious_until: float) -> float:
        """The mark of a request that left at `sent` and had arrived by `arrival`, as its head tells.

        The server's own work is not in between as far as it told. While a lane is cautious nothing is concluded.
        """
        least = self.least if cautious_until <= arrival else 0.0
        took = arrival - sent
        self._count += 1
        self._total += took
        self._fastest = min(self._fastest, took)
        return max(sent, arrival - least)
