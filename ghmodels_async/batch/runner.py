"""One start of a run: rows in, calls out, records down, until nothing is missing or nothing more can be done.

Each lane (a model) is one `client.map` over what the deck hands it. The client does attempts, quota waits and streams;
this floor decides what an error means for the run (`verdicts`), keeps the journal, and counts.

A row is in flight from the moment the deck hands it out until its record is durable, and a lane never holds more than
its width of such rows: that is the bound on calls that a crash repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from typing import Any

from ghmodels_async.clock import Clock

from .books import Books
from .cache import Cache
from .calls import Caller, outcomes, request_of
from .consequences import Consequences
from .deck import Deck
from .journal import Finished, Journal, JournalError
from .lanes import Lane, Lanes
from .progress import Progress
from .rows import Job, RawRow, Recipe, RowError, row_hash
from .verdicts import Limits

__all__ = ["Runner"]

#: Real seconds between two looks whether a draining run still has calls on their way.
_LOOK = 0.05
#: Rows skipped in one go before others get a turn.
_SKIPS = 4096
#: The error rate says nothing before this many rows.
_RATE_AFTER = 20


class Runner:
    """Runs once. `drain()` and `stop()` may be called from a signal handler of the event loop.

    Args:
        client: Makes the calls.
        journal: Takes the lines; closed when the run ends.
        finished: What needs no call any more.
        rows: Starts a pass over this process's rows.
        kinds: A row of each kind to be done: a lane opened when its first row is read would wait for those before it.
        recipe: How rows become requests.
        models: Models for rows that name none, preferred first.
        width: Rows in flight for one model; None: as many as its quota needs.
        idle: Whether a model's quota goes unused for want of rows in flight.
        clock: The client's clock.
        limits: How far the run may go.
        progress: Counts, shared with whoever shows them.
        cache: Answers of earlier equal requests, if wanted.
        on_event: Told of each event by name, with facts that JSON can hold; see `BatchRun`.
        sent: How many calls are on their way now; None where nobody knows.
    """

    def __init__(
        self,
        client: Caller,
        journal: Journal,
        finished: Finished,
        *,
        rows: Callable[[], Iterator[RawRow]],
        kinds: Iterable[Job],
        recipe: Recipe,
        models: tuple[str, ...],
        width: Callable[[str], int | None],
        idle: Callable[[str], bool],
        clock: Clock,
        limits: Limits,
        progress: Progress,
        cache: Cache | None,
        on_event: Callable[[str, dict[str, Any]], None],
        sent: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.progress = progress
        self.stopped: str | None = None
        """Why the run ended early: ``interrupted``, ``quota``, ``refused``, ``error_rate`` or ``journal``."""
        self.cause: BaseException | None = None
        self._client = client
        self._journal = journal
        self._finished = finished
        self._rows = rows
        self._kinds = kinds
        self._recipe = recipe
        self._clock = clock
        self._limits = limits
        self._cache = cache
        self._on_event = on_event
        self._sent = sent
        self._serving: set[asyncio.Task[None]] = set()
        self._lanes = Lanes(models, width, idle, self._open_lane)
        self._tasks: asyncio.TaskGroup | None = None
        self._deck = Deck(self._fresh, self._lanes.eligible, self._orphan, clock, lambda: self._consequences.waiting())
        self._consequences = Consequences(
            self._deck, self._lanes, self, progress=progress, clock=clock, limits=limits, on_event=on_event
        )
        self._books = Books(journal, finished, self.progress, clock, self._settled, cache)

    async def run(self) -> Progress:
        """Work until every row is answered or the run has to stop.

        Cancellation: calls in flight are cancelled and spent; rows already finished are still made durable.
        """
        self.progress.started_at = self._clock.now()
        self._journal.on_failure = partial(self.stop, "journal")
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._open_lanes(), name="opening")
        except BaseExceptionGroup as group:
            # a defect, or the caller's own exception: the first one says it, the group around it says nothing
            raise group.exceptions[0] from None
        finally:
            self._deck.close()
            await self._journal.aclose()
            self.progress.ended_at = self._clock.now()
        return self.progress

    def drain(self) -> None:
        """Start no further row; what was sent ends well, what waits for quota is given back. Idempotent."""
        self.stop("interrupted", None)
        if self._tasks is not None and self._serving:
            self._tasks.create_task(self._until_nothing_is_sent())

    def stop(self, why: str, cause: BaseException | None) -> None:
        """Hand out nothing more, and remember the first reason."""
        if self.stopped is None:
            self.stopped, self.cause = why, cause
            self._on_event("stopping", {"why": why})
        self._deck.close()
        if why in ("refused", "journal"):
            # the rows that wait for quota would be refused too, or could not be kept
            self._abort()
        # a lane whose rows will never become durable waits for room in vain
        self._lanes.wake()

    # --- rows in ---------------------------------------------------------------------------------------------------

    async def _open_lanes(self) -> None:
        """Open the lanes of all kinds of rows. Where no row is a request, read them all: each is to be recorded."""
        opened = [lane for job in self._kinds for lane in self._lanes.eligible(job)]
        for job in () if opened else self._fresh():
            if self._deck.closed or (job is not None and self._lanes.eligible(job)):
                return
            await asyncio.sleep(0)

    def _fresh(self) -> Iterator[Job | None]:
        """One pass over the input, without what is answered or held. None: others may have a turn."""
        skipped = 0
        for raw in self._rows():
            if raw.ordinal in self._finished.answered or raw.ordinal in self._deck.held:
                skipped += 1
                if skipped % _SKIPS == 0:
                    yield None
                continue
            try:
                yield self._recipe.job(raw)
            except RowError as error:
                job = Job(raw.ordinal, raw.line, row_hash(raw.data), f"row-{raw.ordinal + 1}", "", {})
                self._deck.held.add(raw.ordinal)
                self.fail(job, None, error)
                yield None

    def _open_lane(self, lane: Lane) -> None:
        self.progress.model(lane.model)
        if self._tasks is not None:
            task = self._tasks.create_task(self._serve(lane), name=f"lane {lane.model}")
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    def _orphan(self, job: Job) -> None:
        closed = self._lanes.closed_for(job)
        self.fail(job, None, closed or RowError(job.line, "no model to send it to"))

    async def _feed(self, lane: Lane) -> AsyncIterator[tuple[Job, Any]]:
        while True:
            await lane.room.acquire()
            job = await self._deck.take(lane)
            if job is None:
                return
            lane.flying += 1
            self.progress.model(lane.model).in_flight += 1
            self.progress.waiting = self._deck.waiting
            try:
                request = request_of(self._client, job, lane.model)
            except RowError as error:
                self.fail(job, lane, error)
                continue
            hit = self._cache.get(job, lane.model) if self._cache is not None else None
            if hit is None:
                yield job, request
            else:
                self._books.cached(job, lane, hit)

    # --- outcomes --------------------------------------------------------------------------------------------------

    async def _serve(self, lane: Lane) -> None:
        """One lane from its first row to its last."""
        async with outcomes(self._client, self._feed(lane), lane) as results:
            async for result in results:
                try:
                    if result.reply is not None:
                        self._consequences.succeeded()
                        self._books.succeeded(result.key, lane, result.reply)
                    elif result.error is not None:
                        self._consequences.failed(lane, result.key, result.error)
                except JournalError as error:
                    self.stop("journal", error)

    async def _until_nothing_is_sent(self) -> None:
        """While draining: once no call is on its way, what is left waits for quota, and need not."""
        while self._serving and (sent := self._sent()) is not None:
            if sent == 0:
                self._abort()
                return
            await asyncio.sleep(_LOOK)

    def _abort(self) -> None:
        """Give up what the lanes hold; a row that had not been sent costs nothing."""
        for task in self._serving:
            task.cancel()

    def fail(self, job: Job, lane: Lane | None, error: BaseException, *, attempts: int = 0) -> None:
        """Write a row down as failed. `lane` None: no call in flight belongs to it."""
        model = lane.model if lane is not None else job.model
        try:
            self._books.failed(job, lane, error, model=model, attempts=attempts)
        except JournalError as failure:
            self.stop("journal", failure)

    def let_go(self, lane: Lane) -> None:
        """A row is no longer in flight: its place in the lane is free."""
        self.progress.model(lane.model).in_flight -= 1
        lane.let_go()

    def _settled(self, job: Job, lane: Lane | None, error: BaseException | None) -> None:
        """The row's record is on disk."""
        self._consequences.settled(job)
        if lane is not None:
            self.let_go(lane)
        self._deck.settle(job)
        rate, progress = self._limits.max_error_rate, self.progress
        ended = progress.done + progress.failed
        if error is not None and rate is not None and ended >= _RATE_AFTER and progress.failed > rate * ended:
            self.stop("error_rate", None)
        self._on_event("row", {"row": job.ordinal, "custom_id": job.custom_id, "ok": error is None})
