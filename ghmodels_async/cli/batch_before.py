"""What `batch run` does before its first call: the input is read through, the forecast is told, a long one refused."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ghmodels_async.batch import BatchRun, Checked, Choice, Recipe, check_rows, choices, margins_of, plan_rows
from ghmodels_async.errors import GHModelsError

from .batch_check import print_problems
from .batch_plan import print_choices
from .batch_report import spell

if TYPE_CHECKING:
    from ghmodels_async.client import GitHubModels

__all__ = ["look_before"]


async def look_before(
    client: GitHubModels,
    run: BatchRun,
    *,
    check: bool,
    max_duration: float | None,
    events: Callable[[str, dict[str, Any]], None],
    table: bool = False,
    cache: bool = False,
) -> bool:
    """Whether the run may start. What speaks against it goes to standard error.

    Args:
        client: Whose quota it is.
        run: The run, entered.
        check: Whether to read the input through for problems.
        max_duration: Longest the forecast may be, in nominal seconds.
        events: Told of each ``note`` on the input, and of the ``forecast``.
        table: Whether to show the whole plan on standard error when the run has to wait for a reset.
        cache: Whether answers are to be kept.
    """
    left = run.progress.remaining or 0
    if check and not run.progress.total and run.shard.parts == 1:
        print("Refused: the input has no rows.", file=sys.stderr)
        return False
    if not left:
        return True
    models = {run.models[0]: left} if run.models else {}
    if check:
        recipe = run.recipe or Recipe()
        found = await asyncio.to_thread(check_rows, run.source.rows(), recipe, run.models, client.profile, client.plan)
        if found.wrong:
            print_problems(found)
            print(
                f"Refused: {found.wrong:,} problems, nothing was sent. --no-check runs the rest and records these rows "
                "as failed.",
                file=sys.stderr,
            )
            return False
        for note in _notes(found, cache):
            events("note", {"note": note})
        # what is done already is taken from every model alike
        models = {name: max(1, round(count * left / found.rows)) for name, count in found.models.items()}
    # the other shards spend the same quota at the same time
    models = {name: count * run.shard.parts for name, count in models.items()}
    choice = _forecast(client, run, models)
    if choice is None or not choice.limited:
        return True
    events("forecast", {"rows": left, "seconds": round(choice.forecast.duration, 1), "models": list(choice.models)})
    if table and choice.forecast.resets:
        _show(client, run, choice, models)
    if max_duration is not None and choice.forecast.duration > max_duration:
        print(
            f"Refused: {left:,} rows take {spell(choice.forecast.duration)}, longer than {spell(max_duration)}. "
            "`ghmodels batch plan` shows what else could be done.",
            file=sys.stderr,
        )
        return False
    return True


def _notes(found: Checked, cache: bool) -> list[str]:
    """What nobody would know before the last row was paid for."""
    if not cache or found.cacheable:
        return found.notes
    why = "sampled answers are neither kept nor found, give --temperature 0"
    return [*found.notes, f"no row qualifies for the cache: {why}"]


def _show(client: GitHubModels, run: BatchRun, asked: Choice, models: dict[str, int]) -> None:
    """The plan of a run that has to wait for a reset: when each comes, and what else could be done."""
    wall, about = client.clock.wall(), margins_of(client.clock)
    spread = run.models if len(models) == 1 else ()
    others = choices(client.profile, client.plan, models, spread=spread, wall=wall, **about)
    with contextlib.redirect_stdout(sys.stderr):
        print_choices(asked, others, wall)


def _forecast(client: GitHubModels, run: BatchRun, models: dict[str, int]) -> Choice | None:
    """The forecast of what is left; None where nothing is known about a model."""
    if not models:
        return None
    try:
        return plan_rows(
            client.profile,
            client.plan,
            models,
            spread=run.models if len(models) == 1 and len(run.models) > 1 else (),
            explain=client.limits.explain,
            wall=client.clock.wall(),
            **margins_of(client.clock),
        )
    except GHModelsError:
        return None
