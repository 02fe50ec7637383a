"""Errors that are an answer of the server: status 400 and above, or an error object inside a 200."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .ratelimits import RateLimitFacts
from .root import GHModelsError

__all__ = [
    "APIError",
    "BadRequestError",
    "BudgetExceededError",
    "ContentFilterError",
    "ModelAccessError",
    "ModelNotFoundError",
    "ModelUnavailableError",
    "ModelsDisabledError",
    "QuotaExhaustedError",
    "RateLimitError",
    "ServerError",
    "ServiceRetiredError",
    "TokenInvalidError",
    "TokenPermissionError",
]


class APIError(GHModelsError):
    """The server answered with an error. The request was spent unless a subclass says otherwise.

    Args:
        status: HTTP status; None when the error was found without asking the server (a known block).
        code: The server's machine-readable code, if it sent one.
        request_id: The server's id of this request, for support.
        retry_after: Seconds the server asked to wait, unrounded and unjudged; None when it did not say.
        body: The error object (parsed JSON), or the start of a body that was not JSON. May quote the request: it is
            in neither message nor repr.
        model: The model that was asked for.
        headers: The answer's headers that matter to limits, retries and support; lower-case names.
        partial: The reply folded so far, when the error stood inside a stream that had begun; else None. Not in message
            or repr.
    """

    def __init__(
        self,
        why: str = "",
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        body: Any = None,
        model: str | None = None,
        headers: Mapping[str, str] | None = None,
        partial: Any = None,
        checked: str = "",
        fix: str = "",
    ) -> None:
        super().__init__(why, checked=checked, fix=fix)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.body = body
        self.model = model
        self.headers: dict[str, str] = dict(headers or {})
        self.partial = partial

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.why!r}, status={self.status}, code={self.code!r})"


class BadRequestError(APIError):
    """The request itself was refused (400, 422 and other 4xx). The same request will be refused again.

    Args:
        param: The request field the server named, if any.
    """

    def __init__(self, why: str = "", *, param: str | None = None, **facts: Any) -> None:
        super().__init__(why, **facts)
        self.param = param


class ContentFilterError(BadRequestError):
    """The prompt was refused by a content filter.

    Args:
        categories: Category -> severity of what triggered it, e.g. ``{"violence": "medium"}``.
    """

    def __init__(self, why: str = "", *, categories: Mapping[str, str] | None = None, **facts: Any) -> None:
        super().__init__(why, **facts)
        self.categories: dict[str, str] = dict(categories or {})


class ModelUnavailableError(BadRequestError):
    """The model exists but is not offered to this account or plan (400 ``unavailable_model``)."""


class TokenInvalidError(APIError):
    """The token was rejected: mistyped, expired or revoked."""


class TokenPermissionError(APIError):
    """The token is valid but lacks a permission or an SSO authorisation."""


class ModelsDisabledError(APIError):
    """An organisation's or enterprise's policy turned the service off.

    Args:
        settings_url: Where an administrator can turn it on.
    """

    def __init__(self, why: str = "", *, settings_url: str | None = None, **facts: Any) -> None:
        super().__init__(why, **facts)
        self.settings_url = settings_url


class ModelAccessError(APIError):
    """This account may not use this model (403 ``no_access``)."""


class BudgetExceededError(APIError):
    """The account's paid budget is used up."""


class ModelNotFoundError(APIError):
    """No such model, or one that is listed but gone (400 or 404 ``unknown_model``).

    Args:
        nearest: Known model ids closest to what was asked for.
    """

    def __init__(self, why: str = "", *, nearest: tuple[str, ...] = (), **facts: Any) -> None:
        super().__init__(why, **facts)
        self.nearest = tuple(nearest)


class ServiceRetiredError(APIError):
    """The service is gone for good (410). Never retry, whatever the text says.

    Args:
        alternatives: Names of profiles that still answer.
    """

    def __init__(self, why: str = "", *, alternatives: tuple[str, ...] = (), **facts: Any) -> None:
        super().__init__(why, **facts)
        self.alternatives = tuple(alternatives)


class ServerError(APIError):
    """The server failed (5xx), or answered 200 with something that is not an answer."""


class RateLimitError(APIError):
    """The server refused because a limit is used up (429).

    Args:
        limit: Name of the limit, e.g. ``UserByModelByMinute``; taken from `facts` when not given.
        facts: What the answer said about the limit.
    """

    def __init__(
        self, why: str = "", *, limit: str | None = None, facts: RateLimitFacts | None = None, **about: Any
    ) -> None:
        super().__init__(why, **about)
        self.facts = facts if facts is not None else RateLimitFacts(type=limit)
        self.limit = limit if limit is not None else self.facts.type


class QuotaExhaustedError(RateLimitError):
    """A quota is used up for longer than a call should wait, typically a daily one.

    Raised locally too, before anything is sent (then `status` is None and nothing was spent).

    Args:
        reset_at: When the quota opens again, as an aware datetime; None when unknown.
    """

    def __init__(self, why: str = "", *, reset_at: datetime | None = None, **facts: Any) -> None:
        if reset_at is not None and reset_at.tzinfo is None:
            raise ValueError("reset_at must be an aware datetime")
        super().__init__(why, **facts)
        self.reset_at = reset_at
