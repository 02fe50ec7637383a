"""Attempts on a clock: how many, when, and that nothing but our own errors is ever tried again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ghmodels_async import errors
from ghmodels_async.clock import Clock
from ghmodels_async.transport import FailedAttempt, GiveUp, Retry, RetryBudget, RetryPolicy, with_retries

POLICY = RetryPolicy()


@dataclass
class Script:
    """An attempt that fails as scripted, then succeeds. Remembers its numbers and instants."""

    clock: Clock
    faults: list[BaseException | float]
    numbers: list[int] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    async def __call__(self, number: int) -> str:
        self.numbers.append(number)
        self.at.append(round(self.clock.now(), 3))
        while self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, float):
                await self.clock.sleep(fault)
                continue
            raise fault
        return "done"


def failed(status: int = 500, **about: Any) -> errors.ServerError:
    return errors.ServerError("It failed.", status=status, **about)


async def run(
    script: Script, policy: RetryPolicy = POLICY, *, luck: Callable[[], float] = lambda: 1.0, **about: Any
) -> str:
    return await with_retries(script, policy, clock=script.clock, rng=luck, **about)


async def test_a_success_is_one_bare_attempt(clock: Clock) -> None:
    script = Script(clock, [])
    assert await run(script) == "done"
    assert script.numbers == [1]


async def test_attempts_are_numbered_and_spaced_by_the_backoff(clock: Clock) -> None:
    script = Script(clock, [failed(), failed(), failed()])
    began = clock.now()
    assert await run(script) == "done"
    assert script.numbers == [1, 2, 3, 4]
    assert [at - began for at in script.at] == pytest.approx([0.0, 1.0, 3.0, 7.0], abs=0.01)


async def test_the_last_error_comes_out_with_a_note_after_four_attempts(clock: Clock) -> None:
    last = failed(502)
    script = Script(clock, [failed(), failed(), failed(), last, failed()])
    with pytest.raises(errors.ServerError) as caught:
        await run(script)
    assert caught.value is last
    assert script.numbers == [1, 2, 3, 4]
    assert last.__notes__ == ["Gave up after attempt 4: attempts."]


async def test_an_error_that_is_not_worth_it_comes_out_untouched(clock: Clock) -> None:
    error = errors.TokenInvalidError(status=401)
    script = Script(clock, [error])
    with pytest.raises(errors.TokenInvalidError) as caught:
        await run(script)
    assert caught.value is error
    assert script.numbers == [1]
    assert not hasattr(error, "__notes__")


async def test_an_error_that_is_not_worth_it_ends_a_call_that_was_being_tried_again(clock: Clock) -> None:
    script = Script(clock, [failed(), errors.BadRequestError(status=400)])
    with pytest.raises(errors.BadRequestError):
        await run(script)
    assert script.numbers == [1, 2]


async def test_rate_limits_go_on_without_a_count_and_without_waiting_here(clock: Clock) -> None:
    script = Script(clock, [errors.RateLimitError(status=429, retry_after=46.0) for _ in range(50)])
    began = clock.now()
    assert await run(script) == "done"
    assert len(script.numbers) == 51
    assert clock.now() - began < 0.1


async def test_rate_limits_do_not_use_up_the_attempts_of_errors(clock: Clock) -> None:
    limited = [errors.RateLimitError(status=429) for _ in range(10)]
    script = Script(clock, [*limited, failed(), failed(), failed()])
    assert await run(script) == "done"
    assert len(script.numbers) == 14


async def test_nothing_is_started_after_the_deadline(clock: Clock) -> None:
    script = Script(clock, [failed() for _ in range(9)])
    began = clock.now()
    with pytest.raises(errors.ServerError) as caught:
        await run(script, deadline=began + 3.5)
    assert script.numbers == [1, 2, 3]
    assert clock.now() - began == pytest.approx(3.0, abs=0.01)  # it does not sleep to find out
    assert caught.value.__notes__ == ["Gave up after attempt 3: deadline."]


async def test_a_deadline_ends_an_endless_row_of_rate_limits(clock: Clock) -> None:
    class Endless(Script):
        async def __call__(self, number: int) -> str:
            self.numbers.append(number)
            await self.clock.sleep(60)  # the gate waits for the next window
            raise errors.RateLimitError(status=429)

    script = Endless(clock, [])
    with pytest.raises(errors.RateLimitError):
        await run(script, deadline=clock.now() + 600.0)
    assert len(script.numbers) == 10


async def test_the_servers_wait_is_kept(clock: Clock) -> None:
    script = Script(clock, [failed(503, retry_after=17.0)])
    began = clock.now()
    await run(script)
    assert clock.now() - began == pytest.approx(17.0, abs=0.01)


async def test_waits_are_nominal(clock: Clock) -> None:
    fast = Clock(60.0, wall=clock.wall)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await run(Script(fast, [failed(503, retry_after=60.0)]))
    assert loop.time() - began == pytest.approx(1.0, abs=0.01)


async def test_the_budget_pays_for_retries_and_earns_from_successes(clock: Clock) -> None:
    budget = RetryBudget(12)
    await run(Script(clock, []), budget=budget)
    assert budget.left == 12
    await run(Script(clock, [failed(), failed()]), budget=budget)
    assert budget.left == 12 - 10 + 1
    script = Script(clock, [failed()])
    with pytest.raises(errors.ServerError) as caught:
        await run(script, budget=budget)
    assert script.numbers == [1]
    assert budget.left == 3
    assert caught.value.__notes__ == ["Gave up after attempt 1: budget."]


async def test_a_budget_stops_a_storm_of_many_calls(clock: Clock) -> None:
    budget = RetryBudget(500)

    async def always(_: int) -> str:
        nonlocal sent
        sent += 1
        raise failed()

    sent = 0
    calls = [with_retries(always, POLICY, clock=clock, budget=budget, rng=lambda: 1.0) for _ in range(1_000)]
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(error, errors.ServerError) for error in ended)
    assert sent == 1_000 + 100  # without a budget it would be 4,000


async def test_cancelling_an_attempt_is_never_an_error_to_try_again(clock: Clock) -> None:
    script = Script(clock, [3_600.0])
    task = asyncio.ensure_future(run(script))
    await clock.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert script.numbers == [1]


async def test_cancelling_a_later_attempt_ends_it_too(clock: Clock) -> None:
    script = Script(clock, [failed(), 3_600.0])
    task = asyncio.ensure_future(run(script))
    await clock.sleep(10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert script.numbers == [1, 2]


async def test_cancelling_the_wait_between_attempts_ends_at_once(clock: Clock) -> None:
    script = Script(clock, [failed(503, retry_after=100.0)])
    task = asyncio.ensure_future(run(script))
    await clock.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert script.numbers == [1]
    assert clock.now() < 100.0


async def test_a_timeout_around_a_retried_call_takes_effect_on_time(clock: Clock) -> None:
    began = clock.now()
    with pytest.raises(TimeoutError):
        async with clock.timeout(2.5):
            await run(Script(clock, [failed() for _ in range(9)]), replace(POLICY, attempts=99))
    assert clock.now() - began == pytest.approx(2.5, abs=0.01)


async def test_a_bug_is_not_an_error_to_try_again(clock: Clock) -> None:
    script = Script(clock, [failed(), ZeroDivisionError()])
    with pytest.raises(ZeroDivisionError):
        await run(script)
    assert script.numbers == [1, 2]


async def test_calls_at_the_same_time_do_not_share_their_counts(clock: Clock) -> None:
    scripts = [Script(clock, [failed(), failed(), failed()]) for _ in range(20)]
    assert await asyncio.gather(*map(run, scripts)) == ["done"] * 20
    assert [script.numbers for script in scripts] == [[1, 2, 3, 4]] * 20


async def test_every_failed_attempt_is_shown_to_the_hook(clock: Clock) -> None:
    seen: list[FailedAttempt] = []
    errors_ = [failed(), errors.RateLimitError(status=429), errors.TokenInvalidError(status=401)]
    with pytest.raises(errors.TokenInvalidError):
        await run(Script(clock, list(errors_)), on_attempt=seen.append)
    assert [(a.number, a.decision) for a in seen] == [
        (1, Retry(1.0)), (2, Retry(0.0, 1)), (3, GiveUp("not retryable")),
    ]  # fmt: skip
    assert [a.error for a in seen] == errors_


async def test_every_retry_is_logged_without_the_body(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="ghmodels_async.retry"):
        await run(Script(clock, [failed(503, body="MY SECRET PROMPT")]))
    assert caplog.messages == ["attempt 1 failed, next in 1.00 s: It failed."]


async def test_a_policy_of_one_attempt_tries_once(clock: Clock) -> None:
    script = Script(clock, [failed()])
    with pytest.raises(errors.ServerError):
        await run(script, replace(POLICY, attempts=1))
    assert script.numbers == [1]
