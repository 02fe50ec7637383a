"""Attempts: the first one bare, the others driven by tenacity. The one door to tenacity.

tenacity costs 20 to 60 µs where nothing fails, so it is built only after a first failure, one object per call (a shared
one keeps its state per thread and mixes calls up). It decides nothing: `policy.decide` does, and tenacity's retry, wait
and sleep are told the decision. Cancellation is never retried, as the predicate accepts our own errors only.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..clock import Clock
from ..errors import GHModelsError, RateLimitError
from .policy import Decision, GiveUp, Retry, RetryBudget, RetryPolicy, decide

__all__ = ["FailedAttempt", "with_retries"]

T = TypeVar("T")
_UNDECIDED = GiveUp("")
_log = logging.getLogger("ghmodels_async.retry")


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """One attempt that failed, for hooks and logs.

    Attributes:
        number: 1 for the first attempt of the call.
        error: What it raised.
        decision: `Retry` with the seconds until the next one, or `GiveUp` with the reason.
    """

    number: int
    error: GHModelsError
    decision: Decision


async def with_retries(
    attempt: Callable[[int], Awaitable[T]],
    policy: RetryPolicy,
    *,
    clock: Clock,
    deadline: float | None = None,
    budget: RetryBudget | None = None,
    rng: Callable[[], float] = random.random,
    on_attempt: Callable[[FailedAttempt], object] | None = None,
) -> T:
    """Call ``attempt(1)``, ``attempt(2)`` … until one succeeds or the policy gives up.

    Args:
        attempt: Makes one attempt; gets its number. Each must acquire its own permit.
        policy: How stubborn to be.
        clock: Counts and waits.
        deadline: Nominal monotonic instant after which nothing is started.
        budget: The account's retry budget; None for none.
        rng: Uniform in [0, 1).
        on_attempt: Called after each attempt that failed.

    Raises:
        GHModelsError: The last attempt's error, with a note saying why it was the last.

    Cancellation: passes through at once, during an attempt as during a wait; nothing is held here.
    """
    try:
        result = await attempt(1)
    except GHModelsError as error:
        calls = _Retries(attempt, policy, clock, deadline, budget, rng, on_attempt)
        return await calls.after(error)
    if budget is not None:
        budget.succeeded()
    return result


@dataclass(slots=True)
class _Retries(Generic[T]):
    """The rest of one call whose first attempt failed."""

    attempt: Callable[[int], Awaitable[T]]
    policy: RetryPolicy
    clock: Clock
    deadline: float | None
    budget: RetryBudget | None
    rng: Callable[[], float]
    on_attempt: Callable[[FailedAttempt], object] | None
    number: int = 1
    failures: int = 0
    decision: Decision = _UNDECIDED

    async def after(self, first: GHModelsError) -> T:
        pending: GHModelsError | None = first

        async def next_attempt() -> T:
            nonlocal pending
            if pending is not None:
                error, pending = pending, None
                raise error
            self.number += 1
            return await self.attempt(self.number)

        import tenacity  # here, because most programs never see a failure: 5 ms of the client's import

        driver = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(self._judge),
            wait=lambda _: self.decision.after if isinstance(self.decision, Retry) else 0.0,
            stop=tenacity.stop_never,  # `_judge` has looked at attempts, budget and the deadline on our clock
            sleep=self.clock.sleep,
            reraise=True,
        )
        result: T = await driver(next_attempt)
        if self.budget is not None:
            self.budget.succeeded()
        return result

    def _judge(self, error: BaseException) -> bool:
        if not isinstance(error, GHModelsError):
            return False
        if not isinstance(error, RateLimitError):
            self.failures += 1
        self.decision = decide(
            error,
            failures=self.failures,
            policy=self.policy,
            now=self.clock.now(),
            deadline=self.deadline,
            budget_left=None if self.budget is None else self.budget.left,
            luck=self.rng(),
        )
        retry = isinstance(self.decision, Retry)
        if isinstance(self.decision, Retry):
            _log.info("attempt %d failed, next in %.2f s: %s", self.number, self.decision.after, error.why)
            if self.budget is not None:
                self.budget.spend(self.decision.cost)
        elif self.decision.why != "not retryable" or self.number > 1:
            error.add_note(f"Gave up after attempt {self.number}: {self.decision.why}.")
        if self.on_attempt is not None:
            self.on_attempt(FailedAttempt(self.number, error, self.decision))
        return retry
