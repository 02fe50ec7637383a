"""`ghmodels batch plan`: how long it will take, when each quota opens again, and what else could be done."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from ghmodels_async.batch import Choice, Recipe, RowError, choices, margins_of, open_source, plan_rows
from ghmodels_async.clock import Clock
from ghmodels_async.errors import TokenNotFoundError

from .batch_check import settings_of
from .batch_flags import DURATION
from .batch_report import spell
from .batch_rows import RowOptions, row_options
from .options import ClientOptions, client_options, json_option
from .session import open_client

if TYPE_CHECKING:
    from ghmodels_async.limits import LimitState

__all__ = ["command", "count_models", "print_choices"]


@click.command(name="plan")
@click.argument("source", metavar="INPUT|COUNT")
@row_options
@click.option("--max-duration", type=DURATION, metavar="2h", help="Exit 2 if it takes longer than that.")
@json_option
@client_options
def command(options: ClientOptions, source: str, rows: RowOptions, max_duration: float | None, as_json: bool) -> int:
    """Say how long INPUT (or COUNT rows) will take, and what else could be done. Nothing is sent.

    The answer is arithmetic: limits of profile and plan, quota used so far (if there is a token to know the account
    by), and the number of rows. It names each daily reset in local time with the row that runs then.
    """
    return asyncio.run(_plan(options, source, rows, max_duration, as_json))


async def _plan(
    options: ClientOptions, source: str, rows: RowOptions, max_duration: float | None, as_json: bool
) -> int:
    settings = settings_of(options)
    counts = await asyncio.to_thread(count_models, source, rows.recipe, rows.models)
    explain, clock = await _used(options, tuple(counts))
    asked = plan_rows(
        settings.profile,
        settings.plan,
        counts,
        spread=rows.models if len(counts) == 1 and len(rows.models) > 1 else (),
        explain=explain,
        wall=clock.wall(),
        **margins_of(clock),
    )
    about = margins_of(clock)
    others = choices(settings.profile, settings.plan, counts, spread=rows.models, wall=clock.wall(), **about)
    if as_json:
        print(json.dumps([_plain(choice, clock.wall()) for choice in (asked, *others)], ensure_ascii=False, indent=2))
    else:
        print_choices(asked, others, clock.wall())
    if max_duration is not None and asked.forecast.duration > max_duration:
        print(f"Refused: {spell(asked.forecast.duration)} is longer than {spell(max_duration)}.")
        return 2
    return 0


def count_models(source: str, recipe: Recipe, models: Sequence[str]) -> dict[str, int]:
    """Rows per model; rows that name none count for the first model of the run."""
    if source.isdigit():
        if not models:
            raise click.UsageError("A number of rows needs a --model.")
        return {models[0]: int(source)}
    counts: Counter[str] = Counter()
    default = models[0] if models else ""
    named = b'"model"'
    for raw in open_source(source).rows():
        model = default
        if named in raw.data and not recipe.override_model:
            try:
                model = recipe.job(raw).model or default
            except RowError:
                pass  # `check` names it; the forecast counts it like any other
        counts[model] += 1
    if "" in counts:
        raise click.UsageError(f"{counts['']:,} rows name no model; give one with --model.")
    return dict(counts)


async def _used(
    options: ClientOptions, models: Sequence[str]
) -> tuple[Callable[[str], Sequence[LimitState]] | None, Clock]:
    """What the ledger knows about quota used so far; nothing without a token, and nothing for a simulation."""
    if options.simulate:
        return None, Clock(options.speed)
    try:
        async with open_client(options) as client:
            await client.limits.open()
            states = {model: client.limits.explain(model) for model in models}
            return states.__getitem__, client.clock
    except TokenNotFoundError:
        return None, Clock()


def print_choices(asked: Choice, others: Sequence[Choice], wall: float) -> None:
    """The forecast as a table, and the resets of what was asked for."""
    width = max(len(choice.name) for choice in (asked, *others))
    rows = asked.forecast.rows
    print(f"{rows:,} rows" + ("" if asked.fresh is False else ", quota taken as unused"))
    for choice in (asked, *others):
        end = _local(wall + choice.forecast.duration)
        served = choice.models[0] if len(choice.models) == 1 else f"{len(choice.models)} models"
        print(f"  {choice.name:<{width}}  {spell(choice.forecast.duration):>14}  until {end}  {served}, {choice.plan}")
    for seen in asked.observed:
        print(f"  counted in although only observed, never documented: {seen}")
    resets = asked.forecast.resets
    for reset in resets[:5]:
        print(f"  {_local(wall + reset.after)}  {reset.limit} opens: row {reset.row:,} runs ({reset.model})")
    if len(resets) > 5:
        print(f"  ... and so on, until {_local(wall + asked.forecast.duration)}")


def _plain(choice: Choice, wall: float) -> Mapping[str, Any]:
    found = choice.forecast
    return {
        "name": choice.name,
        "models": choice.models,
        "plan": choice.plan,
        "rows": found.rows,
        "seconds": round(found.duration, 3),
        "until": _iso(wall + found.duration),
        "rows_by_model": found.by_model,
        "resets": [{"at": _iso(wall + each.after), "row": each.row, "model": each.model} for each in found.resets],
        "observed": choice.observed,
        "quota_unused": choice.fresh,
    }


def _local(wall: float) -> str:
    try:
        return f"{datetime.fromtimestamp(wall).astimezone():%a %d %b %Y %H:%M}"
    except (OverflowError, ValueError, OSError):
        return "the far future"


def _iso(wall: float) -> str | None:
    try:
        return datetime.fromtimestamp(wall).astimezone().isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return None
