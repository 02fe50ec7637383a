"""One attempt as a middleware sees it: which call it belongs to, and, once it has ended, what came of it.

An HTTP request does not say for which model it waited how long, and its response ends long after the middleware has
returned it. So the call keeps this record beside the request; `current_attempt()` finds it from inside a middleware,
and `on_end` calls back when the last byte was read, the stream was left, or the attempt failed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Literal

from ghmodels_async.stream import ChatReply
from ghmodels_async.wire import ChatRequest, EmbeddingsRequest, Usage

__all__ = ["Attempt", "current_attempt", "running"]

_log = logging.getLogger("ghmodels_async.middleware")

#: The attempt whose middleware is running; set by the call.
running: ContextVar[Attempt | None] = ContextVar("ghmodels_attempt", default=None)


def current_attempt() -> Attempt | None:
    """The attempt this middleware runs for; None for questions without quota (catalog, account) and outside."""
    return running.get()


class Attempt:
    """One attempt of one call. Seconds are nominal; what has not happened yet is None.

    Attributes:
        operation: ``chat`` or ``embeddings``.
        request: What was asked for. It holds the prompt: do not log it.
        streamed: Whether the reply is read as a stream.
        number: 1 for the first attempt of the call.
        profile: Name of the endpoint's profile.
        queue_wait: Waiting for quota, over all attempts of the call so far.
        status: HTTP status.
        request_id: The server's id.
        head_after: From sending to the response head.
        first_delta_after: From sending to the first content of a stream.
        duration: From sending to the end.
        usage: Tokens as the server counted them.
        reply: The reply, if there is one and it is a chat's; of a stream as far as it was read.
        error: Why it failed; an `asyncio.CancelledError` if the caller gave up.
        outcome: How it ended: ``completed``, ``failed``, ``rejected``, ``not_sent``, ``abandoned`` or ``unknown``.
    """

    __slots__ = (
        "_callbacks",
        "duration",
        "error",
        "first_delta_after",
        "head_after",
        "number",
        "outcome",
        "profile",
        "queue_wait",
        "reply",
        "request",
        "request_id",
        "status",
        "streamed",
        "usage",
    )

    def __init__(
        self,
        request: ChatRequest | EmbeddingsRequest,
        *,
        streamed: bool,
        number: int,
        profile: str,
        queue_wait: float,
    ) -> None:
        self.request = request
        self.streamed = streamed
        self.number = number
        self.profile = profile
        self.queue_wait = queue_wait
        self.status: int | None = None
        self.request_id: str | None = None
        self.head_after: float | None = None
        self.first_delta_after: float | None = None
        self.duration: float | None = None
        self.usage: Usage | None = None
        self.reply: ChatReply | None = None
        self.error: BaseException | None = None
        self.outcome: str | None = None
        self._callbacks: list[Callable[[Attempt], object]] = []

    @property
    def operation(self) -> Literal["chat", "embeddings"]:
        """What kind of call it is."""
        return "embeddings" if isinstance(self.request, EmbeddingsRequest) else "chat"

    @property
    def model(self) -> str:
        """The model that was asked for."""
        return self.request.model

    def on_end(self, callback: Callable[[Attempt], object]) -> None:
        """Have `callback` called once with this attempt when it has ended. It must neither block nor raise."""
        self._callbacks.append(callback)

    def ended(self, outcome: str) -> None:
        """The attempt is over; called by the call, once."""
        self.outcome = outcome
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback(self)
            except Exception:  # an observer's defect must not keep a permit from being settled
                _log.exception("a middleware's on_end callback failed")
