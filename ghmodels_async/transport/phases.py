"""The two phases of getting a head, connect and head, on one timer.

A timer of its own instead of `asyncio.timeout`, because this is on the path of every request: entering, moving and
leaving an `asyncio.timeout` costs 6.5 µs, one timer that is looked at again when it fires costs 1.5 µs. The rules are
the same: the timer cancels the task that waits, and that becomes a timeout only if nobody else cancelled too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..clock import Clock
from ..errors import RequestTimeoutError
from .http import PhaseTimeouts

__all__ = ["Phases"]


class Phases:
    """Times one request of the running task, from its creation until `end()`.

    Args:
        clock: Counts nominal seconds.
        timeouts: How long each phase may take.
        on_sent: Called with nominal monotonic seconds when the first bytes leave.
    """

    __slots__ = ("_cancelling", "_clock", "_expired", "_on_sent", "_task", "_timeouts", "_timer", "began", "sent_at")

    def __init__(self, clock: Clock, timeouts: PhaseTimeouts, on_sent: Callable[[float], None] | None) -> None:
        self._clock = clock
        self._timeouts = timeouts
        self._on_sent = on_sent
        self._expired = False
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.began = clock.now()
        self.sent_at: float | None = None
        if timeouts.connect is not None:
            self._arm(self.began + timeouts.connect)

    def sent(self) -> None:
        """The first bytes are about to be handed to the socket: the head phase begins."""
        if self.sent_at is not None:
            return
        self.sent_at = now = self._clock.now()
        head = self._timeouts.head
        # A timer that is due earlier is kept: when it fires it sees that the phase has changed and is set anew.
        if head is not None and (self._timer is None or self._timer.when() > self._clock.real(now + head)):
            self.end()
            self._arm(now + head)
        if self._on_sent is not None:
            self._on_sent(now)

    def end(self) -> None:
        """Stop timing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def timed_out(self) -> bool:
        """Whether the cancellation just caught is the timer's alone. Takes it back then."""
        return self._expired and self._task is not None and self._task.uncancel() <= self._cancelling

    def error(self, checked: str) -> RequestTimeoutError:
        """The error for the phase that took too long."""
        now = self._clock.now()
        if self.sent_at is None:
            fix = "Check the network, the address and any proxy; or raise the connect timeout"
            return RequestTimeoutError(phase="connect", elapsed=now - self.began, sent=False, checked=checked, fix=fix)
        fix = "Raise the head timeout: a long answer that is not streamed sends its head last"
        return RequestTimeoutError(phase="head", elapsed=now - self.sent_at, sent=True, checked=checked, fix=fix)

    def _arm(self, when: float) -> None:
        if self._task is None:
            self._task = asyncio.current_task()
            self._cancelling = self._task.cancelling() if self._task is not None else 0
        self._timer = self._clock.call_at(when, self._fire)

    def _fire(self) -> None:
        self._timer = None
        limit, since = self._timeouts.connect, self.began
        if self.sent_at is not None:
            limit, since = self._timeouts.head, self.sent_at
        if limit is None:
            return
        if self._clock.now() < since + limit:
            self._arm(since + limit)
        elif self._task is not None:
            self._expired = True
            self._task.cancel()
