"""How a gate behaves in front of a ledger that others use too.

The gate's own queues stay in front: order, classes and deadlines are decided there. One call per model asks the ledger
at a time, in the order of the queue. If it is refused, the limit that refused is closed until the instant the ledger
named, whoever was about to ask finds it closed, and all go back to their places: no polling where the answer is known,
no barging by somebody who asks a moment later.

Where others may give back at any moment (a slot, tokens that were estimated too high, a grant that may yet be refunded)
the instant is only the latest one, so the head asks again after `POLL`, and at once if one of our own calls ended.
"""

from __future__ import annotations

from typing import Final

from .lane import Lane
from .ledger import Busy
from .timeline import TimeLine

__all__ = ["POLL", "POLL_SLOTS", "closed", "heed"]

POLL_SLOTS: Final = 0.05
"""Real seconds between two questions about a slot: idles 25 ms of a call that takes seconds, costs 0.2 % of a core."""

POLL: Final = 0.25
"""Real seconds between two questions about quota that others may give back: rarely happens, and is never lost."""


def closed(lane: Lane, line: TimeLine) -> Busy | None:
    """What has been closed since a permit was granted: then it need not ask. Takes no look at counts."""
    now = line.now()
    for log in (*lane.logs, *lane.token_logs):
        if log.blocked_until > now:
            return Busy(log.limit.key, line.wall_of(log.blocked_until))
    for name, place in zip(lane.place_names, lane.places, strict=True):
        if place.held_until > now:
            return Busy(name, line.wall_of(place.held_until))
    return None


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
