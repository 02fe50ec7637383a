"""The limits a permit was granted under: what was taken is given back there, whatever its lane hangs on by then."""

from __future__ import annotations

from collections.abc import Callable

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
        covered: Those of `logs` that the ledger must have reserved before a request may leave.
        noted: Those it is only told about.
        epoch: The event loop it belongs to, counted.
        unnoted: Requests sent under it of which the ledger has yet to be told.
    """

    __slots__ = ("covered", "epoch", "logs", "noted", "places", "token_logs", "unnoted")

    def __init__(
        self,
        logs: tuple[RateLog, ...] = (),
        token_logs: tuple[TokenLog, ...] = (),
        places: tuple[Slots, ...] = (),
        epoch: int = 0,
        covers: Callable[[float], bool] = lambda window: False,
    ) -> None:
        self.logs = logs
        self.token_logs = token_logs
        self.places = places
        self.covered = tuple(log for log in logs if covers(log.window))
        self.noted = tuple(log for log in logs if not covers(log.window))
        self.epoch = epoch
        self.unnoted = 0
