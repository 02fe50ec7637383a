"""The door to the client: what the runner needs of it, and how one lane's rows go through it."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Literal, Protocol

from .lanes import Lane

__all__ = ["Caller", "outcomes"]


class Caller(Protocol):
    """What the runner needs of a client, so that a test can bring its own."""

    def map(
        self,
        requests: AsyncIterable[Any],
        *,
        concurrency: int | None = None,
        stream: bool = True,
        priority: Literal["interactive", "default", "batch"] = "batch",
        on_exhausted: Literal["raise", "wait"] = "wait",
    ) -> AsyncIterable[Any]: ...


def outcomes(client: Caller, requests: AsyncIterator[Any], lane: Lane) -> AsyncIterable[Any]:
    """Send a lane's requests; an outcome for each, as they finish.

    Chat is streamed underneath: a broken or stalled answer is noticed. Waiting for a daily quota is the run's business
    (other models go on meanwhile), so the client is told to say so instead of waiting.
    """
    return client.map(requests, concurrency=lane.width, priority="batch", on_exhausted="raise", stream=True)
