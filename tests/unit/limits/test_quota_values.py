"""Which limits bind a model: table, user, lessons; and what a 429 is taken to mean."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from gates import facts_of

from ghmodels_async.errors import ConfigurationError, PlanError, RateLimitFacts
from ghmodels_async.limits import DEFAULTS, GateOptions
from ghmodels_async.limits.diagnosis import Cause, cause_of, log_of, pause
from ghmodels_async.limits.ledger import Learned
from ghmodels_async.limits.quota import Limit, allowance
from ghmodels_async.limits.window import RateLog
from ghmodels_async.profiles import load

GITHUB = load("github")
GPT = "openai/gpt-4o"
MINI = "openai/gpt-4o-mini"


def numbers(limits: tuple[Limit, ...]) -> dict[str, int]:
    return {limit.key: limit.amount for limit in limits}


def test_the_table_gives_a_models_limits_and_the_accounts() -> None:
    allowed = allowance(GITHUB, GPT, "free")
    assert numbers(allowed.limits) == {
        f"{GPT}|UserByModelByMinute": 10,
        f"{GPT}|UserByModelByDay": 50,
        "*|UserByMinute": 24,
    }
    assert (allowed.concurrent, allowed.tokens_in, allowed.tokens_out) == (2, 8000, 4000)
    by_type = {limit.type: limit for limit in allowed.limits}
    assert by_type["UserByMinute"].source == "observed, not documented"
    assert "github/docs" in by_type["UserByModelByDay"].source and "2026" in by_type["UserByModelByDay"].source


def test_plans() -> None:
    assert allowance(GITHUB, MINI, "enterprise").concurrent == 8
    with pytest.raises(PlanError) as refused:
        allowance(GITHUB, "openai/o3", "free")
    assert refused.value.plans == ("pro", "business", "enterprise")
    assert pickle.loads(pickle.dumps(refused.value)).plan == "free"
    with pytest.raises(ConfigurationError, match="pro\\+"):
        allowance(GITHUB, MINI, "pro+")


def test_a_user_may_ask_for_less_more_or_no_limit() -> None:
    overrides = {
        "openai/*": {"requests_per_minute": 5, "tokens_per_minute": 1000, "concurrent": 1},
        "gpt-4o": {"requests_per_day": None, "tokens_in": None},
        "account": {"requests_per_minute": 30, "concurrent": 9},
        "meta/*": {"requests_per_minute": 1},
    }
    allowed = allowance(GITHUB, GPT, "free", overrides=overrides)
    assert numbers(allowed.limits) == {
        f"{GPT}|UserByModelByMinute": 5,
        f"{GPT}|UserByModelByMinuteTokens": 1000,
        "*|UserByMinute": 30,
    }
    assert (allowed.concurrent, allowed.account_concurrent, allowed.tokens_in) == (1, 9, None)
    assert allowed.source_of("concurrent") == "user"
    assert allowed.source_of("tokens_out").startswith("table")


@pytest.mark.parametrize(
    "metrics", [{"requests_per_fortnight": 5}, {"requests_per_minute": 0}, {"requests_per_minute": True}]
)
def test_a_misspelt_or_impossible_override_is_an_error(metrics: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        allowance(GITHUB, GPT, "free", overrides={"*": metrics})


@pytest.mark.parametrize(
    "limits",
    [
        {"requests_per_minute": 8},
        {"*": 8},
        {"no such model": {"rpm": 8}},
        {"account": {"requests_per_minute": "8"}},
    ],
)
def test_limits_that_bind_nothing_are_refused_before_any_model_is_used(limits: Any) -> None:
    with pytest.raises(ConfigurationError):
        GateOptions(limits=limits)


def lesson(limit: str, amount: int, window: float = 60.0, model: str = "safe") -> dict[str, Learned]:
    return {limit: Learned(limit, amount, window, 1_790_000_000.0, model)}


def test_lessons_correct_the_table_either_way_but_a_user_only_downwards() -> None:
    key = f"{GPT}|UserByModelByMinute"
    assert numbers(allowance(GITHUB, GPT, "free", learned=lesson(key, 12)).limits)[key] == 12
    mine = {"*": {"requests_per_minute": 5}}
    assert numbers(allowance(GITHUB, GPT, "free", overrides=mine, learned=lesson(key, 12)).limits)[key] == 5
    assert numbers(allowance(GITHUB, GPT, "free", overrides=mine, learned=lesson(key, 3)).limits)[key] == 3
    paced = allowance(GITHUB, GPT, "free", learned=lesson(key, 10, model="paced")).limits[0]
    assert paced.paced and paced.source.startswith("table")


def test_limits_that_only_lessons_name_bind_too() -> None:
    tokens = lesson(f"{GPT}|UserByModelByMinuteUncachedInputTokens", 50_000)
    limit = allowance(GITHUB, GPT, "free", learned=tokens).limits[-1]
    assert (limit.unit, limit.model, limit.amount) == ("input_tokens", GPT, 50_000)
    assert numbers(allowance(GITHUB, MINI, "free", learned=tokens).limits).keys().isdisjoint(tokens)
    everyone = lesson("*|OrgByHour", 100, 3600.0)
    assert allowance(GITHUB, MINI, "free", learned=everyone).limits[-1].model is None


def test_sizes_are_learned_but_never_above_what_the_user_chose() -> None:
    learned = {**lesson(f"{GPT}|concurrent", 1, 0.0), **lesson(f"{GPT}|tokens_in", 4000, 0.0)}
    allowed = allowance(GITHUB, GPT, "free", learned=learned)
    assert (allowed.concurrent, allowed.tokens_in) == (1, 4000)
    assert allowed.source_of("tokens_in").startswith("learned 2026")
    assert allowance(GITHUB, GPT, "free", learned=lesson("*|concurrent", 6, 0.0)).account_concurrent == 6
    mine = {"*": {"tokens_in": 2000}}
    assert allowance(GITHUB, GPT, "free", overrides=mine, learned=learned).tokens_in == 2000


def logs() -> list[RateLog]:
    limits = [
        Limit("UserByModelByMinute", 10, 60.0, GPT),
        Limit("UserByModelByDay", 50, 86_400.0, GPT),
        Limit("UserByMinute", 24, 60.0),
    ]
    return [RateLog(limit, slack=0.0) for limit in limits]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (facts_of("UserByModelByDay", 50, 86_400, 5), 1),
        (facts_of("UserByMinute", 24, 60, 5), 2),
        (facts_of("OrgByMinute", 99, 60, 5), None),
        (facts_of("UserByModelByMinuteTokens", 99, 60, 5, unit="tokens"), None),
        (RateLimitFacts("RPM", 10, 60.0, 5.0), 0),
        (RateLimitFacts("RPD", 14_400, 86_400.0, 5.0), 1),
        (RateLimitFacts(wait=3000.0), 1),
        (RateLimitFacts(wait=30.0, window=86_400.0), 1),
        (RateLimitFacts(amount=24, wait=3.0), 2),
        (RateLimitFacts(wait=99_999_999.0), 2),
    ],
)
def test_a_refusal_is_matched_to_the_limit_it_means(facts: RateLimitFacts, found: int | None) -> None:
    known = logs()
    assert log_of(known, facts) is (None if found is None else known[found])


def test_a_refusal_without_any_name_is_put_down_to_the_fullest_limit() -> None:
    known = logs()
    known[2].fill(20, 0.0)
    assert log_of(known, RateLimitFacts()) is known[2]
    assert log_of([], RateLimitFacts()) is None


@pytest.mark.parametrize(
    ("wait", "window", "seconds"),
    [(46, 60, 47), (0, 60, 1), (40_403, 60, 61), (None, 60, 60), (None, 86_400, 3600), (None, 1, 1)],
)
def test_a_pause_is_what_was_said_plus_rounding_within_reason(
    wait: float | None, window: float, seconds: float
) -> None:
    assert pause(RateLimitFacts(wait=wait), window) == seconds


def test_the_cause_of_a_refusal() -> None:
    log = RateLog(Limit("M", 10, 60.0), slack=0.0)
    assert cause_of(log, 9, 100.0, guessed=True) is Cause.SPENT
    assert cause_of(log, 10, 100.0, guessed=True) is Cause.FOREIGN
    log.fill(10, 37.0)
    assert cause_of(log, 10, 100.0, guessed=True) is Cause.LATE
    assert cause_of(log, 10, 100.0, guessed=False) is Cause.FOREIGN
    log.refuse(37.0)
    assert cause_of(log, 10, 100.0, guessed=True) is Cause.FOREIGN


def test_every_default_has_a_unit_and_a_reason() -> None:
    for name, default in DEFAULTS.items():
        assert default.unit and len(default.why) > 20, name


def test_the_margin_is_fifty_real_milliseconds_at_any_speed() -> None:
    options = GateOptions()
    assert (options.margin_at(1), options.margin_at(60)) == (0.3, 3.0)
    assert GateOptions(margin=0.1).margin_at(60) == 0.1
