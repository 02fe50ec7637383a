"""Answers about one request: malformed, filtered, too large, too often, or the server failed. `faults` chooses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from . import advice, tree
from .context import Answer
from .ratelimits import RateLimitFacts, rate_limit_facts

__all__ = [
    "bad_request",
    "blocked",
    "filtered",
    "gave_up_waiting",
    "no_such_address",
    "rate_limited",
    "server_failed",
    "too_large",
]

#: A 429 that asks for more than this is a quota used up, not a wait. Precedent: the OpenAI SDK honours up to 120 s.
LONG_WAIT = 120.0

_MAX_SIZE = re.compile(r"(?:Max size: |maximum context length is )(\d+) tokens|: Limit (\d+)", re.IGNORECASE)
_SIZE = re.compile(
    r"(?:you requested|resulted in|requested about) (\d+) tokens|Requested (\d+)|input \((\d+) tokens\)", re.IGNORECASE
)


def no_such_address(answer: Answer) -> tree.BadRequestError:
    organization = answer.context.organization
    return tree.BadRequestError(
        f"There is nothing at this address.{answer.said}",
        fix=advice.steps(
            "Check base_url: /chat/completions and /embeddings are appended to it",
            f"Check that you are a member of {organization} and that it has the service enabled"
            if organization
            else "",
        ),
        **answer.facts(),
    )


def filtered(answer: Answer) -> tree.ContentFilterError:
    categories = _categories(answer.envelope.error or {})
    what = ", ".join(f"{name} ({severity})" for name, severity in categories.items())
    return tree.ContentFilterError(
        "The prompt was refused by the content filter" + (f": {what}." if what else "."),
        categories=categories,
        param=answer.envelope.param,
        fix="Change the prompt"
        + (": the filter cannot be turned off on this service" if answer.context.is_github else ""),
        **answer.facts(),
    )


def bad_request(answer: Answer) -> tree.BadRequestError:
    message, param = answer.envelope.message or "", answer.envelope.param
    fix = "Change the request: sent again unchanged it will be refused again"
    if "'max_completion_tokens'" in message and "'max_tokens'" in message:
        param, fix = param or "max_tokens", "Use max_completion_tokens instead of max_tokens with this model"
    elif param and answer.envelope.code in ("unsupported_value", "unsupported_parameter"):
        fix = f"Leave {param} out with this model"
    field = f" (field {param})" if param else ""
    return tree.BadRequestError(
        f"The request was refused with HTTP {answer.status}{field}.{answer.said}",
        param=param,
        fix=fix,
        **answer.facts(),
    )


def too_large(answer: Answer) -> tree.RequestTooLargeError:
    message = answer.envelope.message or ""
    error = answer.envelope.error or {}
    maximum = _number(_MAX_SIZE.search(message), error.get("n_ctx"))  # llama.cpp counts in fields
    size = _number(_SIZE.search(message), error.get("n_prompt_tokens"))
    counted = maximum is not None or answer.envelope.shape == "json"
    limit = f": at most {maximum} tokens" if maximum is not None else ""
    facts = answer.facts()
    return tree.RequestTooLargeError(
        f"The request is too large for {answer.model}{limit}.",
        size=size,
        maximum=maximum,
        unit="tokens" if counted else "bytes",
        fix=advice.steps(
            "Shorten the prompt; system prompt and tool schemas count too",
            "The cap is the plan's, usually far below the model's context window" if counted else "",
        ),
        **{key: facts[key] for key in ("status", "code", "request_id", "body", "model", "checked")},
    )


def _number(match: re.Match[str] | None, field: Any) -> int | None:
    """The number in whichever group matched, or the field if it is one."""
    if match is not None:
        return int(next(group for group in match.groups() if group))
    return field if isinstance(field, int) and not isinstance(field, bool) else None


def blocked(answer: Answer) -> tree.APIError:
    return tree.APIError(
        f"Something between here and {answer.context.service} refused with HTTP {answer.status} and an HTML page."
        f"{answer.said}",
        fix="Ask whoever runs the network's proxy or firewall to allow this address",
        **answer.facts(),
    )


def rate_limited(answer: Answer) -> tree.RateLimitError:
    facts = rate_limit_facts(answer.headers, answer.envelope.error, answer.envelope.message, wall=answer.wall)
    about = {**answer.facts(), "facts": facts, "retry_after": facts.wait}
    limit = _limit_words(facts)
    long = facts.wait > LONG_WAIT if facts.wait is not None else (facts.window or 0) >= 3600
    if not long:
        fix = "Send fewer requests at once" if facts.concurrency else "Wait, then send it again"
        wait = f"; the server asks to wait {facts.wait:g} s" if facts.wait else ""
        return tree.RateLimitError(f"Rate limit exceeded: {limit}{wait}.", fix=fix, **about)
    reset_at = None
    if answer.wall is not None and facts.wait is not None:
        reset_at = datetime.fromtimestamp(answer.wall + facts.wait, tz=UTC)
    when = f" until {reset_at:%Y-%m-%d %H:%M:%S} UTC" if reset_at else ""
    fix = advice.steps(
        f"Wait{when or ' for the quota to open again'}, or let calls wait with on_exhausted='wait'",
        "Use another model: each model has its own quota" if facts.scope == "model" else "",
        "A higher plan has higher limits",
    )
    return tree.QuotaExhaustedError(f"Quota used up: {limit}{when}.", reset_at=reset_at, fix=fix, **about)


def gave_up_waiting(answer: Answer) -> tree.APIError:
    return tree.APIError(
        f"The server gave up with HTTP {answer.status}.{answer.said}", fix="Send it again later", **answer.facts()
    )


def server_failed(answer: Answer) -> tree.ServerError:
    shape = answer.envelope.shape
    if answer.status < 400:
        what = {"empty": "an empty body", "html": "an HTML page", "text": "a body that is not JSON"}.get(
            shape, "an error object" if answer.envelope.message else "a body of an unexpected shape"
        )
        why = f"The server answered {answer.status} with {what}.{answer.said}"
    else:
        page = " with an HTML page, probably from a proxy in between" if shape == "html" else ""
        why = f"The server failed with HTTP {answer.status}{page}.{answer.said}"
    return tree.ServerError(why, fix="Send it again later; the fault is on the server's side", **answer.facts())


def _limit_words(facts: RateLimitFacts) -> str:
    """``10 requests per 60 s (UserByModelByMinute)``, with only the parts that are known."""
    name = facts.type or "the server named no limit"
    if facts.amount is None:
        return name
    unit = facts.unit.replace("_", " ")
    how = "at once" if facts.concurrency else (f"per {facts.window:g} s" if facts.window else "")
    return f"{facts.amount} {unit} {how} ({name})".replace("  ", " ")


def _categories(error: Mapping[str, Any]) -> dict[str, str]:
    """Category -> severity of everything that triggered, from Azure's `innererror` or OpenRouter's `metadata`."""
    inner = error.get("innererror")
    inner = inner if isinstance(inner, Mapping) else {}
    results = (
        inner.get("content_filter_result") or inner.get("content_filter_results") or error.get("content_filter_result")
    )
    found: dict[str, str] = {}
    for name, verdict in results.items() if isinstance(results, Mapping) else ():
        if isinstance(verdict, Mapping) and verdict.get("filtered"):
            found[str(name)] = str(verdict.get("severity") or "detected")
    metadata = error.get("metadata")
    reasons = metadata.get("reasons") if isinstance(metadata, Mapping) else None
    found.update(
        {str(reason): "flagged" for reason in reasons if isinstance(reason, str)} if isinstance(reasons, list) else {}
    )
    return found
