"""How long a batch would take, and what else could be done instead: forecasts side by side. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ghmodels_async import catalog
from ghmodels_async.errors import PlanError
from ghmodels_async.limits import LimitState
from ghmodels_async.profiles import Profile

from .forecast import Forecast
from .quotas import ANSWER_SECONDS, Margins, Quotas, allowances, fresh_quotas, used_quotas

__all__ = ["Choice", "choices", "plan_rows"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to run the batch.

    Attributes:
        name: For people, e.g. ``as asked`` or ``plan business``.
        models: Who serves.
        plan: On which plan.
        forecast: How long it takes.
        fresh: Whether quota already used was left out, because nobody knows it.
        limited: Whether any quota decides; if not, only the service's speed does, and the forecast is a guess.
        observed: Limits that count here although no document states them, e.g. ``UserByMinute 24 per 60 s``.
    """

    name: str
    models: tuple[str, ...]
    plan: str
    forecast: Forecast
    fresh: bool = True
    limited: bool = True
    observed: tuple[str, ...] = ()


# Longer than most because its arguments are what a forecast depends on, each named for the reader.
def plan_rows(
    profile: Profile,
    plan: str,
    rows: Mapping[str, int],
    *,
    spread: Sequence[str] = (),
    margin: float,
    day_margin: float,
    explain: Callable[[str], Sequence[LimitState]] | None = None,
    wall: float = 0.0,
    seconds_per_call: float = ANSWER_SECONDS,
    name: str = "as asked",
) -> Choice:
    """The forecast of one way to run the batch.

    Args:
        profile: Where it goes.
        plan: On which plan.
        rows: Rows per model, for rows bound to a model; one entry for all rows when `spread` names several models.
        spread: Models that share all rows; empty: each row goes to its own model.
        margin: Seconds the gate adds to windows below an hour.
        day_margin: Seconds it adds to longer ones.
        explain: The gate's states of one model's limits; None: the quota is taken as unused.
        wall: Now, in nominal Unix time: days that end at midnight count from it.
        seconds_per_call: How long one answer takes.
        name: What to call it.

    Raises:
        PlanError: A model is not part of the plan.
    """

    def quotas(models: Sequence[str]) -> Quotas:
        bound = allowances(profile, plan, models)
        fresh = fresh_quotas(bound, margin=margin, day_margin=day_margin, paced=True, wall=wall)
        return fresh if explain is None else used_quotas(fresh, explain, wall=wall)

    models = tuple(spread) or tuple(rows)
    known = quotas(models)
    groups: dict[tuple[str, ...], int] = {(model,): count for model, count in rows.items()}
    if spread:
        groups = {models: sum(rows.values())}
    found = known.forecast_bound(groups, seconds_per_call=seconds_per_call)
    seen = tuple(f"{w.name} {w.amount} per {w.window - margin:g} s" for w in known.account if w.observed)
    return Choice(name, models, plan, found, explain is None, known.limited, seen)


def choices(
    profile: Profile,
    plan: str,
    rows: Mapping[str, int],
    *,
    spread: Sequence[str],
    margin: float,
    day_margin: float,
    wall: float = 0.0,
) -> list[Choice]:
    """Alternatives with unused quotas: the same rows over every model of the same limit row, and on other plans."""
    about: Margins = {"margin": margin, "day_margin": day_margin}
    found = []
    alike = _alike(profile, plan, spread or tuple(rows))
    if len(alike) > max(len(spread), 1):
        total = {alike[0]: sum(rows.values())}
        name = f"spilled over {len(alike)} models of the same tier"
        found.append(plan_rows(profile, plan, total, spread=alike, name=name, wall=wall, **about))
    for other in profile.plans:
        if other != plan:
            try:
                about_it = plan_rows(profile, other, rows, spread=spread, name=f"plan {other}", wall=wall, **about)
                found.append(about_it)
            except PlanError:
                continue
    return found


def _alike(profile: Profile, plan: str, models: Sequence[str]) -> tuple[str, ...]:
    """Chat models still listed, in the limit row of the first model, that the plan includes."""
    if not profile.catalog or not models:
        return tuple(models)
    row = profile.row_of(models[0])
    cards = [card for card in catalog.cards(profile.catalog) if card.available and card.chats]
    names = [card.id for card in cards if profile.row_of(card.id) == row]
    usable = [name for name in names if profile.quota_of(name, plan) is not None]
    return tuple(dict.fromkeys((*models, *usable)))
