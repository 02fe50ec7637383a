"""`ghmodels batch merge`: the output and the errors file from what is finished, in the order of the input."""

from __future__ import annotations

from pathlib import Path

import click

from ghmodels_async.batch import RunDirectory, merge

__all__ = ["command"]


@click.command(name="merge")
@click.argument("run_dir", metavar="RUN_DIR")
@click.option(
    "--to", "output", type=click.Path(path_type=Path), metavar="FILE", help="Successes. [RUN_DIR/output.jsonl]"
)
@click.option("--errors", type=click.Path(path_type=Path), metavar="FILE", help="Failures. [RUN_DIR/errors.jsonl]")
def command(run_dir: str, output: Path | None, errors: Path | None) -> None:
    """Write the output and the errors file of RUN_DIR from what is finished now, each row once, in input order.

    A complete run does this by itself; shards and interrupted runs are merged with this.
    """
    run = RunDirectory(run_dir)
    run.facts()
    merged = merge(run, output=output, errors=errors)
    print(f"{merged.succeeded:,} succeeded: {output or run.output}")
    print(f"{merged.failed:,} failed:    {errors or run.errors}")
