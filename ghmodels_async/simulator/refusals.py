"""The service's own words for every "no": bodies and headers as they were captured.

Source: public captures of GitHub Models and its Azure gateway, 2025-2026, collected on 2026-11-22; what is a guess says
so. Every function returns a finished `Answer`.
"""

from __future__ import annotations

from typing import Any

from ghmodels_async.simulator.admission import Refused
from ghmodels_async.simulator.answer import Answer, json_answer

__all__ = [
    "bad_credentials",
    "budget_reached",
    "content_filtered",
    "gateway_error",
    "invalid",
    "missing_permission",
    "models_disabled",
    "no_access",
    "not_found",
    "rate_limited",
    "retired",
    "server_error",
    "too_large",
    "unavailable_model",
    "unknown_model",
]


def gateway_error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    """The gateway's envelope: `details` repeats the message."""
    error = {"code": code, "message": message, "details": message}
    return json_answer(status, {"error": error}, {"x-ms-error-code": code, **(headers or {})})


def invalid(
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    status: int = 400,
    type: str = "invalid_request_error",
) -> Answer:
    """The upstream model's envelope for a request it will not take."""
    return json_answer(
        status, {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}
    )


def sentence(refused: Refused) -> str:
    """The gateway's one sentence about a limit. Grammar confirmed by more than 15 captures."""
    return (
        f"Rate limit of {refused.amount} per {refused.window:.0f}s exceeded for {refused.type}. "
        f"Please wait {refused.shown_wait} seconds before retrying."
    )


def rate_limited(refused: Refused) -> Answer:
    """429 in the gateway's dialect. `retry-after` is the floored wait, 0 for requests in flight."""
    wait = str(refused.shown_wait)
    headers = {"retry-after": wait, "x-ratelimit-type": refused.type, "x-ratelimit-timeremaining": wait}
    return gateway_error(429, "RateLimitReached", sentence(refused), headers)


def bad_credentials() -> Answer:
    return gateway_error(401, "unauthorized", "Bad credentials")


def missing_permission() -> Answer:
    """A token without `models: read`; the service says 401, not 403."""
    return gateway_error(401, "unauthorized", "The `models` permission is required to access this endpoint")


def no_access(model: str) -> Answer:
    return gateway_error(403, "no_access", f"No access to model: {model}")


def budget_reached() -> Answer:
    """Has no code at all."""
    message = "Unable to proceed with model usage. This account has reached its budget limit."
    return json_answer(403, {"error": {"message": message}})


def models_disabled() -> Answer:
    """A guess: no live capture exists, only a third party's test."""
    return json_answer(403, {"message": "GitHub Models is disabled"})


def unknown_model(model: str, status: int = 404) -> Answer:
    """Seen with 404 and with 400."""
    return gateway_error(status, "unknown_model", f"Unknown model: {model}")


def unavailable_model(short_name: str) -> Answer:
    """A model that exists but not on this plan; the message has no publisher prefix."""
    return gateway_error(400, "unavailable_model", f"Unavailable model: {short_name}")


def too_large(short_name: str, maximum: int) -> Answer:
    message = f"Request body too large for {short_name} model. Max size: {maximum} tokens."
    return gateway_error(413, "tokens_limit_reached", message)


def retired() -> Answer:
    """What every call has been answered since 2026-07-30; "temporarily" is not true."""
    message = "GitHub Models is temporarily unavailable as part of a scheduled retirement brownout."
    return json_answer(410, {"error": {"code": "github_models_retirement_brownout", "message": message}})


def server_error(status: int = 500) -> Answer:
    message = "The server had an error while processing your request. Sorry about that!"
    return json_answer(status, {"error": {"message": message, "type": "server_error", "param": None, "code": None}})


def not_found(path: str) -> Answer:
    documentation = "https://docs.github.com/rest"
    return json_answer(404, {"message": "Not Found", "documentation_url": documentation, "status": "404", "path": path})


def content_filtered() -> Answer:
    """400 of the content filter, with the categories it judged."""
    safe: dict[str, Any] = {"filtered": False, "severity": "safe"}
    result = {
        "hate": safe,
        "jailbreak": {"filtered": False, "detected": False},
        "self_harm": safe,
        "sexual": safe,
        "violence": {"filtered": True, "severity": "medium"},
    }
    message = (
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
        "Please modify your prompt and retry. To learn more about our content filtering policies please read our "
        "documentation: https://go.microsoft.com/fwlink/?linkid=2198766"
    )
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result}
    error = {
        "message": message,
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": inner,
    }
    return json_answer(400, {"error": error})
