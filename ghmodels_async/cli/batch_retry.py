"""`ghmodels batch retry-failed`: run failed rows of a run again."""

from __future__ import annotations

import re

import click

from ghmodels_async.batch import FAULTS, RecordHead, RunDirectory, matches

from . import loops
from .batch_flags import RunFlags, run_options
from .batch_run import start
from .options import ClientOptions, client_options

__all__ = ["command"]


@click.command(name="retry-failed")
@click.argument("run_dir", metavar="RUN_DIR")
@click.option("--only", metavar="WHAT[,WHAT...]", help="429, 5xx, any status; timeout, connection, server, ... [all]")
@run_options
@client_options
def command(options: ClientOptions, run_dir: str, only: str | None, flags: RunFlags) -> int:
    """Run the failed rows of RUN_DIR again, and what was not done yet, with the settings the run was started with.

    A row that fails again stays failed with its newer failure; a row that succeeds moves to the output.
    """
    words = [word.strip() for word in (only or "").split(",") if word.strip()]
    for word in words:
        if word not in FAULTS and not re.fullmatch(r"[1-9](xx|\d\d)", word):
            known = ", ".join(FAULTS)
            raise click.BadParameter(f"{word!r} is no status (429, 5xx) and none of {known}.", param_hint="--only")

    RunDirectory(run_dir).facts()  # no such run: said before a token is asked for

    def wanted(head: RecordHead) -> bool:
        return not words or any(matches(word, head.status, head.fault) for word in words)

    return loops.run(start(options, None, run_dir, flags, rows=None, retry=wanted))
