"""How a gate behaves in front of a ledger that others use too.

The gate's own queues stay in front: order, classes and deadlines are decided there. Only the head of a model's queue
asks the ledger. If it is refused, everybody behind it who is about to ask is refused with it, all go back to their
places, and the limit that refused is closed until the instant the ledger named: no polling where the answer is known,
no barging by somebody who asks a moment later.

Where others may give back at any moment (a slot, tokens that were estimated too high, a grant that may yet be refunded)
the instant is only the latest one, so the head asks again after `POLL`, and at once if one of our own calls ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from .lane import Lane
from .ledger import Busy
from .timeline import TimeLine

__all__ = ["POLL", "POLL_SLOTS", "Turnstile", "heed"]

POLL_SLOTS: Final = 0.05
"""Real seconds between two questions about a slot: idles 25 ms of a call that takes seconds, costs 0.2 % of a core."""

POLL: Final = 0.25
"""Real seconds between two questions about quota that others may give back: rarely happens, and is never lost."""


class Turnstile:
    """One question at a time for one model."""

    __slots__ = ("_last", "_lock", "_refusals")

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._refusals = 0
        self._last: Busy | None = None

    async def ask(self, question: Callable[[], Awaitable[Busy | None]]) -> Busy | None:
        """Ask when it is our turn; share the answer of whoever was refused while we waited.

        Cancellation: safe, if the question's is.
        """
        before = self._refusals
        async with self._lock:
            if self._refusals != before:
                return self._last
            answer = await question()
            if answer is not None:
                self._refusals += 1
                self._last = answer
            return answer


def heed(lane: Lane, busy: Busy, line: TimeLine) -> None:
    """Close what the ledger refused for as long as it makes no sense to ask again.

    Cases: 1. a limit on requests; 2. one on tokens, of which settled calls give back; 3. slots; 4. the ledger itself
    (locked, or waiting until the past of a damaged file is over), which closes the whole lane.
    """
    until, now = line.at_wall(busy.until), line.now()
    soon = min(until, now + POLL * line.clock.scale)
    for log in lane.logs:
        if log.limit.key == busy.limit:
            log.block(until if busy.firm else soon)
            return
    for tokens in lane.token_logs:
        if tokens.limit.key == busy.limit:
            tokens.block(soon)
            return
    for name, place in zip(lane.place_names, lane.places, strict=True):
        if name == busy.limit:
            place.hold(until if busy.firm else min(until, now + POLL_SLOTS * line.clock.scale))
            return
    for place in lane.places:
        place.hold(until)
