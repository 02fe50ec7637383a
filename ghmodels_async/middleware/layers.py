"""Layers around the transport: inside the retry loop, after the limiter's permit.

A middleware sees each attempt's request after its permit was granted, may change it, and sees the response head before
anybody judged it, so it sees 429s and 500s too. It must return the response it got (or one of the same shape); an
exception it raises counts as a failure of the attempt. What it is about, and how it ends, `current_attempt` tells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ghmodels_async.transport import Request, Response

__all__ = ["CallNext", "Middleware", "chain"]

CallNext = Callable[[Request], Awaitable[Response]]
Middleware = Callable[[Request, CallNext], Awaitable[Response]]


def chain(middleware: Sequence[Middleware], innermost: CallNext) -> CallNext:
    """Wrap `innermost` so that the first middleware is the outermost."""
    call_next = innermost
    for layer in reversed(middleware):
        call_next = _wrapped(layer, call_next)
    return call_next


def _wrapped(layer: Middleware, call_next: CallNext) -> CallNext:
    async def call(request: Request) -> Response:
        return await layer(request, call_next)

    return call
