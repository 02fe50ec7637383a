"""What a failed call does to the run: the row is recorded or goes back, a lane parks or closes, or everything stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ghmodels_async.clock import Clock
from ghmodels_async.errors import GHModelsError

from .deck import Deck
from .envelope import fault_of, nothing_sent
from .lanes import Lane, Lanes
from .progress import Progress
from .rows import Job
from .verdicts import Act, Limits, judge

__all__ = ["Consequences", "Hands"]

#: A daily quota that does not say when it opens: an hour costs one refused attempt an hour at worst.
_UNKNOWN_RESET = 3600.0
#: Two resets less than these seconds apart are the same one.
_SAME = 60.0


class Hands(Protocol):
    """What the runner does when told to."""

    def stop(self, why: str, cause: BaseException | None) -> None:
        """End the run."""

    def fail(self, job: Job, lane: Lane | None, error: BaseException, *, attempts: int) -> None:
        """Write a row down as failed."""

    def let_go(self, lane: Lane) -> None:
        """Give a row's place in its lane back."""


class Consequences:
    """Acts on verdicts.

    Args:
        deck: Where rows go back to.
        lanes: The lanes of the run.
        hands: The runner.
        progress: Counts.
        clock: What parking counts in.
        limits: How far the run may go.
        on_event: Told of ``parked``, ``waiting`` and ``closed``.
    """

    def __init__(
        self,
        deck: Deck,
        lanes: Lanes,
        hands: Hands,
        *,
        progress: Progress,
        clock: Clock,
        limits: Limits,
        on_event: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._deck = deck
        self._lanes = lanes
        self._hands = hands
        self._progress = progress
        self._clock = clock
        self._limits = limits
        self._on_event = on_event
        self._tries: dict[int, int] = {}
        self._failed_connections = 0
        self._used_up: GHModelsError | None = None
        self._waits_until = 0.0

    def succeeded(self) -> None:
        """A call came through: the server is there."""
        self._failed_connections = 0

    def settled(self, job: Job) -> None:
        """A row is done with."""
        self._tries.pop(job.ordinal, None)

    def failed(self, lane: Lane, job: Job, error: GHModelsError) -> None:
        """A call failed."""
        _, fault = fault_of(error)
        self._failed_connections = self._failed_connections + 1 if fault == "connection" else 0
        # waiting for a quota is not a failure: it never wears a row out
        tries = self._tries.get(job.ordinal, 0) + (fault not in ("quota", "rate_limit"))
        verdict = judge(error, round=tries, rounds=self._limits.rounds, failed_connections=self._failed_connections)
        if verdict.act is Act.RECORD:
            self._hands.fail(job, lane, error, attempts=tries - nothing_sent(error))
            return
        self._hands.let_go(lane)
        if verdict.act is Act.STOP:
            self._stop(job, error)
        elif verdict.act is Act.CLOSE:
            self._close(lane, job, error)
        elif verdict.act is Act.PARK:
            self._park(lane, verdict.until.timestamp() if verdict.until else None, error)
            self._deck.put_back(job)
        else:
            self._tries[job.ordinal] = tries
            self._progress.again += 1
            self._deck.put_back(job, verdict.wait)

    def _stop(self, job: Job, error: GHModelsError) -> None:
        self._hands.stop("refused", error)
        self._deck.settle(job)

    def _park(self, lane: Lane, until: float | None, error: GHModelsError) -> None:
        """The model waits for its quota; other models go on."""
        known = lane.parked_until or 0.0
        lane.parked_until = max(until or self._clock.wall() + _UNKNOWN_RESET, known)
        self._progress.model(lane.model).parked_until = lane.parked_until
        self._used_up = error
        if lane.parked_until > known + _SAME:
            # every row in flight hears of it; people need to once
            limit, waiting = getattr(error, "limit", None), self._lanes.all_parked
            about = {"model": lane.model, "until": lane.parked_until, "limit": limit, "all": waiting}
            self._on_event("parked", about)
        self.waiting()

    def waiting(self) -> None:
        """A lane parked or ran out of rows: if only quota can help now, say until when, or stop if that is wanted."""
        if self._used_up is None or not self._lanes.all_parked:
            return
        if self._limits.stop_at_quota:
            self._hands.stop("quota", self._used_up)
        elif self._lanes.opens_at > self._waits_until + _SAME:
            self._waits_until = self._lanes.opens_at
            self._on_event("waiting", {"until": self._waits_until})

    def _close(self, lane: Lane, job: Job, error: GHModelsError) -> None:
        """This model serves nobody here: its rows go to others that may take them, or are recorded as failed."""
        lane.closed = error
        if not self._lanes.any_open or (not job.model and not self._lanes.eligible(job)):
            # no model is left, or none for the rows that name none: recording them all as failed would help nobody
            self._stop(job, error)
            return
        self._on_event("closed", {"model": lane.model, "why": error.why})
        for each in (job, *lane.shelf):
            if self._lanes.eligible(each):
                self._deck.put_back(each)
            else:
                self._hands.fail(each, None, error, attempts=0)
        lane.shelf.clear()
