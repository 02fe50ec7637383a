"""Whether a failed attempt is worth another one: facts come from the error, judgement is here. Pure.

Source: AWS "Exponential backoff and jitter" (full jitter) and the retry quota of the AWS SDKs (500 tokens, 5 a retry);
OpenAI's SDK (`x-should-retry`, waits above 120 s are not worth it); Google SRE book, "Handling overload".
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import (
    APIError,
    ConnectionFailedError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    ServiceRetiredError,
    StreamInterruptedError,
    StreamTruncatedError,
)

__all__ = ["Decision", "GiveUp", "Retry", "RetryBudget", "RetryPolicy", "decide"]


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after `after` nominal seconds. `cost` is taken from the retry budget."""

    after: float
    cost: int = 5


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Let the error out, because of `why`: ``not retryable``, ``attempts``, ``deadline``, ``budget``, ``long wait``."""

    why: str


Decision = Retry | GiveUp


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How stubborn to be. Frozen: override per call with `dataclasses.replace`.

    Attributes:
        attempts: Most attempts that may fail with an error, the first included. 429s do not count: the gate makes
            them wait for the quota and the deadline bounds them. 4 = the AWS SDKs' 3, plus one.
        base: Seconds the backoff starts from. 0.5 as in the OpenAI SDK.
        cap: Most seconds the backoff reaches. 20 as in the AWS SDKs.
        longest_wait: A server that asks for more seconds than this gets no retry. 120 as in the OpenAI SDK.
        rate_limited: Whether 429s are tried again at all.
        exhausted: Whether a used-up quota (a daily one) gets another attempt, which waits for it; else the call ends.
        error_cost: Budget tokens one retry of an error costs. 5 as in the AWS SDKs.
        rate_limit_cost: Budget tokens one retry of a 429 costs: 1, because each has waited for quota first and a
            shared account sees many; the budget still ends a loop that only ever sees 429s.
    """

    attempts: int = 4
    base: float = 0.5
    cap: float = 20.0
    longest_wait: float = 120.0
    rate_limited: bool = True
    exhausted: bool = False
    error_cost: int = 5
    rate_limit_cost: int = 1


class RetryBudget:
    """Tokens that retries cost and successes earn back: retries stop when most of the traffic fails.

    One per account. Source: the AWS SDKs' retry quota (500 tokens, 5 a retry, 1 back per success).
    """

    __slots__ = ("capacity", "left")

    def __init__(self, capacity: int = 500) -> None:
        self.capacity = capacity
        self.left = capacity

    def spend(self, cost: int) -> None:
        self.left -= cost

    def succeeded(self) -> None:
        if self.left < self.capacity:
            self.left += 1


def decide(
    error: BaseException,
    *,
    failures: int,
    policy: RetryPolicy,
    now: float,
    deadline: float | None,
    budget_left: int | None,
    luck: float,
) -> Decision:
    """Judge one failed attempt.

    Args:
        error: What it raised.
        failures: Attempts of this call that failed with an error, this one included; 429s excluded.
        policy: How stubborn to be.
        now: Nominal monotonic seconds.
        deadline: The call's, on the same clock; None for none.
        budget_left: Tokens left in the account's retry budget; None for no budget.
        luck: Uniform in [0, 1).
    """
    wait = _wait(error, failures, policy, luck)
    if wait is None:
        return GiveUp("not retryable")
    limited = isinstance(error, RateLimitError)
    cost = policy.rate_limit_cost if limited else policy.error_cost
    if not limited and failures >= policy.attempts:
        return GiveUp("attempts")
    if wait > policy.longest_wait:
        return GiveUp("long wait")
    if deadline is not None and now + wait >= deadline:
        return GiveUp("deadline")
    if budget_left is not None and budget_left < cost:
        return GiveUp("budget")
    return Retry(wait, cost)


def _wait(error: BaseException, failures: int, policy: RetryPolicy, luck: float) -> float | None:
    """Seconds before the next attempt; None when there must be none."""
    if isinstance(error, RateLimitError):
        return _wait_for_quota(error, policy, luck)
    if not _retryable(error):
        return None
    backoff = luck * min(policy.cap, policy.base * 2.0 ** min(failures, 60))
    asked = error.retry_after if isinstance(error, APIError) else None
    return max(backoff, asked or 0.0)


def _wait_for_quota(error: RateLimitError, policy: RetryPolicy, luck: float) -> float | None:
    """The gate does the waiting for a window; for requests in flight 0.2 to 1 s let one end."""
    if not policy.rate_limited or error.status is None or _advice(error) is False:
        return None  # without a status nothing was sent: the gate refused, and would again
    if isinstance(error, QuotaExhaustedError):
        return 0.0 if policy.exhausted else None
    return 0.2 + 0.8 * luck if error.facts.concurrency else 0.0


def _retryable(error: BaseException) -> bool:
    """The explicit predicate. Everything not named here is final, cancellation included."""
    if isinstance(error, ConnectionFailedError):
        return True
    if isinstance(error, RequestTimeoutError):
        return error.phase in ("connect", "head", "first_delta", "stall")  # a stall here is a whole reply's
    if isinstance(error, (StreamInterruptedError, StreamTruncatedError)):
        return True  # an attempt ends when its first delta is handed out: this one broke before
    if isinstance(error, ServiceRetiredError) or not isinstance(error, APIError):
        return False
    advice = _advice(error)
    if advice is not None:
        return advice
    status = error.status or 0
    return (isinstance(error, ServerError) and status not in (501, 505)) or status in (408, 409, 425)


def _advice(error: APIError) -> bool | None:
    """What the server itself says about trying again (``x-should-retry``, OpenAI's header); None when nothing."""
    return {"true": True, "false": False}.get(error.headers.get("x-should-retry", "").strip().lower())
