"""What the forecast needs to know about limits: from a profile's table, or from what the gate says now. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypedDict

from ghmodels_async.clock import Clock
from ghmodels_async.limits import GateOptions, LimitState
from ghmodels_async.limits.days import day_around
from ghmodels_async.limits.quota import Allowance, Limit, allowance
from ghmodels_async.profiles import Profile

from .forecast import Forecast, ModelQuota, Window, forecast

__all__ = [
    "ANSWER_SECONDS",
    "Margins",
    "Quotas",
    "allowances",
    "fresh_quotas",
    "idle_of",
    "margins_of",
    "used_quotas",
    "width_of",
]

#: How long an answer takes until some were measured: a short chat answer of a small model.
ANSWER_SECONDS = 4.0
_HOUR = 3600.0


class Margins(TypedDict):
    """Seconds added to windows below an hour, and to longer ones."""

    margin: float
    day_margin: float


@dataclass(frozen=True, slots=True)
class Quotas:
    """The models of a run, their limits, and the limits they share."""

    models: tuple[ModelQuota, ...]
    account: tuple[Window, ...] = ()

    def forecast(self, rows: int, *, seconds_per_call: float = 0.0) -> Forecast:
        return forecast(self.models, rows, account=self.account, seconds_per_call=seconds_per_call)

    def forecast_bound(self, rows: Mapping[tuple[str, ...], int], *, seconds_per_call: float = 0.0) -> Forecast:
        """For rows of which each group goes to its own models: the slowest group decides, or all of them together.

        Args:
            rows: Models that may serve a group, and how many rows it has.
            seconds_per_call: How long one answer takes; 0 when unknown.
        """
        by_name = {model.model: model for model in self.models}
        every = tuple(dict.fromkeys(name for names in rows for name in names))
        found = []
        for names, count in (*rows.items(), (every, sum(rows.values()))):
            quotas = replace(self, models=tuple(by_name[name] for name in names))
            found.append(quotas.forecast(count, seconds_per_call=seconds_per_call))
            if len(rows) == 1:
                return found[0]
        slowest = max(found, key=lambda forecast: forecast.duration)
        resets = sorted((reset for one in found[:-1] for reset in one.resets), key=lambda reset: reset.after)
        by_model: Counter[str] = Counter()
        for one in found[:-1]:
            by_model.update(one.by_model)
        return Forecast(slowest.duration, dict(by_model), tuple(resets), found[-1].rows)

    @property
    def limited(self) -> bool:
        """Whether anything but the speed of the service decides."""
        return bool(self.account) or any(model.windows for model in self.models)


def margins_of(clock: Clock) -> Margins:
    """Nominal seconds the gate adds to windows when its clock runs like this one."""
    options = GateOptions()
    return {"margin": options.margin_at(clock.scale), "day_margin": options.day_margin}


def allowances(
    profile: Profile, plan: str, models: Iterable[str], options: GateOptions | None = None
) -> list[Allowance]:
    """What binds each model.

    Raises:
        PlanError: A model is not part of the plan.
        ConfigurationError: There is no such plan.
    """
    overrides = options.limits if options else {}
    return [allowance(profile, model, plan, overrides=overrides) for model in models]


def fresh_quotas(
    bound: Sequence[Allowance],
    *,
    margin: float = 0.0,
    day_margin: float = 0.0,
    paced: bool = False,
    wall: float = 0.0,
) -> Quotas:
    """Quotas nobody has used yet.

    Args:
        bound: What binds each model.
        margin: Seconds the gate adds to windows below an hour; 0 gives what the quota alone would allow.
        day_margin: Seconds it adds to longer ones.
        paced: Whether requests leave evenly spread, as those of batches do.
        wall: Now, in nominal Unix time: it decides how much is left of a day that ends at midnight.
    """

    def window(limit: Limit) -> Window:
        slack = day_margin if limit.window >= _HOUR else margin
        observed = limit.source.startswith("observed")
        if limit.anchor == "rolling":
            return Window(limit.amount, limit.window + slack, name=limit.type, observed=observed)
        left = day_around(wall, limit.anchor)[1] - wall + slack
        return Window(limit.amount, limit.window, name=limit.type, observed=observed, resets_in=left)

    models = []
    account: dict[str, Window] = {}
    for each in bound:
        limits = [limit for limit in each.limits if limit.unit == "requests"]
        own = tuple(window(limit) for limit in limits if limit.model is not None)
        account |= {limit.type: window(limit) for limit in limits if limit.model is None}
        shortest = min(own, key=lambda w: w.window, default=None)
        pace = shortest.window / shortest.amount if paced and shortest else 0.0
        models.append(ModelQuota(each.model, own, pace, 0.0, each.concurrent))
    return Quotas(tuple(models), tuple(account.values()))


def used_quotas(fresh: Quotas, explain: Callable[[str], Sequence[LimitState]], *, wall: float) -> Quotas:
    """The same quotas with what is used and blocked now.

    The gate tells how many places of a window are used, when the next one frees and when the last, not when each does:
    those between are taken as evenly spread, which is how batches use them.

    Args:
        fresh: The quotas unused.
        explain: Limit states of one model, account-wide ones among them.
        wall: Now, in nominal Unix time.
    """
    account = {window.name: window for window in fresh.account}
    models = []
    for model in fresh.models:
        states = {state.limit: state for state in explain(model.model)}
        windows = tuple(_used(window, states.get(window.name), wall) for window in model.windows)
        account |= {name: _used(window, states.get(name), wall) for name, window in account.items()}
        blocked = max((_after(state.blocked_until, wall) for state in states.values()), default=0.0)
        models.append(replace(model, windows=windows, blocked=blocked))
    return Quotas(tuple(models), tuple(account.values()))


def _used(window: Window, state: LimitState | None, wall: float) -> Window:
    if state is None or not state.used:
        return window
    used = min(state.used, window.amount)
    if window.resets_in is not None:
        return replace(window, held=(window.resets_in,) * used)
    last = window.window if state.resets_at is None else max(_after(state.resets_at, wall), 0.0)
    # a window that is full says when it frees; one that is not says nothing about its oldest place
    first = min(_after(state.next_free_at, wall), last) if used == window.amount else last / used
    step = (last - first) / max(used - 1, 1)
    return replace(window, held=tuple(first + step * place for place in range(used)))


def _after(at: datetime | None, wall: float) -> float:
    return 0.0 if at is None else max(0.0, at.timestamp() - wall)


def width_of(client: Any, model: str) -> int | None:
    """One row waits at the gate while the others are under way; None where nothing known limits them."""
    profile = getattr(client, "profile", None)
    if profile is None:
        return None
    try:
        states = client.limits.explain(model)  # the client's own limits count, if the account is known already
    except RuntimeError:
        concurrent = allowances(profile, client.plan, [model])[0].concurrent
    else:
        own = (state.amount for state in states if state.unit == "in flight" and state.scope == "model")
        concurrent = next(own, None)
    return None if concurrent is None else concurrent + 1


def idle_of(client: Any, model: str) -> bool:
    """Whether a model's quota goes unused for want of rows in flight, where somebody knows."""
    limits = getattr(client, "limits", None)
    return limits is not None and bool(limits.idle(model))
