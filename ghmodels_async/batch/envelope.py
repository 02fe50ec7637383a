"""One finished row in the OpenAI batch envelope, and what kind of failure an error is. Pure.

``{"id", "custom_id", "response": {"status_code", "request_id", "body"}, "error"}``, as OpenAI and Azure Batch and
``vllm run-batch`` write it, plus `attempts`, `model`, `usage` and `times`; of a failure also what was `checked` and how
to `fix` it, where that is known. An answer >= 400 stands in `response`; `error` is only for rows without an answer.
Source: OpenAI API reference, "The request output object" (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from ghmodels_async.errors import (
    AdmissionError,
    APIError,
    BadRequestError,
    ConnectionFailedError,
    ContentFilterError,
    GHModelsError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTimeoutError,
    RequestTooLargeError,
    ServerError,
    StreamError,
)
from ghmodels_async.stream import ChatReply, ReplyMeta
from ghmodels_async.wire import Usage

from .bodies import chat_body
from .rows import Job, RowError
from .segments import record_line

__all__ = [
    "FAULTS",
    "Answer",
    "cached_line",
    "chat_answer",
    "failure_line",
    "fault_of",
    "matches",
    "nothing_sent",
    "success_line",
    "vectors_answer",
    "why_of",
]

#: Refused on this side: what the client knows that the endpoint will refuse.
_UNSENT = (AdmissionError, BadRequestError)
# ContentFilterError before the APIErrors, QuotaExhausted before RateLimit: the first match names the fault
_FAULTS: tuple[tuple[type[BaseException], str], ...] = (
    (RowError, "invalid"),
    (ContentFilterError, "content_filter"),
    (QuotaExhaustedError, "quota"),
    (RateLimitError, "rate_limit"),
    (RequestTooLargeError, "too_large"),
    (ServerError, "server"),
    (RequestTimeoutError, "timeout"),
    (ConnectionFailedError, "connection"),
    (StreamError, "stream"),
    (APIError, "refused"),
)


#: Every name a failure may have.
FAULTS = (*dict.fromkeys(name for _, name in _FAULTS), "other")


def fault_of(error: BaseException) -> tuple[int, str]:
    """HTTP status (0: there was none) and a one-word name of the failure."""
    status = getattr(error, "status", None) or 0
    if not status and isinstance(error, BadRequestError) and not isinstance(error, ContentFilterError):
        return 0, "invalid"  # found on this side, by the client where no check came first
    return status, next((name for kind, name in _FAULTS if isinstance(error, kind)), "other")


def why_of(error: BaseException) -> str:
    """One sentence."""
    return error.why if isinstance(error, GHModelsError | RowError) else str(error)


def nothing_sent(error: BaseException) -> bool:
    """Whether the row was refused on this side: it cost no attempt."""
    return isinstance(error, (*_UNSENT, RowError)) and getattr(error, "status", None) is None


def matches(only: str, status: int, fault: str | None) -> bool:
    """Whether a failure is meant by one word of ``--only``: ``429``, ``5xx``, or a fault's name such as ``timeout``."""
    if only.endswith("xx") and only[:-2].isdigit():
        return status // 100 == int(only[:-2])
    return int(only) == status if only.isdigit() else only == fault


@dataclass(frozen=True, slots=True)
class Answer:
    """A response body as readers of batch files expect it, with what it cost and how it came about.

    Attributes:
        spent: `usage` as JSON values.
    """

    body: dict[str, Any]
    usage: Usage | None
    meta: ReplyMeta
    spent: dict[str, Any] | None


def chat_answer(reply: ChatReply, model: str, finished_at: float) -> Answer:
    """A chat reply; what a server leaves out of its stream is filled in."""
    body = chat_body(reply)
    for choice in body["choices"]:
        choice.setdefault("finish_reason", "stop")
        choice["message"].setdefault("role", "assistant")
        choice["message"].setdefault("content", None)
    required = {"id": "", "object": "chat.completion", "created": int(finished_at), "model": model}
    return Answer({**required, **body, "object": "chat.completion"}, reply.usage, reply.meta, body.get("usage"))


def vectors_answer(vectors: list[list[float]] | list[str], model: str, usage: Usage | None, meta: ReplyMeta) -> Answer:
    """Vectors, as lists of numbers or as base64 texts."""
    data = [{"object": "embedding", "index": place, "embedding": each} for place, each in enumerate(vectors)]
    spent = usage.prompt_tokens if usage is not None else 0
    counted = {"prompt_tokens": spent, "total_tokens": spent}
    known = usage.model_dump(exclude_none=True) if usage is not None else None
    return Answer({"object": "list", "data": data, "model": model, "usage": counted}, usage, meta, known)


def success_line(job: Job, answer: Answer, *, model: str, finished_at: float) -> bytes:
    """The journal line of a row that succeeded. `finished_at` is Unix time."""
    meta = answer.meta
    envelope = {
        "id": _id(job),
        "custom_id": job.custom_id,
        "response": {"status_code": 200, "request_id": meta.request_id or "", "body": answer.body},
        "error": None,
        "attempts": meta.attempts,
        "model": meta.model or model,
        "usage": answer.spent,
        "times": _times(meta, finished_at),
    }
    return record_line(job.ordinal, job.hash, 200, None, to_json(envelope, serialize_unknown=True))


def cached_line(job: Job, body: dict[str, Any], *, model: str, finished_at: float) -> bytes:
    """The journal line of a row whose answer was kept from an equal request; it cost no call and no tokens."""
    envelope = {
        "id": _id(job),
        "custom_id": job.custom_id,
        "response": {"status_code": 200, "request_id": "", "body": body},
        "error": None,
        "attempts": 0,
        "model": model,
        "usage": None,
        "cached": True,
        "times": {"finished_at": _iso(finished_at)},
    }
    return record_line(job.ordinal, job.hash, 200, None, to_json(envelope, serialize_unknown=True))


def failure_line(job: Job, error: BaseException, *, model: str | None, attempts: int, finished_at: float) -> bytes:
    """The journal line of a row that failed for good. `attempts` counts the times it was tried."""
    status, fault = fault_of(error)
    why = why_of(error)
    code = getattr(error, "code", None) or fault
    response = None
    if status:
        body = getattr(error, "body", None)
        # `body` of an APIError is the error object itself or the start of a body that was none
        shown = body if isinstance(body, Mapping) and "error" in body else {"error": body}
        if not isinstance(body, Mapping):
            shown = {"error": {"code": code, "message": why}}
        response = {"status_code": status, "request_id": getattr(error, "request_id", None) or "", "body": shown}
    envelope = {
        "id": _id(job),
        "custom_id": job.custom_id,
        "response": response,
        "error": None if response else {"code": str(code), "message": why, "line": job.line},
        "attempts": attempts,
        "model": model,
        "usage": None,
        **{name: said for name in ("checked", "fix") if (said := getattr(error, name, ""))},
        "times": {"finished_at": _iso(finished_at)},
    }
    return record_line(job.ordinal, job.hash, status, fault, to_json(envelope, serialize_unknown=True))


def _id(job: Job) -> str:
    return f"batch_req_{job.hash:016x}{job.ordinal:08x}"


def _times(meta: ReplyMeta, finished_at: float) -> dict[str, Any]:
    times: dict[str, Any] = {"finished_at": _iso(finished_at)}
    for name in ("queue_wait", "head_after", "first_delta_after", "duration"):
        seconds = getattr(meta, name)
        if seconds is not None:
            times[name] = round(seconds, 4)
    return times


def _iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
