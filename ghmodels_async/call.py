"""One call's life: the only room that knows transport, limits and stream.

Theory of operation. A `Call` makes attempts until one succeeds or the retry policy gives up. Each attempt

  1. acquires a permit from the gate (the only place where anybody waits for quota),
  2. sends through the middleware; the instant at which bytes leave is stamped on the permit,
  3. reads the head: evidence for the permit; anything but a 200 becomes a typed error, a 429 teaches the gate,
  4. hands a 200's body to `begin`: for a whole reply it reads and validates, for a stream it reads up to the first
     delta. Until `begin` returns, a failure may be followed by another attempt; afterwards never.

Every attempt ends in `Exchange.end`, once: the response is released, then the permit settled. Whether anything is
refunded is the permit's own knowledge: it was told whether bytes had left.

An exchange that streams outlives its attempt: `ChatStream` ends it through `finish`. Longer than most files here: the
order of these steps is the point, and it is only clear in one place.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, TypeVar

from .errors import (
    ConnectionFailedError,
    GHModelsError,
    RateLimitError,
    RequestTimeoutError,
    RequestTooLargeError,
    TokenInvalidError,
    classify,
    from_error_object,
)
from .exchange import Exchange, outcome_of
from .limits import Gate, Outcome
from .middleware import Attempt
from .stream import ChatReply, ChatStream, ReplyMeta, StreamOutcome
from .terms import Terms
from .transport import FailedAttempt, Request, Response, Retry, Token, with_retries
from .wire import ChatRequest, EmbeddingsRequest, Usage
from .wiring import Wiring, heads

__all__ = ["Call"]

T = TypeVar("T")
_log = logging.getLogger("ghmodels_async.call")

#: How a stream's end looks to the quota. A server that ended a stream itself has stopped working on it.
_OUTCOMES = {
    StreamOutcome.COMPLETED: Outcome.COMPLETED,
    StreamOutcome.TRUNCATED: Outcome.FAILED,
    StreamOutcome.FAILED: Outcome.FAILED,
    StreamOutcome.INTERRUPTED: Outcome.ABANDONED,
    StreamOutcome.TIMED_OUT: Outcome.ABANDONED,
    StreamOutcome.ABANDONED: Outcome.ABANDONED,
}


class Call:
    """One call: its request, its options, its attempts. Implements `stream.Opener`.

    Args:
        wiring: The client's parts.
        request: What to send.
        terms: How long to wait, how stubborn to be, how urgent it is.
        url: Where to.
        body: The encoded request.
    """

    __slots__ = (
        "_began_at",
        "_body",
        "_cut",
        "_deadline",
        "_exchange",
        "_more",
        "_number",
        "_queue_wait",
        "_request",
        "_size",
        "_stream",
        "_streamed",
        "_task",
        "_terms",
        "_token",
        "_url",
        "_wiring",
    )  # fmt: skip

    def __init__(
        self, wiring: Wiring, request: ChatRequest | EmbeddingsRequest, terms: Terms, *, url: str, body: bytes
    ) -> None:
        self._wiring = wiring
        self._request = request
        self._terms = terms
        self._url = url
        self._body = body
        self._size = wiring.estimates.of(request)
        self._exchange: Exchange | None = None
        self._token: Token | None = None
        self._began_at = 0.0
        self._deadline: float | None = None
        self._queue_wait = 0.0
        self._task: asyncio.Task[Any] | None = None  # who opens
        self._cut = False
        self._more = 0  # attempts beside those the retry policy counts: one, with a token that was renewed
        self._streamed = True
        self._stream: weakref.ref[ChatStream] | None = None
        self._number = 1  # of the last attempt

    async def open(self, begin: Callable[[Response], Awaitable[None]]) -> None:
        """Make attempts until ``await begin(response)`` returns. See `stream.Opener`.

        Raises:
            GHModelsError: The last attempt's error; every attempt is settled.

        Cancellation: safe: the attempt in progress is settled, nothing stays open.
        """
        calls, whole = self._wiring.calls, self._terms.whole_call
        calls.began(self)
        task = self._task = asyncio.current_task()
        assert task is not None, "a call can only be made inside a task"
        cancelling = task.cancelling()
        self._began_at = self._wiring.clock.now()
        try:
            if whole is None:
                await self._make(begin)
            else:
                await self._make_in_time(begin, whole)
        except BaseException as error:
            calls.ended(self)
            if self._cut and task.uncancel() <= cancelling and isinstance(error, asyncio.CancelledError):
                raise self._closed_under() from None
            raise
        else:
            if self._cut:  # in the very moment in which it succeeded
                task.uncancel()
        finally:
            self._task = None

    async def _make_in_time(self, begin: Callable[[Response], Awaitable[None]], seconds: float) -> None:
        """All attempts, within the call's deadline."""
        self._deadline = self._began_at + seconds
        total = self._wiring.clock.timeout(seconds)
        try:
            async with total:
                await self._make(begin)
        except TimeoutError as error:
            if isinstance(error, GHModelsError) or not total.expired():
                raise
            raise self._too_long() from None

    async def _make(self, begin: Callable[[Response], Awaitable[None]]) -> None:
        wiring, terms = self._wiring, self._terms
        gate = wiring.gate_for(await wiring.tokens.current())

        await with_retries(
            partial(self._attempt, begin),
            terms.attempts,
            clock=wiring.clock,
            deadline=self._deadline,
            budget=wiring.budget_of(gate),
            rng=wiring.luck,
            on_attempt=self._failed,
        )

    async def whole(self, read: Callable[[bytes, ReplyMeta], T], usage_of: Callable[[T], Usage | None]) -> T:
        """Make the call and read its reply at once.

        Args:
            read: Turns body and meta into the reply; raises GHModelsError if the body is none.
            usage_of: What the reply cost.

        Cancellation: safe, as in `open`.
        """
        reply: T | None = None
        self._streamed = False

        async def begin(response: Response) -> None:
            nonlocal reply
            body = await response.read()
            reply = read(body, self._meta(self._wiring.clock.now()))

        await self.open(begin)
        assert reply is not None
        exchange = self._exchange
        if exchange is not None and exchange.attempt is not None and isinstance(reply, ChatReply):
            exchange.attempt.reply = reply
        self._end(Outcome.COMPLETED, usage_of(reply))
        return reply

    def watch(self, stream: ChatStream) -> None:
        """Remember whose attempts these are, for middleware that asks how the reply ended. Keeps nothing alive."""
        if self._wiring.observed:
            self._stream = weakref.ref(stream)

    def classify(self, error: Any) -> GHModelsError:
        """Make a typed exception of an error object inside a 200. See `stream.Opener`."""
        exchange, wiring = self._exchange, self._wiring
        headers = exchange.headers if exchange else {}
        context = wiring.fault_context(self._request.model, self._url)
        named = from_error_object(error, headers, context, wall=wiring.clock.wall())
        if exchange is not None and wiring.gate is not None:
            self._teach(wiring.gate, exchange, named)
        return named

    def classify_body(self, body: bytes) -> GHModelsError:
        """Make a typed exception of a 200's body that is no reply."""
        headers = self._exchange.headers if self._exchange else {}
        context = self._wiring.fault_context(self._request.model, self._url)
        return classify(200, headers, body, context, wall=self._wiring.clock.wall())

    def finish(self, outcome: StreamOutcome, usage: Usage | None) -> None:
        """Settle the attempt that was streamed. See `stream.Opener`."""
        stream = self._stream() if self._stream is not None else None
        if stream is not None and self._exchange is not None and self._exchange.attempt is not None:
            self._exchange.attempt.reply = stream.reply
        self._end(_OUTCOMES[outcome], usage, outcome.name.lower())

    def cut(self) -> None:
        """End now: the client is being closed. A stream that is open breaks off for its reader."""
        task = self._task
        if task is None:
            if self._exchange is not None:
                self._exchange.end(Outcome.ABANDONED, None, "abandoned")
            self._wiring.calls.ended(self)
        elif not self._cut and task is not asyncio.current_task():
            self._cut = True
            task.cancel()

    async def _attempt(self, begin: Callable[[Response], Awaitable[None]], number: int) -> None:
        wiring, terms, model = self._wiring, self._terms, self._request.model
        token = self._token = await wiring.tokens.current()
        gate = wiring.gate_for(token)
        asked_at = wiring.clock.now()
        gate.check_size(model, self._size.certain, 0)  # how much a reply may have is the server's to cut, not to refuse
        permit = await gate.acquire(
            model,
            priority=terms.priority,
            deadline=self._grant_until(asked_at),
            tokens_in=self._size.likely,
            tokens_out=self._size.out,
            on_exhausted=terms.on_exhausted,
            front=self._exchange.permit.position if self._exchange else None,
        )
        self._queue_wait += wiring.clock.now() - asked_at
        exchange = self._exchange = Exchange(permit, wiring)
        self._number = number + self._more
        if wiring.observed:
            exchange.attempt = self._observed_attempt()
        try:
            response = exchange.response = await self._send(exchange, token)
            head = response.head
            exchange.headers = head.headers
            permit.answered(head.received_at, head.status, head.headers)
            if (kept := heads.get()) is not None:
                kept.append(head)
            if exchange.attempt is not None:
                self._describe(exchange.attempt, response)
            if head.status != 200:
                raise await self._refusal(exchange, response)
            await begin(response)
            if exchange.attempt is not None and self._streamed:
                exchange.attempt.first_delta_after = wiring.clock.now() - exchange.sent_at
        except BaseException as error:
            self._settle_failure(gate, exchange, error)
            if not isinstance(error, TokenInvalidError) or self._more or not await wiring.tokens.refresh(token):
                raise
            self._failed(FailedAttempt(number, error, Retry(0.0, 0)))
            self._more = 1
            await self._attempt(begin, number)

    def _settle_failure(self, gate: Gate, exchange: Exchange, error: BaseException) -> None:
        """An attempt is over: learn from it, then release and settle."""
        if exchange.attempt is not None:
            exchange.attempt.error = error
        self._teach(gate, exchange, error)
        exchange.end(outcome_of(error))
        if isinstance(error, RequestTooLargeError) and error.maximum is not None:
            gate.too_large(self._request.model, error.maximum)
            self._wiring.estimates.refused(self._request.model, self._size, error.maximum)

    def _teach(self, gate: Gate, exchange: Exchange, error: BaseException) -> None:
        """A 429 pauses its limit once for everybody, whether it was the answer or stood inside one."""
        if isinstance(error, RateLimitError) and error.status is not None and not exchange.taught:
            exchange.taught = True
            response = exchange.response
            refused = response is not None and response.head.status == 429  # then the wait counts from the head
            at = response.head.received_at if response is not None and refused else self._wiring.clock.now()
            gate.rejected(exchange.permit, error.facts, at)

    def _send(self, exchange: Exchange, token: Token) -> Awaitable[Response]:
        wiring = self._wiring
        headers = wiring.headers_for(token)
        if self._request.extra_headers:
            headers = {**headers, **self._request.extra_headers}
        request = Request("POST", self._url, headers, self._body)
        wiring.tally.attempts += 1
        return wiring.send(request, wiring.phases_of(self._terms.timeouts), exchange.sent, exchange.attempt)

    async def _refusal(self, exchange: Exchange, response: Response) -> GHModelsError:
        """Name an answer that is not a 200. The connection survives if the body is short and complete."""
        body = bytearray()
        try:
            async with self._wiring.clock.timeout(self._terms.timeouts.stall):
                async for data in response:
                    body += data
                    if len(body) > _ERROR_BODY:
                        break
        except (TimeoutError, ConnectionFailedError):
            pass  # status and headers say enough
        context = self._wiring.fault_context(self._request.model, self._url, self._token)
        return classify(response.head.status, exchange.headers, bytes(body), context, wall=self._wiring.clock.wall())

    @property
    def meta(self) -> ReplyMeta:
        """What is known of the last attempt; put together when asked for. See `stream.Opener`."""
        return self._meta(None)

    def _meta(self, ended_at: float | None) -> ReplyMeta:
        """How the reply came about, which ended at a nominal monotonic instant or goes on."""
        exchange, model = self._exchange, self._request.model
        if exchange is None or exchange.response is None:
            return ReplyMeta(model=model)
        headers, sent_at = exchange.headers, exchange.sent_at
        id_name, kept = _telling(tuple(headers))
        return ReplyMeta(
            attempts=self._number,
            queue_wait=self._queue_wait,
            request_id=headers[id_name] if id_name else None,
            model=model,
            sent_at=datetime.fromtimestamp(exchange.sent_wall, UTC),
            head_after=exchange.response.head.received_at - sent_at,
            duration=None if ended_at is None else ended_at - sent_at,
            headers={name: headers[name] for name in kept},
            prices=self._wiring.prices_of(model),
        )

    def _grant_until(self, asked_at: float) -> float | None:
        """The instant by which the quota must have opened: the call's end, or the end of its patience in the queue."""
        patience = self._terms.timeouts.queue
        if patience is None:
            return self._deadline
        return asked_at + patience if self._deadline is None else min(self._deadline, asked_at + patience)

    def _observed_attempt(self) -> Attempt:
        """What middleware may know before anything is sent."""
        return Attempt(
            self._request,
            streamed=self._streamed,
            number=self._number,
            profile=self._wiring.profile.name,
            queue_wait=self._queue_wait,
        )

    def _describe(self, attempt: Attempt, response: Response) -> None:
        """Tell middleware what the head says."""
        assert self._exchange is not None
        attempt.status = response.head.status
        id_name, _ = _telling(tuple(response.head.headers))
        attempt.request_id = response.head.headers[id_name] if id_name else None
        attempt.head_after = response.head.received_at - self._exchange.sent_at

    def _failed(self, failure: FailedAttempt) -> None:
        if self._more:
            failure = replace(failure, number=failure.number + self._more)
        self._wiring.attempt_failed(self._request.model, failure)

    def _end(self, outcome: Outcome, usage: Usage | None, how: str = "") -> None:
        exchange = self._exchange
        try:
            if exchange is not None:
                exchange.end(outcome, usage, how)
        finally:
            self._wiring.calls.ended(self)
            self._wiring.spent(self._request, usage, self._size)

    def _closed_under(self) -> ConnectionFailedError:
        exchange = self._exchange
        return ConnectionFailedError(
            "The client was closed while this call was in flight.",
            sent=exchange is not None and exchange.sent_at > 0,
            checked="whether the client is still open",
            fix="Close it when its calls are done, or give them time with aclose(drain=...)",
        )

    def _too_long(self) -> RequestTimeoutError:
        exchange = self._exchange
        return RequestTimeoutError(
            phase="total",
            elapsed=self._wiring.clock.now() - self._began_at,
            sent=exchange is not None and exchange.sent_at > 0,
            checked=f"deadline: {self._terms.whole_call:g} s for the whole call",
            fix="Allow a longer deadline, or ask for less output",
        )


#: Bytes of an error's body that are read. Real ones have hundreds; nobody needs the rest of a page.
_ERROR_BODY = 1_000_000
_REQUEST_IDS = ("x-github-request-id", "x-request-id", "x-ms-request-id", "apim-request-id", "request-id")
_KEPT_HEADERS = ("x-ratelimit", "retry-after", "deprecation", "sunset", "link", "azureml-model", "x-ms-")


@lru_cache(maxsize=64)  # a server's answers have the same few sets of names all day
def _telling(names: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Of the header names of an answer: the one with the request's id, and those worth keeping."""
    id_name = next((name for name in _REQUEST_IDS if name in names), None)
    return id_name, tuple(name for name in names if name.startswith(_KEPT_HEADERS))
