"""`run_batch`: files and a journal around a client, from opening the directory to the merged output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from ghmodels_async.clock import Clock
from ghmodels_async.errors import ConfigurationError

from .bitmap import Bitmap
from .journal import CHANGED, Finished, Journal, read_finished
from .merge import Merged, merge
from .progress import Progress
from .quotas import allowances
from .rows import RawRow, Recipe, row_hash
from .rundir import RunDirectory, Shard
from .runner import Caller, Limits, Runner
from .segments import SegmentWriter, record_line
from .sources import JsonLines, Pipe, Source, encoded_rows, open_source
from .survey import count_rows

__all__ = ["BatchRun", "Summary", "opened_run", "run_batch"]

Rows = Source | str | Path | Iterable[Mapping[str, Any]] | None
#: Rows in flight per model when nothing is known about its concurrency.
DEFAULT_WIDTH = 32


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

    @property
    def complete(self) -> bool:
        return self.stopped is None and self.progress.remaining == 0


@dataclass
class BatchRun:
    """A run that is open: locked, read back, counted, and ready to go."""

    directory: RunDirectory
    source: Source
    runner: Runner
    progress: Progress
    shard: Shard
    resumed: int = 0
    """Rows that were answered before this start."""
    accepted: list[int] = field(default_factory=list)
    """Changed rows that will run again."""

    async def go(self) -> Summary:
        """Run, then write the output files if nothing is missing (one shard cannot know that of the others).

        Cancellation: finished rows are made durable; the run can be started again.
        """
        progress = await self.runner.run()
        merged = None
        if self.runner.stopped is None and self.shard.parts == 1:
            merged = await asyncio.to_thread(merge, self.directory)
        ended = progress.ended_at if progress.ended_at is not None else progress.started_at
        return Summary(progress, self.runner.stopped, self.runner.cause, ended - progress.started_at, merged)


@contextlib.asynccontextmanager
async def opened_run(
    client: Caller,
    rows: Rows,
    *,
    run_dir: str | Path,
    clock: Clock,
    models: tuple[str, ...] = (),
    recipe: Recipe | None = None,
    limits: Limits | None = None,
    shard: Shard | None = None,
    concurrency: int | None = None,
    identity: Mapping[str, Any] | None = None,
    accept_changes: bool = False,
    retry: Bitmap | None = None,
    on_event: Callable[[str, dict[str, Any]], None] = lambda name, facts: None,
    sync: Literal["thread", "inline"] = "thread",
) -> AsyncIterator[BatchRun]:
    """Open a run directory for one process: lock it, compare, read back, count. Nothing is sent yet.

    Args:
        client: Anything with `map` as `GitHubModels` has it.
        rows: A path (``-`` is standard input), a source, mappings, or None to go on with the rows kept in `run_dir`.
        run_dir: Where journal and output files are; made if missing.
        clock: The client's clock.
        models: Models for rows that name none. Several share the rows: whichever has quota takes the next.
        recipe: How rows become requests.
        limits: How far the run may go.
        shard: This process's part of the rows.
        concurrency: Rows in flight per model; None: one more than its quota allows at once.
        identity: What else makes two starts the same run (profile, endpoint).
        accept_changes: Go on although settings or answered rows changed; such rows run again.
        retry: Answered rows that shall run again (failed ones).
        on_event: Told of each event by name: ``row``, ``parked``, ``closed``, ``stopping``.
        sync: ``inline`` for event loops whose time is virtual.

    Raises:
        RunMismatchError, RunLockedError: Not this run, or not now; nothing was changed.
    """
    recipe, limits, shard = recipe or Recipe(), limits or Limits(), shard or Shard()
    run = RunDirectory(run_dir)
    source = _source(run, rows)
    kind = source.kind if source is not None else "jsonl"
    run.prepare({**_identity(recipe, models), "kind": kind, **(identity or {})}, accept_changes=accept_changes)
    with run.locked(shard), contextlib.closing(await asyncio.to_thread(read_finished, run.journal)) as finished:
        source = await asyncio.to_thread(_settled_source, run, rows, source)
        opened: list[int] = []
        voided = _voider(run, shard, finished, opened) if accept_changes else None
        total = await asyncio.to_thread(count_rows, source.rows(), finished, on_changed=voided)
        for row in retry or ():
            finished.answered.discard(row)
        progress = _progress_before(finished, total, shard)
        async with Journal(run.journal, shard.name, sync=sync) as journal:
            runner = Runner(
                client,
                journal,
                finished,
                rows=lambda: (raw for raw in source.rows() if shard.mine(raw.ordinal)),
                recipe=recipe,
                models=models,
                width=lambda model: concurrency or _width(client, model),
                clock=clock,
                limits=limits,
                progress=progress,
                on_event=on_event,
            )
            before = progress.before_done + progress.before_failed
            yield BatchRun(run, source, runner, progress, shard, before, opened)


async def run_batch(client: Any, rows: Rows, *, run_dir: str | Path, **options: Any) -> Summary:
    """Run every row through a client, durably, and write `output.jsonl` and `errors.jsonl` into `run_dir`.

    Started again with the same arguments it does only what is missing. Options are those of `opened_run`.

    Raises:
        RunMismatchError, RunLockedError: Before anything was sent.

    Cancellation: calls in flight are spent, finished rows are kept; start again to go on.
    """
    options.setdefault("clock", client.clock)
    async with opened_run(client, rows, run_dir=run_dir, **options) as run:
        return await run.go()


def _source(run: RunDirectory, rows: Rows) -> Source | None:
    """What was given, as a source; None for mappings, which are no source before they lie in a file."""
    if rows is None:
        facts = run.facts()
        return JsonLines(run.spool) if facts.get("spooled") else open_source(facts["input"])
    if isinstance(rows, str | Path):
        return open_source(rows)
    return rows if isinstance(rows, Source) else None


def _settled_source(run: RunDirectory, rows: Rows, source: Source | None) -> Source:
    """The input as something that can be read again, and how the next start finds it. Blocking."""
    if source is None:
        _spool(run, encoded_rows(cast(Iterable[Mapping[str, Any]], rows)))
        return JsonLines(run.spool)
    if isinstance(source, Pipe):
        _spool(run, (raw.data + b"\n" for raw in source.rows()))
        return JsonLines(run.spool)
    path = getattr(source, "path", None)
    if path is not None and path != run.spool:
        run.remember(input=str(Path(path).resolve()), spooled=False)
    return source


def _width(client: Any, model: str) -> int:
    """One row waits at the gate while the others are under way; where nothing limits them, a fixed number."""
    profile = getattr(client, "profile", None)
    if profile is None:
        return DEFAULT_WIDTH
    concurrent = allowances(profile, client.plan, [model])[0].concurrent
    return DEFAULT_WIDTH if concurrent is None else concurrent + 1


def _spool(run: RunDirectory, lines: Iterable[bytes]) -> None:
    """Copy rows that cannot be read twice into the run; they replace the copy of an earlier start in one step."""
    beside = run.spool.with_name(".rows.jsonl.part")
    try:
        with beside.open("wb", buffering=1 << 18) as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(run.spool)
    except OSError as error:
        beside.unlink(missing_ok=True)
        free = shutil.disk_usage(run.path).free // 2**20
        raise ConfigurationError(
            f"The input could not be copied into the run directory: {error.strerror}.",
            checked=f"{run.spool}: {free} MiB free",
            fix="Make room, or give the input as a file.",
        ) from error
    run.remember(spooled=True)


def _identity(recipe: Recipe, models: tuple[str, ...]) -> dict[str, Any]:
    return {**asdict(recipe), "models": list(models)}


def _progress_before(finished: Finished, total: int, shard: Shard) -> Progress:
    """What earlier starts have done of this shard's rows."""
    if shard.parts == 1:
        done, answered = len(finished.succeeded), len(finished.answered)
        return Progress(total=total, before_done=done, before_failed=answered - done)
    mine = [row for row in finished.answered if shard.mine(row)]
    done = sum(row in finished.succeeded for row in mine)
    own_total = len(range(shard.part - 1, total, shard.parts))
    return Progress(total=own_total, before_done=done, before_failed=len(mine) - done)


def _voider(run: RunDirectory, shard: Shard, finished: Finished, opened: list[int]) -> Callable[[RawRow], None]:
    """Write down that an answered row is another one now: its answer no longer counts, at any later start either."""

    def void(raw: RawRow) -> None:
        writer = SegmentWriter(next(iter(_own_segments(run, shard)), run.journal / f"{shard.name}-000001.jsonl"))
        try:
            writer.append([record_line(raw.ordinal, row_hash(raw.data), 0, CHANGED, b'{"custom_id":null}')])
        finally:
            writer.close()
        finished.answered.discard(raw.ordinal)
        finished.succeeded.discard(raw.ordinal)
        opened.append(raw.ordinal)

    return void


def _own_segments(run: RunDirectory, shard: Shard) -> list[Path]:
    return sorted(run.journal.glob(f"{shard.name}-*.jsonl"), reverse=True)
