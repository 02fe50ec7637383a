"""How each kind of endpoint says "too many requests", "who are you" and "all is well".

    azure        GitHub Models and Microsoft Foundry: one sentence, floored waits, headers that mislead on a 200
    openai       OpenAI, Groq and most others: a sentence with "try again in", truthful headers as durations
    openrouter   numbers as status, reset as milliseconds since 1970
    google       a list with one error, the wait only in the body

Source: `azure` from public captures (2025-2026). The others follow the services' public documentation and reports as of
2026-11-22; they are conventions, not captures of ours.
"""

from __future__ import annotations

from typing import Literal

from ghmodels_async.profiles import Profile, Rate
from ghmodels_async.simulator import refusals
from ghmodels_async.simulator.admission import Refused
from ghmodels_async.simulator.answer import Answer, json_answer
from ghmodels_async.simulator.roster import Served

__all__ = [
    "Style",
    "Use",
    "duration",
    "rate_limited",
    "standing_headers",
    "style_of",
    "success_headers",
    "unauthorized",
]

Style = Literal["azure", "openai", "openrouter", "google"]

#: Amount, left, seconds until it is whole again: of requests and of tokens, as far as limits exist.
Use = dict[str, tuple[int, int, float]]

_UNITS = {"requests": "requests per", "tokens": "tokens per", "input_tokens": "input tokens per"}
_SPANS = {1: "second", 60: "min", 3600: "hour", 86400: "day"}
_INITIALS = {"requests per min": "RPM", "requests per day": "RPD", "tokens per min": "TPM", "tokens per day": "TPD"}


#: What the old host said on every answer, its own misspelt address included. Source: live capture of 2026-04-14.
_OLD_HOST = {
    "deprecation": "Fri, 17 July 2025 00:00:00 GMT",
    "sunset": "Fri, 17 Oct 2025 00:00:00 GMT",
    "link": "<https://github.blog/changelog/2025-07-17-deprecation-of-azure-endpoint-for-github-models/>; "
    'rel="deprecation", <https://github.models.ai/inference>; rel="alternate"',
}


def standing_headers(profile: Profile) -> dict[str, str]:
    """Headers that every answer of this endpoint carries."""
    return _OLD_HOST if profile.name == "github-legacy" else {}


def style_of(profile: Profile) -> Style:
    """The dialect of a profile; one nobody has described speaks like OpenAI."""
    if profile.name == "openrouter":
        return "openrouter"
    if profile.name == "google":
        return "google"
    return "azure" if profile.name in ("github", "github-legacy", "foundry") or profile.catalog else "openai"


def rate_limited(style: Style, refused: Refused, served: Served, use: Use, now: float) -> Answer:
    """429.

    Args:
        style: Who speaks.
        refused: The limit and its wait.
        served: The model asked for.
        use: What is left of everything.
        now: Nominal Unix seconds.
    """
    rate = refused.rate
    if style == "azure" or rate is None:
        return refusals.rate_limited(refused)
    if style == "openrouter":
        return _openrouter(refused, rate, now)
    if style == "google":
        return _google(refused, served)
    span = f"{_UNITS[rate.unit]} {_SPANS.get(int(rate.window), f'{rate.window:g}s')}"
    initials = _INITIALS.get(span, span)
    message = (
        f"Rate limit reached for {served.short_name} in organization org-simulated on {span} ({initials}): "
        f"Limit {refused.amount}, Used {refused.amount}, Requested 1. Please try again in {duration(refused.wait)}."
    )
    error = {"message": message, "type": rate.unit, "param": None, "code": "rate_limit_exceeded"}
    headers = {"retry-after": str(refused.shown_wait + 1), **_openai_headers(use)}
    return json_answer(429, {"error": error}, headers)


def _openrouter(refused: Refused, rate: Rate, now: float) -> Answer:
    span = _SPANS.get(int(rate.window), "window")
    reset = str(int((now + refused.wait) * 1000))
    headers = {"X-RateLimit-Limit": str(refused.amount), "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    error = {
        "message": f"Rate limit exceeded: free-models-per-{span}. ",
        "code": 429,
        "metadata": {"headers": headers, "provider_name": None},
    }
    lower = {name.lower(): value for name, value in headers.items()}
    return json_answer(429, {"error": error, "user_id": "user_simulated"}, lower)


def _google(refused: Refused, served: Served) -> Answer:
    quota = {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [
            {
                "quotaId": refused.type,
                "quotaDimensions": {"location": "global", "model": served.short_name},
                "quotaValue": str(refused.amount),
            }
        ],
    }
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{refused.shown_wait}s"}
    message = (
        f"You exceeded your current quota, please check your plan and billing details. Quota exceeded for metric: "
        f"{refused.type}, limit: {refused.amount}\nPlease retry in {refused.wait:.9f}s."
    )
    error = {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": [quota, retry]}
    return json_answer(429, [{"error": error}])


def success_headers(style: Style, binding: bool, served: Served, use: Use, prompt_tokens: int) -> dict[str, str]:
    """Limit headers of a 200. In the azure dialect they tell of the shared deployment, not of the caller."""
    if style == "azure" and not binding:
        return _misleading(served, prompt_tokens)
    return _openai_headers(use) if binding else {}


def _misleading(served: Served, prompt_tokens: int) -> dict[str, str]:
    """Two live captures: gpt-4.1-mini has its own set, everything else gets gpt-4o-mini's."""
    mini = served.short_name == "gpt-4.1-mini"
    requests, tokens = (1000, 1_000_000) if mini else (20_000, 2_000_000)
    headers = {
        "x-ratelimit-limit-requests": str(requests),
        "x-ratelimit-remaining-requests": str(requests - 1),
        "x-ratelimit-limit-tokens": str(tokens),
        "x-ratelimit-remaining-tokens": str(tokens - prompt_tokens),
        "x-ratelimit-renewalperiod-requests": "60",
        "x-ratelimit-renewalperiod-tokens": "60",
        "x-ratelimit-reset-requests": "3",
        "x-ratelimit-reset-tokens": "1",
        "x-ratelimit-abusepenalty-active": "False",
    }
    return headers | ({"x-ratelimit-key": "gpt-4.1-mini"} if mini else {})


def _openai_headers(use: Use) -> dict[str, str]:
    headers = {}
    for unit, (amount, left, reset) in use.items():
        headers[f"x-ratelimit-limit-{unit}"] = str(amount)
        headers[f"x-ratelimit-remaining-{unit}"] = str(max(left, 0))
        headers[f"x-ratelimit-reset-{unit}"] = duration(reset)
    return headers


def duration(seconds: float) -> str:
    """Seconds as these services write them: ``7.66s``, ``2m59.56s``, ``1h12m0s``, ``120ms``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    shown = f"{rest:.2f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours:.0f}h{minutes:.0f}m{shown}"
    return f"{minutes:.0f}m{shown}" if minutes else shown


def unauthorized(style: Style) -> Answer:
    """401 for a key the service does not take."""
    if style == "azure":
        return refusals.bad_credentials()
    message = "Incorrect API key provided. You can find your API key in your account settings."
    return refusals.invalid(message, code="invalid_api_key", status=401)
