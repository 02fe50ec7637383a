"""Every limit of the table, in the service's own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ghmodels_async import profiles
from ghmodels_async.profiles import Profile
from ghmodels_async.profiles.profile import Quota, Rate

Open = Callable[..., Any]
LOW, HIGH = "openai/gpt-4.1-mini", "openai/gpt-4.1"


def refusals(desk: Any, model: str, times: int, step: float = 0.0) -> list[str | None]:
    limits = []
    for _ in range(times):
        desk.ask(model=model)
        limits.append(desk.last.limit)
        desk.now += step
    return limits


@pytest.mark.parametrize(
    ("plan", "model", "allowed"),
    [("free", LOW, 15), ("free", HIGH, 10), ("enterprise", LOW, 20), ("enterprise", HIGH, 15), ("pro", "openai/o3", 1)],
)
def test_the_minute_limit_of_the_plan_is_named_after_its_last_request(
    desk: Open, plan: str, model: str, allowed: int
) -> None:
    assert refusals(desk(plan=plan), model, allowed + 1) == [None] * allowed + ["UserByModelByMinute"]


@pytest.mark.parametrize(("plan", "model", "allowed"), [("free", HIGH, 50), ("business", LOW, 300)])
def test_the_day_limit_is_named_after_its_last_request(desk: Open, plan: str, model: str, allowed: int) -> None:
    assert refusals(desk(plan=plan), model, allowed + 1, step=61) == [None] * allowed + ["UserByModelByDay"]


def test_all_models_together_meet_the_account_limit_of_24_a_minute(desk: Open) -> None:
    asked = desk()
    found = refusals(asked, LOW, 14) + refusals(asked, HIGH, 10) + refusals(asked, "openai/gpt-4.1-nano", 1)
    assert found == [None] * 24 + ["UserByMinute"]


def test_of_several_spent_limits_slots_are_named_first_then_the_account_then_the_shorter_window(desk: Open) -> None:
    asked = desk()
    asked.simulation.set_limit("UserByModelByDay", 14)
    refusals(asked, HIGH, 10)
    assert refusals(asked, HIGH, 1) == ["UserByModelByMinute"]
    refusals(asked, LOW, 14)
    assert refusals(asked, HIGH, 1) == ["UserByMinute"]
    asked.simulation.set_limit("UserConcurrentRequests", 1)
    asked.now += 61
    asked.ask(model=HIGH, hold=True)
    assert refusals(asked, HIGH, 1) == ["UserConcurrentRequests"]
    assert refusals(asked, LOW, 1) == ["UserByModelByDay"]


def test_a_minute_refusal_is_worded_as_captured_and_its_wait_is_floored(desk: Open) -> None:
    asked = desk()
    refusals(asked, HIGH, 10)
    asked.now += 13.4
    answer = asked.ask(model=HIGH)
    sentence = "Rate limit of 10 per 60s exceeded for UserByModelByMinute. Please wait 46 seconds before retrying."
    assert answer.status == 429
    assert asked.json(answer) == {"error": {"code": "RateLimitReached", "message": sentence, "details": sentence}}
    assert answer.headers["retry-after"] == answer.headers["x-ratelimit-timeremaining"] == "46"
    assert answer.headers["x-ratelimit-type"] == "UserByModelByMinute"
    assert answer.headers["x-ms-error-code"] == "RateLimitReached"


def test_a_day_refusal_tells_seconds_of_most_of_a_day(desk: Open) -> None:
    asked = desk()
    refusals(asked, HIGH, 50, step=10)
    assert asked.json(asked.ask(model=HIGH))["error"]["message"] == (
        "Rate limit of 50 per 86400s exceeded for UserByModelByDay. Please wait 85900 seconds before retrying."
    )


def test_a_slot_is_held_until_the_exchange_is_finished(desk: Open) -> None:
    asked = desk()
    asked.ask(model=HIGH, hold=True)
    asked.ask(model=HIGH, hold=True)
    refused = asked.ask(model=HIGH)
    assert asked.json(refused)["error"]["message"] == (
        "Rate limit of 2 per 0s exceeded for UserConcurrentRequests. Please wait 0 seconds before retrying."
    )
    assert refused.headers["retry-after"] == "0"
    asked.let_go()
    assert asked.ask(model=HIGH).status == 200


def test_slots_belong_to_a_model_unless_the_account_is_asked_for(desk: Open) -> None:
    for scope, status in (("model", 200), ("account", 429)):
        asked = desk(concurrency_scope=scope)
        for _ in range(2):
            asked.ask(model=HIGH, hold=True)
        assert asked.ask(model="openai/gpt-4o").status == status


def test_another_account_has_its_own_quota_and_a_second_token_of_the_same_account_has_not(desk: Open) -> None:
    asked = desk(accounts={"first": "alice", "second": "alice"})
    for _ in range(10):
        asked.ask(model=HIGH, token="first")
    assert asked.ask(model=HIGH, token="second").status == 429
    assert asked.last.account == "alice"
    assert asked.ask(model=HIGH, token="somebody else").status == 200


def test_a_refused_request_costs_nothing_unless_the_law_counts_refusals(desk: Open) -> None:
    for window, status in (("sliding", 200), ("rejects", 429)):
        asked = desk(window=window)
        refusals(asked, HIGH, 30, step=1)
        asked.now += 31
        assert asked.ask(model=HIGH).status == status


def test_a_request_refused_by_one_limit_is_counted_by_no_other(desk: Open) -> None:
    asked = desk()
    refusals(asked, HIGH, 30)
    assert refusals(asked, LOW, 15) == [None] * 14 + ["UserByMinute"]


def test_a_model_the_plan_does_not_have_is_unavailable_not_limited(desk: Open) -> None:
    answer = desk().ask(model="openai/gpt-5", messages=[{"role": "user", "content": "hi"}])
    assert answer.status == 400
    assert desk().json(answer)["error"] == {
        "code": "unavailable_model",
        "message": "Unavailable model: gpt-5",
        "details": "Unavailable model: gpt-5",
    }


def test_a_prompt_over_the_size_of_the_plan_is_413_with_the_short_name(desk: Open) -> None:
    asked = desk()
    answer = asked.ask(model=LOW, messages=[{"role": "user", "content": "word " * 8000}])
    assert answer.status == 413
    sentence = "Request body too large for gpt-4.1-mini model. Max size: 8000 tokens."
    assert asked.json(answer)["error"]["code"] == "tokens_limit_reached"
    assert asked.json(answer)["error"]["message"] == sentence
    assert asked.last.admitted


def test_tool_schemas_count_toward_the_size(desk: Open) -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "long " * 8000, "parameters": {}}}
    assert desk().ask(tools=[tool]).status == 413


def test_a_limit_can_change_in_mid_run(desk: Open) -> None:
    asked = desk()
    asked.simulation.set_limit("UserByModelByMinute", 3)
    assert refusals(asked, HIGH, 4) == [None] * 3 + ["UserByModelByMinute"]
    asked.simulation.set_limit("UserByModelByMinute", 5)
    assert refusals(asked, HIGH, 3) == [None, None, "UserByModelByMinute"]


def test_slots_can_change_in_mid_run(desk: Open) -> None:
    asked = desk()
    asked.simulation.set_limit("UserConcurrentRequests", 1)
    asked.ask(hold=True)
    assert asked.ask().status == 429


def profile(*rates: Rate, **more: Any) -> Profile:
    quota = Quota(row="only", plan="free", rates=rates)
    return Profile(name="own", title="Own", default_row="only", rows={"only": {"free": quota}}, **more)


def test_token_limits_count_prompt_and_reply(desk: Open) -> None:
    minute = Rate(amount=100, unit="tokens", window=60, type="TPM")
    asked = desk(profile(minute))
    spent = 0
    while asked.ask(model="m").status == 200:
        spent += asked.last.prompt_tokens + asked.last.completion_tokens
    assert 0 < spent <= 100
    assert asked.last.limit == "TPM"


def test_one_request_larger_than_a_whole_window_of_tokens_is_413(desk: Open) -> None:
    asked = desk(profile(Rate(amount=100, unit="input_tokens", window=60, type="TPM")))
    assert asked.ask(model="m", messages=[{"role": "user", "content": "word " * 200}]).status == 413


def test_a_row_with_account_scope_is_shared_by_its_models_only(desk: Open) -> None:
    asked = desk(profiles.load("openrouter"))
    for number in range(20):
        assert asked.ask(model=f"some/model-{number}:free").status == 200
    assert asked.ask(model="another/model:free").status == 429
    assert asked.ask(model="paid/model").status == 200


def test_the_accounts_own_slots_bind_all_models(desk: Open) -> None:
    asked = desk(profile(account_concurrent=1))
    asked.ask(model="a", hold=True)
    assert asked.ask(model="b").status == 429


def test_a_plan_the_profile_does_not_have_is_refused_by_name(desk: Open) -> None:
    with pytest.raises(ValueError, match="it has free, pro, business, enterprise"):
        desk(plan="platinum")
