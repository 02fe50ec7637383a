"""One classification of every bad answer: status, headers and body in, one typed error out.

Judged in this order: a status that is final by itself (410, 413), the machine-readable code, the status, and only where
one status and one code mean two things (401, 403, 404) the grammar of the `message` field. Never a substring of the
whole text: a wait of 40312 seconds is not an HTTP 403.
Source: public captures of GitHub Models, Foundry, OpenAI, OpenRouter, Google and Groq answers (2025-2026).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from . import failures as fail
from . import refusals as refuse
from .context import Answer, FaultContext
from .envelope import read_body, read_error
from .root import GHModelsError

__all__ = ["classify", "from_error_object"]

_Builder = Callable[[Answer], GHModelsError]

# Exact codes, lower case. A code decides whatever the status: gateways disagree about statuses (400 or 404).
_BY_CODE: Mapping[str, _Builder] = {
    "github_models_retirement_brownout": refuse.retired,
    "ratelimitreached": fail.rate_limited,
    "rate_limit_exceeded": fail.rate_limited,
    "too_many_requests": fail.rate_limited,
    "resource_exhausted": fail.rate_limited,
    "request_quota_exceeded": fail.rate_limited,
    "token_quota_exceeded": fail.rate_limited,
    "insufficient_quota": refuse.budget,
    "billing_hard_limit_reached": refuse.budget,
    "invalid_model": refuse.model_not_found,
    "model_decommissioned": refuse.model_not_found,
    "exceed_context_size_error": fail.too_large,
    "tokens_limit_reached": fail.too_large,
    "context_length_exceeded": fail.too_large,
    "unknown_model": refuse.model_not_found,
    "model_not_found": refuse.model_not_found,
    "deploymentnotfound": refuse.model_not_found,
    "unavailable_model": refuse.model_unavailable,
    "no_access": refuse.no_access,
    "content_filter": fail.filtered,
    "responsibleaipolicyviolation": fail.filtered,
    "invalid_api_key": refuse.token_invalid,
    "api_key_invalid": refuse.token_invalid,
}

# Inside a 200 there is no status to go by, only the kind of error. Source: OpenAI's and Anthropic's error references.
_STATUS_OF_TYPE: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "overloaded_error": 529,
    "server_error": 500,
    "api_error": 500,
}


def classify(
    status: int, headers: Mapping[str, str], body: bytes, context: FaultContext, *, wall: float | None = None
) -> GHModelsError:
    """Name a bad answer: any status but 2xx, or a 200 whose body is not an answer. Pure; never raises.

    Args:
        status: HTTP status.
        headers: Lower-case names.
        body: The whole body.
        context: What the caller knows; it goes into the message.
        wall: Unix time in seconds, for dates without a `date` header and for `reset_at`.
    """
    envelope = read_body(body, headers.get("content-type", ""))
    return _judge(Answer(status, headers, envelope, context, wall))


def from_error_object(
    error: Any, headers: Mapping[str, str], context: FaultContext, *, status: int = 200, wall: float | None = None
) -> GHModelsError:
    """Name an error object found inside a 200 body or a stream: ``{"error": {...}}`` or the inner object itself.

    A status written inside the object counts; without one the answer's own `status` stays.
    """
    return _judge(Answer(status, headers, read_error(error), context, wall))


def _judge(answer: Answer) -> GHModelsError:
    envelope = answer.envelope
    if answer.status < 400:  # OpenRouter: a 200 whose body says 429
        inside = envelope.status or _STATUS_OF_TYPE.get(envelope.type or "")
        answer = replace(answer, status=inside, outer=answer.status) if inside else answer
    if answer.status == 410:
        return refuse.retired(answer)
    message = envelope.message or ""
    # Groq and OpenAI give it the code of a rate limit, llama.cpp's embeddings a 500: no wait would cure either
    if answer.status == 413 or message.startswith("Request too large") or "is too large to process" in message:
        return fail.too_large(answer)
    for code in (envelope.code, _inner_code(envelope.error), envelope.type, answer.headers.get("x-ms-error-code")):
        builder = _BY_CODE.get(code.lower()) if code else None
        if builder is not None:
            return builder(answer)
    if answer.status >= 500:
        return fail.server_failed(answer)
    return _BY_STATUS.get(answer.status, _other)(answer)


def _inner_code(error: Mapping[str, Any] | None) -> str | None:
    """The finer code some services nest: Azure's `innererror.code`, Google's `details[].reason`."""
    if not error:
        return None
    inner, details = error.get("innererror"), error.get("details")
    places = [inner, *(details if isinstance(details, list) else ())]
    codes = [place.get("code") or place.get("reason") for place in places if isinstance(place, Mapping)]
    return next((code for code in codes if isinstance(code, str)), None)


def _other(answer: Answer) -> GHModelsError:
    if answer.status >= 400:
        return fail.bad_request(answer)
    return fail.server_failed(answer)


# Sentences that tell apart what status and code do not. Each is matched against the `message` field only.
_PERMISSION = re.compile(r"^The [`'\"]?[\w:]+[`'\"]? permission is required|^Resource not accessible by", re.IGNORECASE)
_DISABLED = re.compile(r"^(?:GitHub )?Models (?:is|are|has been|have been) disabled\b", re.IGNORECASE)
_BUDGET = re.compile(r"\breached its budget limit\b", re.IGNORECASE)
_MODEL = re.compile(
    r"\bmodels?\b.*\b(?:not found|not exist|unknown)|\bnot a valid model\b"
    r"|^(?:Unknown|Invalid) model\b|^No endpoints found",
    re.IGNORECASE,
)
_CONTEXT = re.compile(r"\bmaximum context length is \d+ tokens\b", re.IGNORECASE)


def _unauthorized(answer: Answer) -> GHModelsError:
    message = answer.envelope.message or ""
    if answer.envelope.shape == "html":
        return fail.blocked(answer)
    if _DISABLED.search(message):
        return refuse.disabled(answer)
    if _PERMISSION.search(message):
        return refuse.permission(answer)
    return refuse.token_invalid(answer)


def _forbidden(answer: Answer) -> GHModelsError:
    message = answer.envelope.message or ""
    error = answer.envelope.error or {}
    metadata = error.get("metadata")
    if answer.envelope.shape == "html":
        return fail.blocked(answer)
    if answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers:
        return fail.rate_limited(answer)  # api.github.com says 403 as well as 429
    if _DISABLED.search(message):
        return refuse.disabled(answer)
    if _BUDGET.search(message):
        return refuse.budget(answer)
    if isinstance(metadata, Mapping) and metadata.get("reasons"):
        return fail.filtered(answer)  # OpenRouter: moderation
    return refuse.permission(answer)


def _not_found(answer: Answer) -> GHModelsError:
    message = answer.envelope.message or ""
    model = answer.context.model
    if _MODEL.search(message) or (model and answer.envelope.shape == "json" and model in message):
        return refuse.model_not_found(answer)
    return fail.no_such_address(answer)


def _bad_request(answer: Answer) -> GHModelsError:
    message = answer.envelope.message or ""
    if re.search(r"\bis not a valid model\b", message, re.IGNORECASE):
        return refuse.model_not_found(answer)  # OpenRouter: 400 without a code
    if _CONTEXT.search(message):
        return fail.too_large(answer)  # vLLM: 400 without a code
    return fail.bad_request(answer)


_BY_STATUS: Mapping[int, _Builder] = {
    400: _bad_request,
    401: _unauthorized,
    402: refuse.budget,
    403: _forbidden,
    404: _not_found,
    407: refuse.proxy_refused,
    408: fail.gave_up_waiting,
    409: fail.gave_up_waiting,
    413: fail.too_large,
    425: fail.gave_up_waiting,
    429: fail.rate_limited,
}
