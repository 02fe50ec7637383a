"""The limits a permit was granted under: what was taken is given back there, whatever its lane hangs on by then."""

from __future__ import annotations

from .slots import Slots
from .tokens import TokenLog
from .window import RateLog

__all__ = ["Rig"]


class Rig:
    """One state of a lane: made when its limits change, shared by all permits granted meanwhile.

    Attributes:
        logs: Limits on requests, shortest window first.
        token_logs: Limits on tokens.
        places: Concurrency limits.
        epoch: The event loop it belongs to, counted.
    """

    __slots__ = ("epoch", "logs", "places", "token_logs")

    def __init__(
        self,
        logs: tuple[RateLog, ...] = (),
        token_logs: tuple[TokenLog, ...] = (),
        places: tuple[Slots, ...] = (),
        epoch: int = 0,
    ) -> None:
        self.logs = logs
        self.token_logs = token_logs
        self.places = places
        self.epoch = epoch
