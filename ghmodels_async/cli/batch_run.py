"""`ghmodels batch run`: every row, durably, with a live view; started again it does only what is missing."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from ghmodels_async.batch import BatchRun, Cache, Limits, RecordHead, Shard, Summary

from .batch_before import look_before
from .batch_check import settings_of
from .batch_plan import DURATION
from .batch_report import exit_code_of, json_summary, print_summary
from .batch_rows import RowOptions, row_options
from .batch_view import events_to_stderr, events_to_stdout, live_view
from .options import ClientOptions, client_options
from .session import open_client

if TYPE_CHECKING:
    from ghmodels_async.client import GitHubModels

__all__ = ["command", "run_options", "start"]


class _ShardType(click.ParamType[Shard]):
    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        try:
            return value if isinstance(value, Shard) else Shard.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how to run, whatever runs."""

    @wraps(command)
    def passed(*given: Any, **named: Any) -> Any:
        return command(*given, **named)

    decorated: Callable[..., Any] = passed
    rate = "Stop when more than this share of the rows fails."
    for option in reversed(
        (
            click.option("--concurrency", type=click.IntRange(1), metavar="N", help="Rows in flight per model."),
            click.option("--rounds", type=click.IntRange(1), default=3, help="Times a failing row is tried. [3]"),
            click.option("--max-error-rate", type=click.FloatRange(0, 1), metavar="R", help=rate),
            click.option("--max-duration", type=DURATION, metavar="2h", help="Refuse a run that will take longer."),
            click.option("--stop-at-quota", is_flag=True, help="Exit 4 when the quota is used up."),
            click.option("--shard", type=_ShardType(), metavar="i/n", default="1/1", help="Do the i-th of n parts."),
            click.option("--accept-changes", is_flag=True, help="Go on although settings or rows changed."),
            click.option("--cache", "cache", metavar="FILE", help="Keep answers of equal requests (temperature 0)."),
            click.option("--cache-ttl", type=DURATION, metavar="7d", help="How long a kept answer is good for."),
            click.option("--no-check", is_flag=True, help="Do not read the input through before the first call."),
            click.option("--json", "as_json", is_flag=True, help="One JSON event a line on standard output."),
        )
    ):
        decorated = option(decorated)
    return decorated


@click.command(name="run")
@click.argument("source", metavar="[INPUT]", required=False)
@click.option("-o", "--output", "run_dir", metavar="RUN_DIR", required=True, help="Directory of this run.")
@row_options
@run_options
@client_options
def command(options: ClientOptions, source: str | None, **given: Any) -> int:
    """Run every row of INPUT; results are in RUN_DIR/output.jsonl and errors.jsonl.

    INPUT is a .jsonl, .csv, .tsv or .parquet file, or - for standard input; without it the run in RUN_DIR goes on.
    Every finished row is on disk before it counts: stop it with Ctrl-C (once: what is in flight ends well; twice: at
    once) or any other way, start it again, and only what is missing is done.
    """
    return asyncio.run(start(options, source, **given))


async def start(
    options: ClientOptions,
    source: str | None,
    *,
    run_dir: str,
    rows: RowOptions | None,
    shard: Shard,
    as_json: bool,
    concurrency: int | None,
    rounds: int,
    max_error_rate: float | None,
    max_duration: float | None,
    stop_at_quota: bool,
    accept_changes: bool,
    cache: str | None,
    cache_ttl: float | None,
    no_check: bool,
    retry: Callable[[RecordHead], bool] | None = None,
) -> int:
    """One start of a run, from opening the client to the summary. Returns the exit code."""
    events = events_to_stdout() if as_json else events_to_stderr()
    # without an input the run goes on as it was started, unless the command line says otherwise
    own = rows if rows is not None and (source is not None or rows.given) else None
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(options, shared=_shares(options)))
        await client.limits.open()
        kept = Cache(cache, endpoint=client.profile.name, ttl=cache_ttl) if cache else None
        run = BatchRun(
            client,
            source,
            run_dir=run_dir,
            models=own.models if own else (),
            recipe=own.recipe if own else None,
            limits=Limits(rounds, max_error_rate, stop_at_quota),
            shard=shard,
            concurrency=concurrency,
            identity={"profile": client.profile.name},
            accept_changes=accept_changes,
            retry=retry,
            cache=stack.enter_context(kept) if kept else None,
            on_event=events,
        )
        await stack.enter_async_context(run)
        if not await look_before(client, run, check=not no_check, max_duration=max_duration, events=events):
            return 2
        signals: list[signal.Signals] = []
        summary = await _go(client, run, as_json, signals)
        if as_json:
            events("summary", json_summary(client, run, summary))
        else:
            print_summary(client, run, summary)
    return 128 + signals[0] if signals and summary.stopped == "interrupted" else exit_code_of(summary)


def _shares(options: ClientOptions) -> bool:
    """Whether other processes on this host may be spending the same quota: wherever there is one."""
    if options.simulate:
        return False
    profile = settings_of(options).profile
    return bool(profile.account) or any(quota.rates for plans in profile.rows.values() for quota in plans.values())


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
            raise KeyboardInterrupt from None
        raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
