"""`ghmodels batch run`: every row, durably, with a live view; started again it does only what is missing."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import click

from ghmodels_async.batch import BatchRun, Cache, Limits, RecordHead, Summary

from . import loops
from .batch_before import look_before
from .batch_check import settings_of
from .batch_flags import RunFlags, run_options
from .batch_report import exit_code_of, json_summary, limits_now, print_summary
from .batch_rows import RowOptions, row_options
from .batch_view import events_to_stderr, events_to_stdout, live_view
from .options import ClientOptions, client_options
from .session import open_client, shares

if TYPE_CHECKING:
    from ghmodels_async.client import GitHubModels

__all__ = ["command", "start"]


@click.command(name="run")
@click.argument("source", metavar="[INPUT]", required=False)
@click.option("-o", "--output", "run_dir", metavar="RUN_DIR", required=True, help="Directory of this run.")
@row_options
@run_options
@client_options
def command(options: ClientOptions, source: str | None, run_dir: str, rows: RowOptions, flags: RunFlags) -> int:
    """Run every row of INPUT; results are in RUN_DIR/output.jsonl and errors.jsonl.

    INPUT is a .jsonl, .csv, .tsv or .parquet file, or - for standard input; without it the run in RUN_DIR goes on.
    Every finished row is on disk before it counts: stop it with Ctrl-C (once: what is in flight ends well; twice: at
    once) or any other way, start it again, and only what is missing is done.
    """
    return loops.run(start(options, source, run_dir, flags, rows=rows))


async def start(
    options: ClientOptions,
    source: str | None,
    run_dir: str,
    flags: RunFlags,
    *,
    rows: RowOptions | None,
    retry: Callable[[RecordHead], bool] | None = None,
) -> int:
    """One start of a run, from opening the client to the summary. Returns the exit code."""
    events = events_to_stdout() if flags.as_json else events_to_stderr()
    # without an input the run goes on as it was started, unless the command line says otherwise
    own = rows if rows is not None and (source is not None or rows.given) else None
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(options, shared=shares(options)))
        await client.limits.open()
        run = BatchRun(
            client,
            source,
            run_dir=run_dir,
            models=own.models if own else (),
            recipe=own.recipe if own else None,
            limits=Limits(flags.rounds, flags.max_error_rate, flags.stop_at_quota),
            shard=flags.shard,
            concurrency=flags.concurrency,
            identity={"profile": client.profile.name},
            accept_changes=flags.accept_changes,
            retry=retry,
            cache=_cache(options, client, flags, stack),
            on_event=events,
        )
        await stack.enter_async_context(run)
        may = look_before(
            client,
            run,
            check=not flags.no_check,
            max_duration=flags.max_duration,
            events=events,
            table=not flags.as_json,
            cache=flags.cache is not None,
        )
        if not await may:
            return 2
        return await _to_its_end(client, run, flags, events)


async def _to_its_end(
    client: GitHubModels, run: BatchRun, flags: RunFlags, events: Callable[[str, dict[str, Any]], None]
) -> int:
    """Run and tell how it went."""
    signals: list[signal.Signals] = []
    before = limits_now(client, run)
    summary = await _go(client, run, flags.as_json, signals)
    if flags.as_json:
        events("summary", json_summary(client, run, summary))
    else:
        print_summary(client, run, summary, before, max_error_rate=flags.max_error_rate)
    return 128 + signals[-1] if signals and summary.stopped == "interrupted" else exit_code_of(summary)


def _cache(options: ClientOptions, client: GitHubModels, flags: RunFlags, stack: AsyncExitStack) -> Cache | None:
    """The cache of one service: its address counts, and what a simulation made up is nobody's answer."""
    if flags.cache is None:
        return None
    where = "simulated" if options.simulate else settings_of(options).endpoint.root
    endpoint = f"{client.profile.name} {where}"
    return stack.enter_context(Cache(flags.cache, endpoint=endpoint, ttl=flags.cache_ttl))


def _given_up(client: GitHubModels, run: BatchRun) -> Summary:
    """A run whose calls in flight were cancelled: what had been finished is kept."""
    progress = run.progress
    ended = client.clock.now() if progress.ended_at is None else progress.ended_at
    return Summary(progress, "interrupted", None, ended - progress.started_at, None)


async def _go(client: GitHubModels, run: BatchRun, as_json: bool, signals: list[signal.Signals]) -> Summary:
    """Run under the live view, with the two signals that mean "end well" and then "end now"; they are noted."""
    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(run.go())

    def interrupt(number: signal.Signals) -> None:
        signals.append(number)
        if len(signals) > 1:
            work.cancel()
            return
        run.runner.drain()
        if not as_json:
            flying = run.progress.in_flight
            print(f"Ending well: {flying} rows in flight finish, no other starts. Again to stop now.", file=sys.stderr)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)
    try:
        if as_json:
            return await work
        async with live_view(client, run):
            return await work
    except asyncio.CancelledError:
        if len(signals) > 1:
            return _given_up(client, run)
        raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
