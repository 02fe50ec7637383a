"""A log of attempts: one line each when it has ended; headers by an allow-list, never a key, a prompt or a reply."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from ghmodels_async.transport import Request, Response

from .attempt import Attempt, current_attempt
from .layers import CallNext, Middleware

__all__ = ["LOGGED_HEADERS", "log_attempts"]

#: What helps when something is slow or refused, and tells nobody who asked what. A name may end in ``*``.
LOGGED_HEADERS = frozenset(
    {
        "apim-request-id",
        "content-type",
        "date",
        "deprecation",
        "retry-after",
        "server-timing",
        "sunset",
        "x-github-api-version",
        "x-github-request-id",
        "x-ms-error-code",
        "x-ms-region",
        "x-ratelimit-*",
        "x-request-id",
    }
)
#: Not even on request: these are keys.
_SECRET = frozenset(
    {"api-key", "authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key", "x-goog-api-key"}
)


def log_attempts(
    logger: logging.Logger | None = None,
    *,
    level: int = logging.INFO,
    failed: int = logging.WARNING,
    headers: Collection[str] = LOGGED_HEADERS,
    secret: Collection[str] = (),
) -> Middleware:
    """Make a middleware that logs every attempt in one line when it has ended.

    The same facts are in the record's `attempt` attribute (a dict), for structured logs.

    Args:
        logger: Where to; None: the logger ``ghmodels_async.attempts``.
        level: Level of attempts that went well.
        failed: Level of attempts that did not.
        headers: Lower-case names of the headers that may be shown, of request and response alike; ``*`` at the end
            stands for anything.
        secret: More headers that are never shown, such as the header of a profile of your own that carries its key.

    Raises:
        ValueError: `headers` names a header that carries a key.
    """
    log = logger or logging.getLogger("ghmodels_async.attempts")
    forbidden = _SECRET | {name.lower() for name in secret}
    shown = {name.lower() for name in headers}
    if shown & forbidden or any(_matches(name, shown) for name in forbidden):
        raise ValueError(f"headers that carry a key are not logged: {sorted(shown & forbidden) or sorted(shown)}")

    async def middleware(request: Request, call_next: CallNext) -> Response:
        attempt = current_attempt()
        if attempt is None:
            return await call_next(request)
        sent = _allowed(request.headers, shown)
        received: dict[str, str] = {}

        def report(ended: Attempt) -> None:
            well = ended.outcome in ("completed", "abandoned") and ended.error is None
            facts = _facts(ended, request, sent, received)
            log.log(level if well else failed, "%s", _line(facts), extra={"attempt": facts})

        attempt.on_end(report)
        response = await call_next(request)
        received.update(_allowed(response.head.headers, shown))
        return response

    return middleware


def _matches(name: str, shown: Collection[str]) -> bool:
    return name in shown or any(glob.endswith("*") and name.startswith(glob[:-1]) for glob in shown)


def _allowed(headers: Mapping[str, str], shown: Collection[str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if _matches(name.lower(), shown)}


def _facts(ended: Attempt, request: Request, sent: dict[str, str], received: dict[str, str]) -> dict[str, object]:
    usage = ended.usage
    return {
        "operation": ended.operation,
        "model": ended.model,
        "profile": ended.profile,
        "number": ended.number,
        "url": request.url.partition("?")[0],
        "status": ended.status,
        "outcome": ended.outcome,
        "error": type(ended.error).__name__ if ended.error is not None else None,
        "queue_wait": ended.queue_wait,
        "head_after": ended.head_after,
        "first_delta_after": ended.first_delta_after,
        "duration": ended.duration,
        "prompt_tokens": usage.prompt_tokens if usage else None,
        "completion_tokens": usage.completion_tokens if usage else None,
        "request_id": ended.request_id,
        "request_headers": sent,
        "response_headers": received,
    }


def _line(facts: Mapping[str, object]) -> str:
    """``chat openai/gpt-4o attempt 1: 200 completed, queue 0.00 s, head 0.31 s, all 1.92 s, 12+40 tokens``."""
    said = facts["error"] or facts["outcome"]
    parts = [
        f"{facts['operation']} {facts['model']} attempt {facts['number']}: {facts['status'] or 'no answer'} {said}"
    ]
    for name, key in (
        ("queue", "queue_wait"),
        ("head", "head_after"),
        ("first", "first_delta_after"),
        ("all", "duration"),
    ):
        seconds = facts[key]
        if isinstance(seconds, float):
            parts.append(f"{name} {seconds:.2f} s")
    if facts["prompt_tokens"] is not None:
        parts.append(f"{facts['prompt_tokens']}+{facts['completion_tokens']} tokens")
    if facts["request_id"]:
        parts.append(f"id {facts['request_id']}")
    return ", ".join(parts)
