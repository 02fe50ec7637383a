"""Errors found on this side: settings, admission, the network, an unfinished stream."""

from __future__ import annotations

from typing import Any, Literal

from .root import GHModelsError

__all__ = [
    "AdmissionError",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContentError",
    "PlanError",
    "QueueFullError",
    "RequestTimeoutError",
    "RequestTooLargeError",
    "StreamDecodeError",
    "StreamError",
    "StreamInterruptedError",
    "StreamTruncatedError",
    "TimeoutPhase",
    "TokenNotFoundError",
    "WouldExceedDeadlineError",
]

TimeoutPhase = Literal["queue", "connect", "head", "first_delta", "stall", "total"]


class ConfigurationError(GHModelsError):
    """A setting is missing, contradictory or impossible. Nothing was sent."""


class TokenNotFoundError(ConfigurationError):
    """No token in any of the places looked at; `checked` lists them."""


class AdmissionError(GHModelsError):
    """The call was not let in. Nothing was sent and no quota was spent.

    Args:
        model: The model that was asked for.
    """

    def __init__(self, why: str = "", *, model: str | None = None, checked: str = "", fix: str = "") -> None:
        super().__init__(why, checked=checked, fix=fix)
        self.model = model


class WouldExceedDeadlineError(AdmissionError):
    """The quota opens too late for the call's deadline; known before waiting.

    Args:
        eta: Seconds until the call could start.
        limit: Name of the limit that decides, e.g. ``UserByModelByMinute``.
        retry_at: Unix time at which it could start; None when unknown.
    """

    def __init__(
        self, why: str = "", *, eta: float, limit: str | None = None, retry_at: float | None = None, **about: Any
    ) -> None:
        what = f" ({limit})" if limit else ""
        super().__init__(why or f"The deadline would pass first: quota{what} opens in {eta:.1f} s.", **about)
        self.eta = eta
        self.limit = limit
        self.retry_at = retry_at


class QueueFullError(AdmissionError):
    """Too many calls wait already.

    Args:
        queued: Calls waiting now.
        maximum: The bound of the queue.
        limit: Name of the limit they wait for, if known.
        retry_after: Seconds after which a place should be free; None when unknown.
    """

    def __init__(
        self,
        why: str = "",
        *,
        queued: int,
        maximum: int | None = None,
        limit: str | None = None,
        retry_after: float | None = None,
        **about: Any,
    ) -> None:
        super().__init__(why or f"The queue is full: {queued} calls wait already.", **about)
        self.queued = queued
        self.maximum = maximum
        self.limit = limit
        self.retry_after = retry_after


class RequestTooLargeError(AdmissionError):
    """One request is larger than this account may send, found here or by the server (413).

    Args:
        size: Estimated size, in `unit`; None when the server did not say.
        maximum: The largest size allowed, in `unit`; None when unknown.
        unit: What `size` and `maximum` count.
        status: 413 when the server said so; None when it was found before sending.
        code, request_id, body: As in `APIError`, of the 413.
    """

    def __init__(
        self,
        why: str = "",
        *,
        size: int | None = None,
        maximum: int | None = None,
        unit: str = "tokens",
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        body: Any = None,
        **about: Any,
    ) -> None:
        super().__init__(why or _too_large(size, maximum, unit), **about)
        self.size = size
        self.maximum = maximum
        self.unit = unit
        self.status = status
        self.code = code
        self.request_id = request_id
        self.body = body


def _too_large(size: int | None, maximum: int | None, unit: str) -> str:
    asked = "The request is too large" if size is None else f"The request has about {size} {unit}"
    return f"{asked}." if maximum is None else f"{asked}; at most {maximum} {unit} are allowed."


class PlanError(AdmissionError):
    """The model is not part of this plan ("not applicable" in the limit table).

    Args:
        plan: The plan in use.
        plans: Plans that include the model.
    """

    def __init__(self, why: str = "", *, plan: str, plans: tuple[str, ...] = (), **about: Any) -> None:
        model = about.get("model")
        super().__init__(why or f"Model {model!r} is not available on plan {plan!r}.", **about)
        self.plan = plan
        self.plans = tuple(plans)


class ContentError(AdmissionError):
    """A content part (an image, a recording) cannot be read, or the model does not take its kind."""


class ConnectionFailedError(GHModelsError):
    """No answer: the connection could not be made, or broke.

    Args:
        sent: Whether any byte of the request may have left. False: nothing was spent. True: unknown.
        unknown_host: Whether the host's name has no address: then no other call will get through either.
    """

    def __init__(
        self, why: str = "", *, sent: bool, unknown_host: bool = False, checked: str = "", fix: str = ""
    ) -> None:
        super().__init__(why, checked=checked, fix=fix)
        self.sent = sent
        self.unknown_host = unknown_host


class RequestTimeoutError(GHModelsError, TimeoutError):
    """One phase of a call took longer than it may. Also a builtin `TimeoutError`.

    Args:
        phase: Which phase.
        elapsed: Nominal seconds the phase had taken.
        sent: Whether any byte of the request may have left.
        partial: The reply folded so far, when a stream had begun; else None.
    """

    def __init__(
        self,
        why: str = "",
        *,
        phase: TimeoutPhase,
        elapsed: float,
        sent: bool = False,
        partial: Any = None,
        checked: str = "",
        fix: str = "",
    ) -> None:
        super().__init__(why or f"Timed out in phase {phase!r} after {elapsed:.1f} s.", checked=checked, fix=fix)
        self.phase = phase
        self.elapsed = elapsed
        self.sent = sent
        self.partial = partial


class StreamError(GHModelsError):
    """A stream that had begun did not end well. The request was spent.

    Args:
        partial: The reply folded so far; None when nothing had arrived. Not in message or repr.
    """

    def __init__(self, why: str = "", *, partial: Any = None, checked: str = "", fix: str = "") -> None:
        super().__init__(why, checked=checked, fix=fix)
        self.partial = partial


class StreamInterruptedError(StreamError):
    """The connection broke, or the server reported an error, after deltas had been handed out."""


class StreamTruncatedError(StreamError):
    """The stream ended without saying that it was finished."""


class StreamDecodeError(StreamError):
    """The bytes are not what a stream of events may hold."""
