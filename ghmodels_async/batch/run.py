"""`run_batch`: files and a journal around a client, from opening the directory to the merged output."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ghmodels_async.clock import Clock

from .bitmap import Bitmap
from .cache import Cache
from .calls import Caller
from .inputs import Rows, recipe_of, settled_source, source_of
from .journal import Finished, Journal, failures, read_finished
from .merge import Merged, merge
from .progress import Progress
from .quotas import idle_of, width_of
from .rows import RawRow, Recipe
from .rundir import RunDirectory, RunMismatchError, Shard
from .runner import Runner
from .segments import RecordHead
from .sources import Source
from .survey import Kinds, count_rows, progress_before, voider
from .verdicts import Limits

__all__ = ["BatchRun", "Summary", "run_batch"]


@dataclass(frozen=True, slots=True)
class Summary:
    """How one start of a run ended.

    Attributes:
        progress: Counts of this start and the ones before.
        stopped: None when every row is answered, else ``interrupted``, ``quota``, ``refused``, ``error_rate`` or
            ``journal``; the same command goes on from there.
        cause: The error behind `stopped`, if there is one.
        makespan: Nominal seconds this start took.
        merged: Rows in the output and the errors file; None when they were not written.
    """

    progress: Progress
    stopped: str | None
    cause: BaseException | None
    makespan: float
    merged: Merged | None


class BatchRun:
    """One start of a run. Entering locks the directory, compares, reads back and counts; nothing is sent before `go`.

    Args:
        client: Anything with `map` as `GitHubModels` has it.
        rows: A path (``-`` is standard input), a source, mappings, or None to go on with the rows the run has.
        run_dir: Where journal and output files are; made if missing.
        clock: The client's clock; None takes it from the client.
        models: Models for rows that name none. Several share the rows: whichever has quota takes the next.
        recipe: How rows become requests; None: as before, or plainly.
        limits: How far the run may go.
        shard: This process's part of the rows.
        concurrency: Rows in flight per model; None: one more than its quota allows at once, and where that is not
            known 64 at first, and more as long as its quota goes unused.
        identity: What else makes two starts the same run (the profile, say).
        accept_changes: Go on although settings or answered rows changed; such rows run again.
        retry: Which failed rows run again, by their last failure; None: none of them.
        cache: Answers of earlier equal requests.
        on_event: Told of each event by name: ``row``, ``parked``, ``waiting``, ``closed``, ``stopping``. If it
            raises, the run drains and `go` raises it.

    Raises:
        RunMismatchError, RunLockedError: On entering: not this run, or not now; nothing was changed.
        ConfigurationError: On entering: no such input, or no run to go on with.
    """

    def __init__(
        self,
        client: Caller,
        rows: Rows,
        *,
        run_dir: str | Path,
        clock: Clock | None = None,
        models: tuple[str, ...] = (),
        recipe: Recipe | None = None,
        limits: Limits | None = None,
        shard: Shard | None = None,
        concurrency: int | None = None,
        identity: Mapping[str, Any] | None = None,
        accept_changes: bool = False,
        retry: Callable[[RecordHead], bool] | None = None,
        cache: Cache | None = None,
        on_event: Callable[[str, dict[str, Any]], None] = lambda name, facts: None,
    ) -> None:
        self.directory = RunDirectory(run_dir)
        self.shard = shard or Shard()
        self.models = models
        self.recipe = recipe
        self.progress = Progress()
        self.accepted: list[int] = []
        """Changed rows that run again."""
        self._client = client
        self._rows = rows
        self._clock: Clock = clock if clock is not None else client.clock  # type: ignore[attr-defined]
        self._limits = limits or Limits()
        self._concurrency = concurrency
        self._identity = dict(identity or {})
        self._accept = accept_changes
        self._retry = retry
        self._cache = cache
        self._on_event = on_event
        self._deaf: Exception | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> BatchRun:
        async with AsyncExitStack() as stack:
            directory = self.directory
            source = source_of(directory, self._rows)
            identity = self._identified(source)
            # nothing is written before the lock is held, and the input is not replaced before it was looked through
            stack.enter_context(directory.locked(self.shard))
            finished = stack.enter_context(closing(await asyncio.to_thread(read_finished, directory.journal)))
            self._prepare(identity, finished)
            stack.callback(directory.arriving.unlink, missing_ok=True)
            self.source, keep = await asyncio.to_thread(settled_source, directory, self._rows, source)
            await asyncio.to_thread(self._survey, finished)
            self.source = await asyncio.to_thread(keep)
            journal = Journal(self.directory.journal, self.shard.name)
            self.runner = self._runner(await stack.enter_async_context(journal), finished, self.source)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def go(self) -> Summary:
        """Run, then write the output files if nothing is missing (one shard cannot know that of the others).

        Cancellation: finished rows are made durable; the run can be started again.
        """
        progress = await self.runner.run()
        merged = None
        if self.runner.stopped is None and self.shard.parts == 1:
            merged = await asyncio.to_thread(merge, self.directory)
        if self._deaf is not None:
            raise self._deaf
        ended = progress.ended_at if progress.ended_at is not None else progress.started_at
        return Summary(progress, self.runner.stopped, self.runner.cause, ended - progress.started_at, merged)

    def _identified(self, source: Source | None) -> dict[str, Any]:
        """What makes this start one of the same run; settings not given are the run's."""
        known = self.directory.facts()["identity"] if self._rows is None else None
        if known is not None and self.recipe is None:
            self.recipe = recipe_of(known)
        if known is not None and not self.models:
            self.models = tuple(known["models"])
        self.recipe = self.recipe or Recipe()
        kind = source.kind if source is not None else "jsonl"
        return {**asdict(self.recipe), "models": list(self.models), "kind": kind, **self._identity}

    def _prepare(self, identity: dict[str, Any], finished: Finished) -> None:
        """Make sure that the directory is a run of this; before the first answer it may still become one."""
        try:
            self.directory.prepare(identity, accept_changes=self._accept)
        except RunMismatchError:
            if len(finished.answered) or len(self.directory.holders()) > 1:
                raise
            self.directory.prepare(identity, accept_changes=True)

    def _survey(self, finished: Finished) -> None:
        """Count, compare, and decide which failed rows run again."""
        on_changed = voider(self.directory, self.shard, finished, self.accepted) if self._accept else None
        again = Bitmap()
        if self._retry is not None:
            for head in failures(self.directory.journal, finished):
                (again.add if self._retry(head) else again.discard)(head.row)
        self._kinds = Kinds(self.recipe or Recipe())

        def look(raw: RawRow) -> None:
            row = raw.ordinal
            if self.shard.mine(row) and (row not in finished.answered or row in again):
                self._kinds.look(raw)

        total = count_rows(self.source.rows(), finished, on_changed=on_changed, on_row=look)
        for row in again:
            finished.answered.discard(row)
        self.progress = progress_before(finished, total, self.shard)
        self.progress.asked = dict(self._kinds.rows)

    def _runner(self, journal: Journal, finished: Finished, source: Source) -> Runner:
        shard = self.shard
        return Runner(
            self._client,
            journal,
            finished,
            rows=lambda: (raw for raw in source.rows() if shard.mine(raw.ordinal)),
            kinds=self._kinds.jobs,
            recipe=self.recipe or Recipe(),
            models=self.models,
            width=lambda model: self._concurrency or width_of(self._client, model),
            idle=partial(idle_of, self._client),
            clock=self._clock,
            limits=self._limits,
            progress=self.progress,
            cache=self._cache,
            on_event=self._event,
            sent=self._sent,
        )

    def _sent(self) -> int | None:
        """Calls on their way, where the gate counts them."""
        limits = getattr(self._client, "limits", None)
        if limits is None:
            return None
        states = [state for model in self.progress.models for state in limits.explain(model)]
        counts = [state.used for state in states if state.unit == "in flight"]
        return sum(counts) if len(counts) >= len(self.progress.models) else None

    def _event(self, name: str, facts: dict[str, Any]) -> None:
        if name == "parked":
            # for `batch status`, and for whoever restarts the run tomorrow
            with contextlib.suppress(OSError):
                parked = {**self.directory.facts().get("parked", {}), facts["model"]: facts["until"]}
                self.directory.remember(parked=parked)
        if self._deaf is None:
            try:
                self._on_event(name, facts)
            except Exception as error:
                # the listener is gone, or broken: what is in flight ends well, then the caller hears of it
                self._deaf = error
                self.runner.drain()


async def run_batch(client: Any, rows: Rows, *, run_dir: str | Path, **options: Any) -> Summary:
    """Run every row through a client, durably, and write `output.jsonl` and `errors.jsonl` into `run_dir`.

    Started again with the same arguments it does only what is missing. Arguments and errors are those of `BatchRun`.

    Cancellation: calls in flight are spent, finished rows are kept; start again to go on.
    """
    async with BatchRun(client, rows, run_dir=run_dir, **options) as run:
        return await run.go()
