"""One deadline over many requests and what happens between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from .clock import Clock
from .errors import RequestTimeoutError
from .wire import ChatCallOptions

__all__ = ["Deadline"]

T = TypeVar("T")


class Deadline:
    """What is left of a run's time. Starts when it is made.

    Args:
        seconds: Nominal seconds for everything; None means no limit.
        clock: Nominal time.
    """

    def __init__(self, seconds: float | None, clock: Clock) -> None:
        self._clock = clock
        self._seconds = seconds
        self._began = clock.now()

    def left(self) -> float | None:
        """Nominal seconds left.

        Raises:
            RequestTimeoutError: None are.
        """
        if self._seconds is None:
            return None
        left = self._began + self._seconds - self._clock.now()
        if left <= 0:
            raise self._passed()
        return left

    def into(self, options: ChatCallOptions) -> None:
        """Give the next request what is left.

        Raises:
            RequestTimeoutError: Nothing is. The request was not sent, earlier ones were.
        """
        left = self.left()
        if left is not None:
            options["deadline"] = left

    async def over(self, wait: Callable[[], Awaitable[T]]) -> T:
        """Wait, but not longer than the deadline. Cancellation: as `wait`'s own."""
        scope = self._clock.timeout(self.left())
        try:
            async with scope:
                return await wait()
        except TimeoutError:
            if scope.expired():
                raise self._passed() from None
            raise

    def _passed(self) -> RequestTimeoutError:
        return RequestTimeoutError(
            phase="total",
            elapsed=self._clock.now() - self._began,
            sent=True,
            checked=f"deadline = {self._seconds:g} s for all requests together" if self._seconds else "",
            fix="Give a longer deadline=, or ask for less at once",
        )
