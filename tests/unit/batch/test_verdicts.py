"""What one row's error means for the run."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ghmodels_async import errors
from ghmodels_async.batch.verdicts import Act, Verdict, judge


def verdict(error: errors.GHModelsError, *, round: int = 1, failed_connections: int = 1) -> Verdict:
    return judge(error, round=round, rounds=3, failed_connections=failed_connections)


@pytest.mark.parametrize(
    ("error", "act"),
    [
        (errors.TokenInvalidError("x", status=401), Act.STOP),
        (errors.TokenPermissionError("x", status=403), Act.STOP),
        (errors.ModelsDisabledError("x", status=403), Act.STOP),
        (errors.ServiceRetiredError("x", status=410), Act.STOP),
        (errors.APIError("x", status=403), Act.STOP),
        (errors.BudgetExceededError("x", status=402), Act.STOP),
        (errors.ConfigurationError("x"), Act.STOP),
        (errors.TokenNotFoundError("x"), Act.STOP),
        (errors.ModelAccessError("x", status=403), Act.CLOSE),
        (errors.ModelNotFoundError("x", status=404), Act.CLOSE),
        (errors.ModelUnavailableError("x", status=400), Act.CLOSE),
        (errors.PlanError(plan="free", model="m"), Act.CLOSE),
        (errors.BadRequestError("x", status=400), Act.RECORD),
        (errors.ContentFilterError("x", status=400), Act.RECORD),
        (errors.RequestTooLargeError(size=9, maximum=4), Act.RECORD),
        (errors.RateLimitError("x", status=429), Act.AGAIN),
        (errors.QueueFullError(queued=3), Act.AGAIN),
        (errors.WouldExceedDeadlineError(eta=3), Act.AGAIN),
        (errors.ServerError("x", status=500), Act.AGAIN),
        (errors.RequestTimeoutError(phase="head", elapsed=3), Act.AGAIN),
        (errors.ConnectionFailedError("x", sent=False), Act.AGAIN),
        (errors.StreamTruncatedError("x"), Act.AGAIN),
    ],
)
def test_every_error_means_one_thing(error: errors.GHModelsError, act: Act) -> None:
    assert verdict(error).act is act


def test_a_used_up_quota_parks_until_its_reset() -> None:
    reset = datetime(2026, 1, 2, tzinfo=UTC)
    assert verdict(errors.QuotaExhaustedError("x", reset_at=reset)) == Verdict(Act.PARK, until=reset)


def test_passing_trouble_is_recorded_once_the_rounds_are_over() -> None:
    waits = [verdict(errors.ServerError("x", status=503), round=n).wait for n in (1, 2)]
    assert waits[1] == 2 * waits[0] > 0
    assert verdict(errors.ServerError("x", status=503), round=3).act is Act.RECORD


def test_a_limit_never_wears_a_row_out() -> None:
    assert verdict(errors.RateLimitError("x", status=429, retry_after=9.0), round=1000) == Verdict(Act.AGAIN, wait=9.0)


def test_a_server_that_refuses_connections_again_and_again_stops_the_run() -> None:
    error = errors.ConnectionFailedError("x", sent=False)
    assert verdict(error, failed_connections=4).act is Act.AGAIN
    assert verdict(error, failed_connections=5).act is Act.STOP


def test_a_name_that_cannot_be_found_stops_at_once() -> None:
    error = errors.ConnectionFailedError("x", sent=False, unknown_host=True)
    assert verdict(error).act is Act.STOP
