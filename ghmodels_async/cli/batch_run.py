"""`ghmodels batch run`: every row, durably, with a live view; started again it does only what is missing."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import click

from ghmodels_async.batch import BatchRun, Limits, Shard, Summary

from .batch_report import exit_code_of, json_summary, print_summary
from .batch_rows import RowOptions, row_options
from .batch_view import events_to_stdout, live_view
from .options import ClientOptions, client_options
from .session import open_client

if TYPE_CHECKING:
    from ghmodels_async.client import GitHubModels

__all__ = ["command"]


class _ShardType(click.ParamType[Shard]):
    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        try:
            return value if isinstance(value, Shard) else Shard.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(name="run")
@click.argument("source", metavar="[INPUT]", required=False)
@click.option(
    "-o", "--output", "run_dir", metavar="RUN_DIR", required=True, help="Directory of this run; made if missing."
)
@row_options
@click.option(
    "--concurrency", type=click.IntRange(1), metavar="N", help="Rows in flight per model. [what its quota allows]"
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Times a failing row is tried.")
@click.option(
    "--max-error-rate", type=click.FloatRange(0, 1), metavar="R", help="Stop when more than this share fails."
)
@click.option(
    "--stop-at-quota", is_flag=True, help="Exit 4 when the quota is used up, instead of waiting for the reset."
)
@click.option("--shard", type=_ShardType(), metavar="i/n", default="1/1", help="Do the i-th of n parts of the rows.")
@click.option("--accept-changes", is_flag=True, help="Go on although settings or rows changed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON event a line on standard output.")
@client_options
def command(options: ClientOptions, source: str | None, **given: Any) -> int:
    """Run every row of INPUT; results are in RUN_DIR/output.jsonl and errors.jsonl.

    INPUT is a .jsonl, .csv, .tsv or .parquet file, or - for standard input; without it the run in RUN_DIR goes on.
    Every finished row is on disk before it counts: stop it with Ctrl-C (once: what is in flight ends well; twice: at
    once) or any other way, start it again, and only what is missing is done.
    """
    return asyncio.run(_run(options, source, **given))


async def _run(
    options: ClientOptions,
    source: str | None,
    *,
    run_dir: str,
    rows: RowOptions,
    shard: Shard,
    as_json: bool,
    concurrency: int | None,
    rounds: int,
    max_error_rate: float | None,
    stop_at_quota: bool,
    accept_changes: bool,
) -> int:
    events = events_to_stdout() if as_json else (lambda name, facts: None)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(options))
        await client.limits.open()
        run = await stack.enter_async_context(
            BatchRun(
                client,
                source,
                run_dir=run_dir,
                models=rows.models,
                recipe=rows.recipe,
                limits=Limits(rounds, max_error_rate, stop_at_quota),
                shard=shard,
                concurrency=concurrency,
                identity={"profile": client.profile.name},
                accept_changes=accept_changes,
                on_event=events,
            )
        )
        summary = await _go(client, run, as_json)
        if as_json:
            events("summary", json_summary(client, run, summary))
        else:
            print_summary(client, run, summary)
    return exit_code_of(summary)


async def _go(client: GitHubModels, run: BatchRun, as_json: bool) -> Summary:
    """Run under the live view, with the two signals that mean "end well" and then "end now"."""
    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(run.go())
    asked = 0

    def interrupt(number: signal.Signals) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            work.cancel()
            return
        run.runner.drain()
        if not as_json:
            print(
                f"Ending well: {run.progress.in_flight} rows in flight finish, no other starts. Again to stop now.",
                file=sys.stderr,
            )

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)
    try:
        if as_json:
            return await work
        async with live_view(client, run):
            return await work
    except asyncio.CancelledError:
        if asked > 1:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
