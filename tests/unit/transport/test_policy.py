"""The judgement on one failed attempt: pure, so every case is a line."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghmodels_async import errors
from ghmodels_async.errors import RateLimitFacts
from ghmodels_async.transport import GiveUp, Retry, RetryBudget, RetryPolicy, decide

POLICY = RetryPolicy()


def judge(error: BaseException, **about: Any) -> Retry | GiveUp:
    known = {"failures": 1, "policy": POLICY, "now": 100.0, "deadline": None, "budget_left": None, "luck": 0.5}
    return decide(error, **{**known, **about})


def limited(status: int | None = 429, **facts: Any) -> errors.RateLimitError:
    return errors.RateLimitError(status=status, facts=RateLimitFacts(**facts))


FINAL: list[BaseException] = [
    errors.ConfigurationError(),
    errors.TokenNotFoundError(),
    errors.WouldExceedDeadlineError(eta=1.0),
    errors.QueueFullError(queued=1),
    errors.RequestTooLargeError(status=413),
    errors.PlanError(plan="free"),
    errors.BadRequestError(status=400),
    errors.BadRequestError(status=422),
    errors.ContentFilterError(status=400),
    errors.ModelUnavailableError(status=400),
    errors.TokenInvalidError(status=401),
    errors.TokenPermissionError(status=401),
    errors.ModelsDisabledError(status=403),
    errors.ModelAccessError(status=403),
    errors.BudgetExceededError(status=402),
    errors.ModelNotFoundError(status=404),
    errors.ServiceRetiredError(status=410),
    errors.ServiceRetiredError(status=410, headers={"x-should-retry": "true"}),
    errors.ServerError(status=501),
    errors.ServerError(status=505),
    errors.ServerError(status=500, headers={"x-should-retry": "false"}),
    errors.APIError(status=407),
    errors.RequestTimeoutError(phase="queue", elapsed=1.0),
    errors.RequestTimeoutError(phase="total", elapsed=1.0),
    errors.StreamDecodeError(),
    errors.QuotaExhaustedError(status=429, facts=RateLimitFacts(window=86_400.0)),
    errors.QuotaExhaustedError(status=None),
    errors.RateLimitError(status=None),
    errors.RateLimitError(status=429, headers={"x-should-retry": "false"}),
    errors.GHModelsError("unknown"),
    asyncio.CancelledError(),
    KeyboardInterrupt(),
    ValueError("not ours"),
    TimeoutError("not ours"),
]
WORTH_IT: list[BaseException] = [
    errors.ConnectionFailedError(sent=False),
    errors.ConnectionFailedError(sent=True),
    errors.RequestTimeoutError(phase="connect", elapsed=1.0),
    errors.RequestTimeoutError(phase="head", elapsed=1.0, sent=True),
    errors.RequestTimeoutError(phase="first_delta", elapsed=1.0, sent=True),
    errors.RequestTimeoutError(phase="stall", elapsed=1.0, sent=True),
    errors.APIError(status=408),
    errors.APIError(status=409),
    errors.APIError(status=425),
    errors.ServerError(status=500),
    errors.ServerError(status=502),
    errors.ServerError(status=503),
    errors.ServerError(status=529),
    errors.ServerError(status=200, why="an empty 200"),
    errors.BadRequestError(status=400, headers={"x-should-retry": "true"}),
    errors.StreamInterruptedError(),
    errors.StreamTruncatedError(),
    limited(),
]


@pytest.mark.parametrize("error", FINAL, ids=repr)
def test_what_would_fail_again_is_not_tried_again(error: BaseException) -> None:
    assert judge(error) == GiveUp("not retryable")


@pytest.mark.parametrize("error", WORTH_IT, ids=repr)
def test_what_may_pass_is_tried_again(error: BaseException) -> None:
    assert isinstance(judge(error), Retry)


def test_the_backoff_doubles_up_to_its_cap_and_is_jittered_in_full() -> None:
    error = errors.ServerError(status=500)
    stubborn = replace(POLICY, attempts=99)
    waits = [judge(error, failures=n, luck=1.0, policy=stubborn) for n in (1, 2, 3, 4, 5, 6, 90)]
    assert [w.after for w in waits if isinstance(w, Retry)] == [1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]
    assert judge(error, luck=0.0) == Retry(0.0)


def test_the_server_may_ask_for_more_than_the_backoff_but_not_for_less() -> None:
    assert judge(errors.ServerError(status=503, retry_after=7.0)) == Retry(7.0)
    assert judge(errors.ServerError(status=503, retry_after=0.1), luck=1.0) == Retry(1.0)


def test_a_server_that_asks_for_too_long_gets_no_retry() -> None:
    assert judge(errors.ServerError(status=503, retry_after=121.0)) == GiveUp("long wait")


def test_errors_are_counted_against_the_attempts() -> None:
    error = errors.ServerError(status=500)
    assert isinstance(judge(error, failures=3), Retry)
    assert judge(error, failures=4) == GiveUp("attempts")


def test_rate_limits_are_not_counted_because_the_gate_bounds_them() -> None:
    assert judge(limited(), failures=1_000) == Retry(0.0, cost=1)


def test_a_rate_limit_waits_in_the_gate_and_not_here() -> None:
    assert judge(errors.RateLimitError(status=429, retry_after=46.0)) == Retry(0.0, cost=1)


def test_requests_in_flight_get_a_moment_to_end() -> None:
    error = limited(concurrency=True, window=0.0)
    assert [judge(error, luck=luck) for luck in (0.0, 1.0)] == [Retry(0.2, 1), Retry(1.0, 1)]


def test_rate_limits_can_be_left_alone() -> None:
    assert judge(limited(), policy=replace(POLICY, rate_limited=False)) == GiveUp("not retryable")


def test_a_used_up_quota_is_waited_for_only_when_asked() -> None:
    error = errors.QuotaExhaustedError(status=429)
    assert judge(error, policy=replace(POLICY, exhausted=True)) == Retry(0.0, cost=1)
    local = errors.QuotaExhaustedError(status=None)
    assert judge(local, policy=replace(POLICY, exhausted=True)) == GiveUp("not retryable")


def test_nothing_starts_at_or_after_the_deadline() -> None:
    error = errors.ServerError(status=500)
    assert judge(error, luck=1.0, deadline=101.0) == GiveUp("deadline")
    assert judge(error, luck=1.0, deadline=101.1) == Retry(1.0)
    assert judge(limited(), deadline=100.0) == GiveUp("deadline")


def test_an_empty_budget_ends_retries_and_a_429_costs_less_of_it() -> None:
    error = errors.ServerError(status=500)
    assert judge(error, budget_left=4) == GiveUp("budget")
    assert isinstance(judge(error, budget_left=5), Retry)
    assert judge(limited(), budget_left=1) == Retry(0.0, cost=1)
    assert judge(limited(), budget_left=0) == GiveUp("budget")


def test_a_budget_is_earned_back_up_to_its_capacity() -> None:
    budget = RetryBudget(10)
    budget.spend(5)
    budget.succeeded()
    assert budget.left == 6
    for _ in range(20):
        budget.succeeded()
    assert budget.left == 10


@given(
    failures=st.integers(1, 10_000),
    luck=st.floats(0, 1, exclude_max=True),
    asked=st.one_of(st.none(), st.floats(0, 1e6)),
    now=st.floats(0, 1e6),
    ahead=st.one_of(st.none(), st.floats(-10, 1e3)),
)
def test_a_retry_never_waits_too_long_nor_past_the_deadline(
    failures: int, luck: float, asked: float | None, now: float, ahead: float | None
) -> None:
    deadline = None if ahead is None else now + ahead
    decision = decide(
        errors.ServerError(status=503, retry_after=asked),
        failures=failures,
        policy=POLICY,
        now=now,
        deadline=deadline,
        budget_left=None,
        luck=luck,
    )
    if isinstance(decision, Retry):
        assert 0 <= decision.after <= POLICY.longest_wait
        assert decision.after >= (asked or 0)
        assert failures < POLICY.attempts
        assert deadline is None or now + decision.after < deadline
