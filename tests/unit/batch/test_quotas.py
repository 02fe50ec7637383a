"""What the forecast needs to know about limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ghmodels_async import profiles
from ghmodels_async.batch import (
    ModelQuota,
    Quotas,
    Window,
    allowances,
    choices,
    fresh_quotas,
    plan_rows,
    used_quotas,
)
from ghmodels_async.errors import PlanError
from ghmodels_async.limits import LimitState
from ghmodels_async.profiles import Profile, load

GITHUB = profiles.load("github")
LOW, HIGH = "openai/gpt-4.1-mini", "openai/gpt-4.1"
NOW = 1_700_000_000.0


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOW + seconds, UTC)


def state(limit: str, amount: int, window: float, used: int, **more: object) -> LimitState:
    given: dict[str, object] = {"next_free_at": None, "blocked_until": None, "resets_at": None, **more}
    scope = "account" if limit == "UserByMinute" else "model"
    return LimitState(
        limit, scope, None, "requests", amount, window, used, amount - used, source="", last_429=None, **given
    )  # type: ignore[arg-type]


def test_fresh_quotas_are_the_table_with_margins_and_pace() -> None:
    quotas = fresh_quotas(allowances(GITHUB, "free", [LOW, HIGH]), margin=0.3, day_margin=2.0, paced=True)
    low, high = quotas.models
    assert [(w.name, w.amount, w.window) for w in low.windows] == [
        ("UserByModelByMinute", 15, 60.3),
        ("UserByModelByDay", 150, 86_402.0),
    ]
    assert (low.pace, high.pace) == (60.3 / 15, 60.3 / 10)
    assert (low.concurrent, high.concurrent) == (5, 2)
    assert [(w.name, w.amount, w.observed) for w in quotas.account] == [("UserByMinute", 24, True)]
    assert quotas.limited


def test_quota_used_already_is_missing_from_the_forecast() -> None:
    fresh = fresh_quotas(allowances(GITHUB, "free", [LOW]))
    states = {
        "UserByModelByDay": state("UserByModelByDay", 150, 86_400, 150, next_free_at=at(1000), resets_at=at(80_000)),
        "UserByModelByMinute": state("UserByModelByMinute", 15, 60, 0),
        "UserByMinute": state("UserByMinute", 24, 60, 0),
    }
    used = used_quotas(fresh, lambda model: list(states.values()), wall=NOW)
    assert used.forecast(1).duration == pytest.approx(1000)
    assert used.forecast(150).duration == pytest.approx(80_000)


def test_a_window_that_is_half_used_frees_evenly() -> None:
    fresh = fresh_quotas(allowances(GITHUB, "free", [LOW]))
    half = [state("UserByModelByMinute", 15, 60, 10, resets_at=at(50))]
    used = used_quotas(fresh, lambda model: half, wall=NOW)
    assert used.forecast(5).duration == 0.0
    assert 0 < used.forecast(6).duration <= 10
    assert used.forecast(15).duration == pytest.approx(50)


def test_a_block_of_the_server_counts() -> None:
    fresh = fresh_quotas(allowances(GITHUB, "free", [LOW]))
    blocked = [state("UserByModelByMinute", 15, 60, 0, blocked_until=at(33))]
    assert used_quotas(fresh, lambda model: blocked, wall=NOW).forecast(1).duration == pytest.approx(33)


def test_a_model_outside_the_plan_has_no_forecast() -> None:
    with pytest.raises(PlanError):
        allowances(GITHUB, "free", ["openai/gpt-5"])


def test_rows_bound_to_their_models_take_as_long_as_the_slowest() -> None:
    together = plan_rows(GITHUB, "free", {LOW: 150, HIGH: 51}, margin=0.0, day_margin=0.0)
    alone = plan_rows(GITHUB, "free", {HIGH: 51}, margin=0.0, day_margin=0.0)
    assert together.forecast.duration == alone.forecast.duration
    assert together.forecast.by_model == {LOW: 150, HIGH: 51}


def test_the_account_decides_where_models_alone_would_not() -> None:
    rows = dict.fromkeys((LOW, "openai/gpt-4o-mini", "openai/gpt-4.1-nano", "microsoft/phi-4"), 15)
    found = plan_rows(GITHUB, "free", rows, margin=0.0, day_margin=0.0, seconds_per_call=0.0)
    assert found.forecast.duration >= 120.0, "60 requests at 24 a minute"


def test_alternatives_are_models_of_the_same_row_and_other_plans() -> None:
    found = choices(GITHUB, "free", {LOW: 1000}, spread=(), margin=0.3, day_margin=2.0)
    names = [choice.name for choice in found]
    assert names[0].startswith("spilled over")
    assert names[1:] == ["plan pro", "plan business", "plan enterprise"]
    assert all(GITHUB.row_of(model) == "low" for model in found[0].models)
    assert found[0].models[0] == LOW


def test_alternatives_leave_out_plans_without_the_model() -> None:
    found = choices(GITHUB, "pro", {"openai/gpt-5": 10}, spread=(), margin=0.3, day_margin=2.0)
    assert [choice.plan for choice in found if choice.name.startswith("plan")] == ["business", "enterprise"]


@pytest.mark.parametrize(
    ("profile", "model", "now", "midnight"),
    [
        ("openrouter", "meta-llama/llama-3.3-70b-instruct:free", "2026-11-22T21:00:00+00:00", 3.0),
        ("google", "gemini-2.5-flash", "2026-11-22T21:00:00+00:00", 11.0),
        ("google", "gemini-2.5-flash", "2026-07-01T21:00:00+00:00", 10.0),
    ],
)
def test_a_day_that_ends_at_midnight_opens_at_midnight(profile: str, model: str, now: str, midnight: float) -> None:
    wall = datetime.fromisoformat(now).timestamp()
    known = load(profile)
    day = next(w.amount for w in _windows(known, model) if w.window == 86_400)
    found = plan_rows(known, "free", {model: 2 * day + 1}, margin=0.0, day_margin=2.0, wall=wall).forecast
    assert [reset.row for reset in found.resets] == [day + 1, 2 * day + 1]
    assert [reset.after for reset in found.resets] == [midnight * 3600 + 2, (midnight + 24) * 3600 + 2]


def test_what_is_used_of_a_calendar_day_comes_back_at_its_end() -> None:
    model = "meta-llama/llama-3.3-70b-instruct:free"
    known = load("openrouter")
    wall = datetime(2026, 11, 22, 23, 0, tzinfo=UTC).timestamp()
    fresh = fresh_quotas(allowances(known, "free", [model]), wall=wall)
    (limit,) = [w for w in (*fresh.account, *fresh.models[0].windows) if w.window == 86_400]
    used = replace(limit, held=(3600.0,) * (limit.amount - 1))
    quotas = Quotas((ModelQuota(model),), (used,))
    assert quotas.forecast(1).duration == 0
    assert quotas.forecast(2).duration == 3600
    assert quotas.forecast(1 + limit.amount).duration == 3600
    assert quotas.forecast(2 + limit.amount).duration == 3600 + 86_400


def _windows(profile: Profile, model: str) -> list[Window]:
    fresh = fresh_quotas(allowances(profile, "free", [model]))
    return [*fresh.models[0].windows, *fresh.account]
