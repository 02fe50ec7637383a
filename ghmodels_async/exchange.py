"""One attempt that has a permit: its response, its evidence, and its one end."""

from __future__ import annotations

import asyncio
from typing import Any

from .errors import APIError, ConnectionFailedError, RateLimitError, RequestTimeoutError, RequestTooLargeError
from .limits import Outcome, Permit
from .middleware import Attempt
from .transport import Response
from .wire import Usage
from .wiring import Wiring

__all__ = ["Exchange", "outcome_of"]


class Exchange:
    """Made when the permit is there; `end` is called once by whoever sees the end.

    Args:
        permit: The right to send; settled here.
        wiring: The client's parts.
    """

    __slots__ = ("_ended", "_loop", "_wiring", "attempt", "headers", "permit", "response", "sent_at", "sent_wall",
                 "taught")  # fmt: skip

    def __init__(self, permit: Permit, wiring: Wiring) -> None:
        self.permit = permit
        self.response: Response | None = None
        self.headers: Any = {}
        self.sent_at = self.sent_wall = 0.0
        self.attempt: Attempt | None = None  # what middleware may know of it
        self._wiring = wiring
        self._loop = asyncio.get_running_loop()
        self._ended = False
        self.taught = False

    def sent(self, at: float) -> None:
        self.sent_at = at
        self.sent_wall = self._wiring.clock.wall()
        self.permit.sent(at)

    def end(self, outcome: Outcome, usage: Usage | None = None, how: str = "") -> None:
        """Release the response, settle the permit, then tell middleware. Idempotent."""
        if self._ended:
            return
        self._ended = True
        now = self._loop.time() * self._wiring.clock.scale  # a forgotten stream may be collected outside its loop
        try:
            if self.response is not None:
                self.response.release()
        finally:
            self.permit.settle(
                outcome,
                at=now,
                usage_tokens_in=usage.prompt_tokens if usage else None,
                usage_tokens_out=usage.completion_tokens if usage else None,
            )
            attempt = self.attempt
            if attempt is not None:
                attempt.usage = usage
                attempt.duration = now - self.sent_at if self.sent_at else None
                attempt.ended(how or outcome.value)


def outcome_of(error: BaseException) -> Outcome:
    """What a failed attempt means for the quota. The permit itself knows whether bytes had left."""
    if isinstance(error, RateLimitError):
        return Outcome.REJECTED
    if isinstance(error, (APIError, RequestTooLargeError)):
        return Outcome.FAILED
    if isinstance(error, (ConnectionFailedError, RequestTimeoutError)) and not error.sent:
        return Outcome.NOT_SENT
    return Outcome.UNKNOWN
