"""Checked by mypy and pyright, never run: what the client promises to a checker, and which mistakes it finds."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, assert_type

import numpy
from numpy.typing import NDArray

from ghmodels_async import (
    BulkRun,
    ChatDelta,
    ChatReply,
    ChatStream,
    Check,
    EmbeddingsPart,
    EmbeddingsRun,
    GateOptions,
    GitHubModels,
    Outcome,
    ReplyMeta,
    RetryPolicy,
    Tally,
    Timeouts,
    Verification,
)
from ghmodels_async.catalog import ContextLimit, Cost
from ghmodels_async.errors import GHModelsError, QuotaExhaustedError, RequestTimeoutError
from ghmodels_async.limits import LimitState
from ghmodels_async.middleware import CallNext, Middleware, log_attempts, trace_attempts
from ghmodels_async.transport import Request, Response, SessionPool
from ghmodels_async.wire import ModelCard, Usage

Matrix = NDArray[numpy.float32]
Lists = list[list[float]]


async def key() -> str:
    return "key"


def making() -> None:
    GitHubModels()
    GitHubModels("ghp_x", profile="groq", plan="free", limits={"openai/*": {"requests_per_minute": 5}})
    GitHubModels(key, account="app", limits=GateOptions(queue_limit=5), timeouts={"stall": 5}, retry=RetryPolicy())
    GitHubModels(lambda: "key", timeouts=Timeouts(stall=None), transport=SessionPool(), middleware=[log_attempts()])
    GitHubModels(organisation="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    GitHubModels(timeouts=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    GitHubModels(token=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def replies(gh: GitHubModels) -> None:
    reply = await gh.chat("m", "x", temperature=0.2, stop="END", deadline=5, priority="interactive")
    assert_type(reply, ChatReply)
    assert_type(reply.text, str)
    assert_type(reply.usage, Usage | None)
    assert_type(reply.cost, Cost)
    assert_type(reply.finish_reason, str | None)
    assert_type(reply.meta, ReplyMeta)
    await gh.chat("m", [{"role": "user", "content": [{"type": "text", "text": "x"}]}], extra_body={"any": 1})
    await gh.chat("m", "x", temprature=0.2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await gh.chat("m", "x", temperature="hot")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await gh.chat("m", "x", priority="urgent")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await gh.chat("m", "x", timeouts={"stal": 5})  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportArgumentType]
    await gh.chat("m", "x", stream=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def streams(gh: GitHubModels) -> None:
    stream = gh.stream("m", "x", max_tokens=5)
    assert_type(stream, ChatStream)
    async with stream as entered:
        assert_type(entered, ChatStream)
        async for delta in entered:
            assert_type(delta, ChatDelta)
            assert_type(delta.text, str)
    async for text in gh.stream("m", "x").text:
        assert_type(text, str)
    assert_type(await gh.stream("m", "x").final(), ChatReply)
    gh.stream("m", "x", max_token=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await gh.stream("m", "x")  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]


async def many(gh: GitHubModels) -> None:
    run = gh.map(["x", "y"], model="m", concurrency=5, ordered=True, on_exhausted="wait")
    assert_type(run, BulkRun[Any])
    async for outcome in run:
        assert_type(outcome, Outcome)
        assert_type(outcome.reply, ChatReply | None)
        assert_type(outcome.error, GHModelsError | None)
    gh.map(["x"], modl="m")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def prompts() -> AsyncIterator[str]:
    yield "x"


async def vectors(gh: GitHubModels, either: bool) -> None:
    assert_type(await gh.embed("m", "x"), Matrix | Lists)
    assert_type(await gh.embed("m", ["x"], array=None), Matrix | Lists)
    assert_type(await gh.embed("m", ("x" for _ in "ab"), array=True, dimensions=8), Matrix)
    assert_type(await gh.embed("m", prompts(), array=False, encoding="float"), Lists)
    assert_type(await gh.embed("m", ["x"], array=either), Matrix | Lists)
    run = gh.embed_each("m", prompts(), concurrency=3)
    assert_type(run, EmbeddingsRun[Matrix | Lists])
    async for part in run:
        assert_type(part, EmbeddingsPart[Matrix | Lists])
    async with gh.embed_each("m", "x", array=True) as arrays:
        async for rows in arrays:
            assert_type(rows.vectors, Matrix)
    async for plain in gh.embed_each("m", "x", array=False):
        assert_type(plain.vectors, Lists)
    await gh.embed("m", "x", dimension=8)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await gh.embed("m", [1, 2])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


async def knowledge(gh: GitHubModels) -> None:
    assert_type(await gh.models(prefix="openai/"), Sequence[ModelCard])
    limit = gh.context_limit("m")
    assert_type(limit, ContextLimit)
    assert_type(limit.value, int | None)
    assert_type(gh.usage, Tally)
    assert_type(gh.usage.cost, Cost)
    assert_type(gh.usage.costs, dict[str, Cost])
    assert_type(gh.limits.explain("m"), list[LimitState])
    assert_type(gh.limits.eta("m", "batch"), float)
    found = await gh.verify("m", raises=False)
    assert_type(found, Verification)
    assert_type(found.checks, tuple[Check, ...])
    await gh.aclose(drain=5)


async def lifetime() -> None:
    async with GitHubModels() as gh:
        assert_type(gh, GitHubModels)


async def stamp(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


def layers() -> None:
    layer: Middleware = stamp
    GitHubModels(middleware=[layer, log_attempts(), trace_attempts()])
    GitHubModels(middleware=[print])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def handling(error: GHModelsError) -> None:
    assert_type(error.fix, str)
    if isinstance(error, QuotaExhaustedError):
        assert_type(error.limit, str | None)
    if isinstance(error, RequestTimeoutError):
        plain: TimeoutError = error
        assert plain is not None
