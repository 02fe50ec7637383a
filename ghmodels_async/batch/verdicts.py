"""What one row's error means for the run. Pure: errors carry facts, this is the judgement.

RECORD  the row itself is at fault, or has failed often enough: write it down as failed
AGAIN   something passing: the row goes back into the queue, after `wait` seconds
PARK    the model's quota is used up until a known time: the model waits, the row goes back
CLOSE   this model will not serve anybody here: no further row for it
STOP    no call can succeed: stop at once, before every row has burnt its attempts
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from ghmodels_async.errors import (
    APIError,
    BudgetExceededError,
    ConfigurationError,
    ConnectionFailedError,
    GHModelsError,
    ModelAccessError,
    ModelNotFoundError,
    ModelUnavailableError,
    PlanError,
    QueueFullError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamError,
    WouldExceedDeadlineError,
)

__all__ = ["Act", "Limits", "Verdict", "judge"]

#: A server that refuses connections five times without one success between is down, not busy.
CONNECTION_FAILURES = 5
#: First wait of a row that failed after the client's own attempts; doubles with every round.
FIRST_WAIT = 15.0


class Act(enum.Enum):
    RECORD = "record"
    AGAIN = "again"
    PARK = "park"
    CLOSE = "close"
    STOP = "stop"


@dataclass(frozen=True)
class Limits:
    """How far a run may go.

    Args:
        rounds: How often one row may go through the client (which makes its own attempts each time).
        max_error_rate: Stop when more than this share of the finished rows failed; None never does.
        stop_at_quota: Stop, resumable, once every model's quota is used up, instead of waiting for the reset.
    """

    rounds: int = 3
    max_error_rate: float | None = None
    stop_at_quota: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`wait` belongs to AGAIN (nominal seconds), `until` to PARK (None: the server did not say)."""

    act: Act
    wait: float = 0.0
    until: datetime | None = None


def judge(error: GHModelsError, *, round: int, rounds: int, failed_connections: int) -> Verdict:
    """Decide what one error means.

    Args:
        error: What the client raised after its own attempts.
        round: How often this row has now been through the client, from 1.
        rounds: How often it may.
        failed_connections: Connections that failed in a row, over all rows, this one included.
    """
    if isinstance(error, QuotaExhaustedError):
        return Verdict(Act.PARK, until=error.reset_at)
    # a limit that says "later" is nobody's failure: such a row may wait as often as it takes
    if isinstance(error, RateLimitError | QueueFullError | WouldExceedDeadlineError):
        return Verdict(Act.AGAIN, wait=getattr(error, "retry_after", None) or 1.0)
    if isinstance(error, ModelAccessError | ModelNotFoundError | ModelUnavailableError | PlanError):
        return Verdict(Act.CLOSE)
    if _hopeless(error, failed_connections):
        return Verdict(Act.STOP)
    passing = isinstance(error, ServerError | RequestTimeoutError | ConnectionFailedError | StreamError)
    if passing and round < rounds:
        return Verdict(Act.AGAIN, wait=FIRST_WAIT * 2 ** (round - 1))
    return Verdict(Act.RECORD)


def _hopeless(error: GHModelsError, failed_connections: int) -> bool:
    if isinstance(error, ConfigurationError | BudgetExceededError):
        return True
    if isinstance(error, APIError):
        return error.status in (401, 403, 410)
    if isinstance(error, ConnectionFailedError):
        return error.unknown_host or failed_connections >= CONNECTION_FAILURES
    return False
