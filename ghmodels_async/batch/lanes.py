"""The models of a run: one lane each, opened when the first row asks for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from .rows import Job

__all__ = ["Lane", "LaneKey", "Lanes"]

#: Rows in flight per model where nothing is known about its concurrency, until its quota is seen to go unused.
DEFAULT_WIDTH = 64
#: Model id and URL: a model that serves both kinds of rows has a lane for each.
LaneKey = tuple[str, str]


@dataclass
class Lane:
    """One model's share of the run.

    Attributes:
        width: Rows it may hold that are not yet durable.
        parked_until: Nominal Unix time until which its quota is used up; None when it is open.
        closed: Why no further row goes to it; None while it is open.
        flying: Rows handed out and not yet durable.
        idle: Whether it could take a row and found none, and none that failed will come back to it.
        more: Whether `width` is too small, asked when a row leaves a full lane; None where it is fixed.
    """

    key: LaneKey
    width: int
    room: asyncio.Semaphore
    shelf: deque[Job] = field(default_factory=deque)
    parked_until: float | None = None
    closed: BaseException | None = None
    idle: bool = False
    flying: int = 0
    more: Callable[[], bool] | None = None

    def let_go(self) -> None:
        """A row is no longer in flight: its place is free, and one more if the lane is too narrow for its quota."""
        self.flying -= 1
        if self.more is not None and self.room.locked() and self.more():
            self.width += 1
            self.room.release()
        self.room.release()

    @property
    def model(self) -> str:
        return self.key[0]


class Lanes:
    """All lanes of one run.

    Args:
        models: Models for rows that name none, preferred first.
        width: Rows in flight for one model; None: as many as its quota needs, few at first.
        idle: Whether a model's quota goes unused for want of rows in flight.
        on_open: Told of each new lane.
    """

    def __init__(
        self,
        models: tuple[str, ...],
        width: Callable[[str], int | None],
        idle: Callable[[str], bool],
        on_open: Callable[[Lane], None],
    ) -> None:
        self._models = models
        self._width = width
        self._idle = idle
        self._on_open = on_open
        self._lanes: dict[LaneKey, Lane] = {}

    def eligible(self, job: Job) -> list[Lane]:
        """The open lanes that may serve a row, preferred first; opens them at need."""
        models = (job.model,) if job.model else self._models
        lanes = [self._lane(model, job.url) for model in models]
        return [lane for lane in lanes if lane.closed is None]

    def closed_for(self, job: Job) -> BaseException | None:
        """Why no lane serves a row any more, if one that could have was closed."""
        models = (job.model,) if job.model else self._models
        lanes = (self._lanes.get((model, job.url)) for model in models)
        return next((lane.closed for lane in lanes if lane is not None and lane.closed is not None), None)

    @property
    def any_open(self) -> bool:
        """Whether a lane is left that serves anybody, now or when its quota opens."""
        return any(lane.closed is None for lane in self._lanes.values())

    @property
    def opens_at(self) -> float:
        """Nominal Unix time at which the first parked lane opens; infinity when none is parked."""
        parked = (lane.parked_until for lane in self._lanes.values() if lane.closed is None)
        return min((at for at in parked if at is not None), default=float("inf"))

    @property
    def all_parked(self) -> bool:
        """Whether nothing can be done before a quota opens: every lane that is left waits for it, or has no row."""
        left = [lane for lane in self._lanes.values() if lane.closed is None]
        return all(lane.parked_until or lane.idle for lane in left) and any(lane.parked_until for lane in left)

    def wake(self) -> None:
        """Let lanes that wait for room look whether there is still anything to do."""
        for lane in self._lanes.values():
            lane.room.release()

    def _lane(self, model: str, url: str) -> Lane:
        lane = self._lanes.get((model, url))
        if lane is None:
            fixed = self._width(model)
            width = fixed or DEFAULT_WIDTH
            more = partial(self._idle, model) if fixed is None else None
            lane = self._lanes[model, url] = Lane((model, url), width, asyncio.Semaphore(width), more=more)
            self._on_open(lane)
        return lane
