"""Waiting with a deadline, many times over, on one timer.

Theory of operation. A stream waits for its socket once per network read and moves its deadline each time. The timer is
armed only when a wait needs an earlier instant than it is set to; when it fires it looks whether the current wait's
deadline has come and, if not, arms itself for that. Expiry cancels the waiting task; the cancellation is taken back
where it arrives (`Task.uncancel`), exactly as `asyncio.timeout` does, so a real cancellation in the same instant wins.
One comparison per read instead of one object (docs/decisions/0032).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Literal, TypeVar

from ..clock import Clock

__all__ = ["WaitCutError", "Watch"]

T = TypeVar("T")
Cut = Literal["expired", "closed"]

#: A timer may fire this much early (the loop's clock has a resolution, scaling rounds): nominal seconds.
_SLACK = 1e-6


class WaitCutError(Exception):
    """A wait was ended from this side: its time was up, or somebody closed what was waited for."""

    def __init__(self, why: Cut) -> None:
        super().__init__(why)
        self.why = why


class Watch:
    """Deadlines for the waits of one owner, one wait at a time.

    Args:
        clock: Nominal time.
    """

    __slots__ = ("_clock", "_cut", "_due", "_task", "_timer", "_timer_at")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._task: asyncio.Task[object] | None = None
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._cut: Cut | None = None

    @property
    def waiting(self) -> bool:
        return self._task is not None

    async def wait(self, awaitable: Awaitable[T], due: float | None) -> T:
        """Await `awaitable` until the instant `due` (nominal monotonic; None for ever).

        Raises:
            WaitCutError: `due` has come, or `cut` was called.

        Cancellation: passed to `awaitable`.
        """
        task = asyncio.current_task()
        assert task is not None
        cancelling = task.cancelling()
        self._task = task
        self._due = due
        if due is not None and (self._timer is None or due < self._timer_at):
            self._arm(due)
        try:
            return await awaitable
        except asyncio.CancelledError:
            why, self._cut = self._cut, None
            if why is None or task.uncancel() > cancelling:
                raise
            raise WaitCutError(why) from None
        finally:
            self._task = None
            if self._cut is not None:  # the awaitable ended by itself in spite of our cancellation
                self._cut = None
                task.uncancel()

    def cut(self) -> None:
        """End the wait in progress, if any, with WaitCutError."""
        self._end("closed")

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: float) -> None:
        self.close()
        self._timer_at = when
        self._timer = self._clock.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._task is None or self._due is None:
            return
        if self._due - self._clock.now() > _SLACK:
            self._arm(self._due)
        else:
            self._end("expired")

    def _end(self, why: Cut) -> None:
        if self._task is not None and self._cut is None:
            self._cut = why
            self._task.cancel()
