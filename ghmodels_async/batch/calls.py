"""The door to the client: what the runner needs of it, and how one lane's rows go through it."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ghmodels_async.bulk import Run
from ghmodels_async.errors import GHModelsError
from ghmodels_async.stream import ChatReply, ReplyMeta
from ghmodels_async.wire import ChatRequest, EmbeddingsRequest, Usage

from .envelope import Answer, vectors_answer
from .lanes import Lane
from .objections import objections
from .rows import CHAT_URL, Job, RowError

__all__ = ["Caller", "Result", "outcomes", "request_of"]


class Results(Protocol):
    """Results as they finish; leaving the block cancels what is still under way."""

    async def __aenter__(self) -> AsyncIterable[Any]: ...
    async def __aexit__(self, *reason: Any) -> None: ...


class Caller(Protocol):
    """What the runner needs of a client, so that a test can bring its own. Embeddings rows also need `embed_each`."""

    def map(
        self,
        requests: AsyncIterable[Any],
        *,
        concurrency: int | None = None,
        stream: bool = True,
        priority: Literal["interactive", "default", "batch"] = "batch",
        on_exhausted: Literal["raise", "wait"] = "wait",
    ) -> Results: ...


class Result(Protocol):
    """What became of one row: an answer or an error. `key` is its `Job`."""

    @property
    def key(self) -> Any: ...
    @property
    def reply(self) -> ChatReply | Answer | None: ...
    @property
    def error(self) -> GHModelsError | None: ...


def request_of(client: Caller, job: Job, model: str) -> ChatRequest | EmbeddingsRequest:
    """The request of one row, if the endpoint is not known to refuse it: what `batch check` finds, row by row.

    Raises:
        RowError: It is none, or would be refused.
    """
    request = job.request(model)
    profile = getattr(client, "profile", None)
    if profile is not None and (found := objections(profile, request)):
        raise RowError(job.line, "; ".join(found))
    return request


def outcomes(client: Caller, requests: AsyncIterator[tuple[Job, Any]], lane: Lane) -> Results:
    """Send a lane's requests; a result for each, as they finish.

    Chat is streamed underneath: a broken or stalled answer is noticed. Waiting for a daily quota is the run's business
    (other models go on meanwhile), so the client is told to say so instead of waiting.
    """
    if lane.key[1] == CHAT_URL:
        width = lane.width if lane.more is None else None
        return client.map(requests, concurrency=width, priority="batch", on_exhausted="raise", stream=True)

    async def work(ordinal: int, item: tuple[Job, EmbeddingsRequest]) -> _Embedded:
        job, request = item
        try:
            return _Embedded(ordinal, job, await _embedded(client, request))
        except GHModelsError as error:
            return _Embedded(ordinal, job, None, error)

    return Run(requests, work, concurrency=lane.width, more=lane.more)


@dataclass(frozen=True, slots=True)
class _Embedded:
    ordinal: int
    key: Job
    reply: Answer | None
    error: GHModelsError | None = None


async def _embedded(client: Any, request: EmbeddingsRequest) -> Answer:
    """The vectors of one row; a row of more texts than the endpoint takes at once is several requests."""
    run = client.embed_each(
        request.model,
        request.input,
        array=False,
        dimensions=request.dimensions,
        user=request.user,
        extra_body=request.extra_body,
        priority="batch",
        on_exhausted="raise",
    )
    vectors: list[list[float]] = []
    usage: Usage | None = None
    meta = ReplyMeta(model=request.model)
    async with run:
        async for part in run:
            vectors += part.vectors
            meta = part.meta
            usage = run.usage if part.usage is not None else usage
    shown = [_packed(vector) for vector in vectors] if request.encoding_format == "base64" else vectors
    return vectors_answer(shown, request.model, usage, meta)


def _packed(vector: list[float]) -> str:
    """Little-endian float32 in base64, as ``encoding_format: base64`` asks for."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode("ascii")
