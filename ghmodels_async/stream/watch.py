"""Waiting with a deadline, many times over, on one timer.

Theory of operation. A stream waits for its socket once per network read and moves its deadline each time. The timer is
armed only when a wait needs an earlier instant than it is set to; when it fires it looks whether the current wait's
deadline has come and, if not, arms itself for that. Expiry cancels the waiting task; the cancellation is taken back
where it arrives (`Task.uncancel`), as `asyncio.timeout` does, so a real cancellation in the same instant wins. A few
comparisons per read instead of an object, a timer and a context manager (docs/decisions/0032).

A wait is written out where it happens, so that it costs no coroutine of its own::

    watch.start(due)
    try:
        data = await something()
    except asyncio.CancelledError:
        why = watch.taken_back()      # None: somebody else cancelled
        if why is None:
            raise
    finally:
        watch.stop()
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from ..clock import Clock

__all__ = ["Cut", "Watch"]

Cut = Literal["expired", "closed"]

#: A timer may fire this much early (the loop's clock has a resolution, scaling rounds): nominal seconds.
_SLACK = 1e-6


class Watch:
    """Deadlines for the waits of one owner, one wait at a time.

    Args:
        clock: Nominal time.
    """

    __slots__ = ("_cancelling", "_clock", "_cut", "_due", "_task", "_timer", "_timer_at")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._cut: Cut | None = None

    @property
    def waiting(self) -> bool:
        """Whether a wait is in progress."""
        return self._task is not None

    def start(self, due: float | None) -> None:
        """The running task is about to wait until the instant `due` (nominal monotonic; None for ever).

        Raises:
            RuntimeError: Another task is waiting.
        """
        if self._task is not None:
            raise RuntimeError("another task is already waiting for this stream")
        task = asyncio.current_task()
        assert task is not None, "a stream can only be read inside a task"
        self._task = task
        self._cancelling = task.cancelling()
        self._due = due
        if due is not None and (self._timer is None or due < self._timer_at):
            self._arm(due)

    def taken_back(self) -> Cut | None:
        """A CancelledError has arrived. Say why it was sent from here, and take it back; None if it was not ours."""
        why, self._cut = self._cut, None
        if why is None or self._task is None or self._task.uncancel() > self._cancelling:
            return None
        return why

    def stop(self) -> None:
        """The wait is over, however it ended."""
        if self._cut is not None and self._task is not None:  # it ended by itself in spite of our cancellation
            self._cut = None
            self._task.uncancel()
        self._task = None

    def cut(self) -> None:
        """End the wait in progress, if any."""
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
