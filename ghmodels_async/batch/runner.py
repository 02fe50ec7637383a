"""One start of a run: rows in, calls out, records down, until nothing is missing or nothing more can be done.

Each lane (a model) is one `client.map` over what the deck hands it. The client does attempts, quota waits and streams;
this floor decides what an error means for the run (`verdicts`), keeps the journal, and counts.

A row is in flight from the moment the deck hands it out until its record is durable, and a lane never holds more than
its width of such rows: that is the bound on calls that a crash repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from ghmodels_async.clock import Clock
from ghmodels_async.errors import GHModelsError

from .deck import Deck, Lane
from .envelope import failure_line, fault_of, success_line
from .journal import Finished, Journal, JournalError
from .rows import Job, RawRow, Recipe, RowError, row_hash
from .tally import Tally
from .verdicts import Act, judge

__all__ = ["Caller", "Limits", "Runner"]

#: Rows skipped in one go before others get a turn.
_SKIPS = 4096
#: The error rate says nothing before this many rows.
_RATE_AFTER = 20


class Caller(Protocol):
    """What the runner needs of a client, so that a test can bring its own."""

    def map(self, requests: AsyncIterator[Any], **options: Any) -> AsyncIterator[Any]: ...


@dataclass(frozen=True)
class Limits:
    """How far a run may go.

    Args:
        rounds: How often one row may go through the client (which makes its own attempts each time).
        max_error_rate: Stop when more than this share of the finished rows failed; None never does.
        stop_at_quota: Stop, resumable, once every model's quota is used up, instead of waiting for the reset.
    """

    rounds: int = 3
    max_error_rate: float | None = None
    stop_at_quota: bool = False


class Runner:
    """Runs once. `drain()` and `stop()` may be called from a signal handler of the event loop."""

    def __init__(
        self,
        client: Caller,
        journal: Journal,
        finished: Finished,
        *,
        rows: Callable[[], Iterator[RawRow]],
        recipe: Recipe,
        models: tuple[str, ...],
        width: Callable[[str], int],
        clock: Clock,
        limits: Limits = Limits(),
        tally: Tally | None = None,
        on_event: Callable[[str, dict[str, Any]], None] = lambda name, facts: None,
        stream: bool = True,
    ) -> None:
        self.client = client
        self.journal = journal
        self.finished = finished
        self.recipe = recipe
        self.models = models
        self.width = width
        self.clock = clock
        self.limits = limits
        self.tally = tally or Tally()
        self.stopped: str | None = None
        """Why the run ended early: ``interrupted``, ``quota``, ``refused``, ``error_rate`` or ``journal``."""
        self.cause: BaseException | None = None
        self._rows = rows
        self._on_event = on_event
        self._stream = stream
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._rounds: dict[int, int] = {}
        self._failed_connections = 0
        self.deck = Deck(self._fresh, self._eligible, self._orphan, clock)

    async def run(self) -> Tally:
        """Work until every row is answered or the run has to stop.

        Cancellation: calls in flight are cancelled and spent; rows already finished are still made durable.
        """
        self.tally.started_at = self.clock.now()
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._open_first()
        finally:
            await self.journal.aclose()
            self.tally.ended_at = self.clock.now()
        if self.journal.failure is not None:
            self.stop("journal", self.journal.failure)
        return self.tally

    def drain(self) -> None:
        """Start no further row; what is in flight ends well. Idempotent."""
        self.stop("interrupted", None)

    def stop(self, why: str, cause: BaseException | None) -> None:
        """Hand out nothing more, and remember the first reason."""
        if self.stopped is None:
            self.stopped, self.cause = why, cause
            self._on_event("stopping", {"why": why})
        self.deck.close()

    def _open_first(self) -> None:
        """Lanes open when a row asks for them; the first row has to be looked at for that."""
        for job in self._fresh():
            if job is not None and self._eligible(job):
                return

    def _fresh(self) -> Iterator[Job | None]:
        """One pass over the input, without what is answered or held. None: others may have a turn."""
        skipped = 0
        for raw in self._rows():
            if raw.ordinal in self.finished.answered or raw.ordinal in self.deck.held:
                skipped += 1
                if skipped % _SKIPS == 0:
                    yield None
                continue
            try:
                yield self.recipe.job(raw)
            except RowError as error:
                job = Job(raw.ordinal, raw.line, row_hash(raw.data), f"row-{raw.ordinal + 1}", "", {})
                self.deck.held.add(raw.ordinal)
                self._record_failure(job, error, model=None)

    def _eligible(self, job: Job) -> list[Lane]:
        models = (job.model,) if job.model else self.models
        lanes = [self._lane(model, job.url) for model in models]
        return [lane for lane in lanes if lane.closed is None]

    def _lane(self, model: str, url: str) -> Lane:
        key = (model, url)
        lane = self._lanes.get(key)
        if lane is None:
            width = self.width(model)
            lane = self._lanes[key] = Lane(key, width, asyncio.Semaphore(width))
            self.tally.model(model)
            if self._tasks is not None:
                self._tasks.create_task(self._serve(lane), name=f"lane {model}")
        return lane

    def _orphan(self, job: Job) -> None:
        closed = next((lane.closed for lane in self._lanes.values() if lane.closed and lane.key[1] == job.url), None)
        self._record_failure(job, closed or RowError(job.line, "no model to send it to"), model=job.model)

    async def _serve(self, lane: Lane) -> None:
        """One lane from its first row to its last."""
        outcomes = self.client.map(
            self._feed(lane), concurrency=lane.width, priority="batch", on_exhausted="raise", stream=self._stream
        )
        async for outcome in outcomes:
            try:
                self._conclude(lane, outcome.key, outcome.reply, outcome.error)
            except JournalError as error:
                self.stop("journal", error)

    async def _feed(self, lane: Lane) -> AsyncIterator[tuple[Job, Any]]:
        while True:
            await lane.room.acquire()
            job = await self.deck.take(lane)
            if job is None:
                return
            try:
                request = job.request(lane.model)
            except RowError as error:
                lane.room.release()
                self._record_failure(job, error, model=lane.model)
                continue
            self.tally.model(lane.model).in_flight += 1
            self.tally.waiting = self.deck.waiting
            yield job, request

    def _conclude(self, lane: Lane, job: Job, reply: Any, error: GHModelsError | None) -> None:
        if reply is None:
            assert error is not None
            self._conclude_failure(lane, job, error)
            return
        self._failed_connections = 0
        line = success_line(job, reply, model=lane.model, finished_at=self.clock.wall())
        self.journal.append(line, partial(self._durable, job, lane, reply, None))

    def _conclude_failure(self, lane: Lane, job: Job, error: GHModelsError) -> None:
        _, fault = fault_of(error)
        self._failed_connections = self._failed_connections + 1 if fault == "connection" else 0
        round_ = self._rounds.get(job.ordinal, 0) + (fault not in ("quota", "rate_limit"))
        verdict = judge(error, round=round_, rounds=self.limits.rounds, failed_connections=self._failed_connections)
        if verdict.act is Act.RECORD:
            line = failure_line(job, error, model=lane.model, attempts=round_, finished_at=self.clock.wall())
            self.journal.append(line, partial(self._durable, job, lane, None, error))
            return
        self._let_go(lane)
        if verdict.act is Act.CLOSE:
            self._close_lane(lane, job, error)
            return
        if verdict.act is Act.STOP:
            self.stop("refused", error)
            self.deck.settle(job)
            return
        if verdict.act is Act.PARK:
            self._park(lane, verdict.until.timestamp() if verdict.until else None, error)
        else:
            self._rounds[job.ordinal] = round_
            self.tally.again += 1
        self.deck.put_back(job, verdict.wait)

    def _park(self, lane: Lane, until: float | None, error: GHModelsError) -> None:
        """The model waits for its quota; other models go on."""
        # an hour is a guess that costs one refused attempt an hour at worst
        lane.parked_until = max(until or self.clock.wall() + 3600.0, lane.parked_until or 0.0)
        self.tally.model(lane.model).parked_until = lane.parked_until
        self._on_event(
            "parked", {"model": lane.model, "until": lane.parked_until, "limit": getattr(error, "limit", None)}
        )
        open_lanes = [each for each in self._lanes.values() if each.closed is None]
        if self.limits.stop_at_quota and all(each.parked_until for each in open_lanes):
            self.stop("quota", error)

    def _close_lane(self, lane: Lane, job: Job, error: GHModelsError) -> None:
        """This model serves nobody here: its rows go to others that may take them, or are recorded as failed."""
        lane.closed = error
        if self.models and not job.model and not self._eligible(job):
            # every model of the run is closed: recording the whole input as failed would help nobody
            self.stop("refused", error)
            self.deck.settle(job)
            return
        self._on_event("closed", {"model": lane.model, "why": error.why})
        for each in (job, *lane.shelf):
            if self._eligible(each):
                self.deck.put_back(each)
            else:
                self._record_failure(each, error, model=lane.model)
        lane.shelf.clear()

    def _record_failure(self, job: Job, error: BaseException, *, model: str | None) -> None:
        """Write down a failure that no call in flight belongs to."""
        line = failure_line(job, error, model=model, attempts=0, finished_at=self.clock.wall())
        try:
            self.journal.append(line, partial(self._durable, job, None, None, error))
        except JournalError as failure:
            self.stop("journal", failure)

    def _let_go(self, lane: Lane) -> None:
        self.tally.model(lane.model).in_flight -= 1
        lane.room.release()

    def _durable(self, job: Job, lane: Lane | None, reply: Any, error: BaseException | None) -> None:
        """The row's record is on disk: now it counts."""
        self.finished.answered.add(job.ordinal)
        self._rounds.pop(job.ordinal, None)
        if lane is not None:
            self._let_go(lane)
        self.deck.settle(job)
        tally = self.tally
        if error is None:
            self.finished.succeeded.add(job.ordinal)
            tally.done += 1
            assert lane is not None
            served = tally.model(lane.model)
            served.done += 1
            if reply.usage is not None:
                served.tokens_in += reply.usage.prompt_tokens
                served.tokens_out += reply.usage.completion_tokens
        else:
            status, fault = fault_of(error)
            tally.failed += 1
            tally.faults[str(status) if status else fault] += 1
            if lane is not None:
                tally.model(lane.model).failed += 1
            self._watch_error_rate()
        self._on_event("row", {"row": job.ordinal, "custom_id": job.custom_id, "ok": error is None})

    def _watch_error_rate(self) -> None:
        rate, tally = self.limits.max_error_rate, self.tally
        ended = tally.done + tally.failed
        if rate is not None and ended >= _RATE_AFTER and tally.failed > rate * ended:
            self.stop("error_rate", None)
