"""`ghmodels batch check`: everything that is wrong with an input, before anything is spent."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import click

from ghmodels_async.batch import Checked, check_rows, open_source

from .batch_rows import RowOptions, row_options
from .options import ClientOptions, client_options, json_option
from .wording import reworded

if TYPE_CHECKING:
    from ghmodels_async.config import Settings

__all__ = ["command", "print_problems", "settings_of"]


@click.command(name="check")
@click.argument("source", metavar="INPUT")
@row_options
@json_option
@client_options
def command(options: ClientOptions, source: str, rows: RowOptions, as_json: bool) -> int:
    """Read INPUT to its end and say what is wrong with it: nothing is sent, no token is needed.

    JSON and schema errors with their lines, ids that occur twice, rows that are certainly too large, unknown models and
    models that are not part of the plan. Exit code 0: nothing; 2: something.
    """
    settings = settings_of(options)
    found = check_rows(open_source(source).rows(), rows.recipe, rows.models, settings.profile, settings.plan)
    if as_json:
        print(json.dumps(_plain(found), ensure_ascii=False, indent=2))
    else:
        _print(found)
    return 2 if found.wrong else 0


def settings_of(options: ClientOptions) -> Settings:
    """Profile and plan, without a token; the address matters only where rows are sent."""
    from ghmodels_async.config import resolve

    return resolve(
        profile=options.profile,
        # any address will do where nothing is sent; some profiles have none of their own
        base_url="http://127.0.0.1" if options.simulate else options.base_url,
        plan=options.plan,
        organization=options.organization,
        env_file=options.env_file,
    )


def print_problems(found: Checked) -> None:
    """The first problems, on standard error."""
    for problem in found.problems:
        where = f"line {problem.line}: " if problem.line else ""
        print(f"{where}{reworded(problem.why)}", file=sys.stderr)
    if found.wrong > len(found.problems):
        print(f"... and {found.wrong - len(found.problems):,} more", file=sys.stderr)


def _plain(found: Checked) -> dict[str, Any]:
    shown = {field.name: getattr(found, field.name) for field in fields(found)}
    return {**shown, "problems": [asdict(problem) for problem in found.problems]}


def _print(found: Checked) -> None:
    print_problems(found)
    kinds = f", {found.embeddings:,} of them embeddings" if found.embeddings else ""
    print(f"{found.rows:,} rows{kinds}, {found.size:,} bytes")
    for model, count in found.models.most_common():
        print(f"  {model}: {count:,} rows")
    for note in found.notes:
        print(f"note: {note}")
    print(f"{found.wrong:,} problem{'' if found.wrong == 1 else 's'}")
