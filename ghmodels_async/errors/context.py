"""What the caller knows when an answer goes wrong, and the lines it contributes to the message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .envelope import Envelope
from .ratelimits import retry_after

__all__ = ["TOKEN_KINDS", "Answer", "FaultContext", "token_kind"]

#: Token prefix -> what GitHub calls that kind. Source: GitHub docs, "About authentication to GitHub" (read 2026-11-22).
TOKEN_KINDS: Mapping[str, str] = {
    "github_pat_": "fine-grained personal access token",
    "ghp_": "classic personal access token",
    "gho_": "OAuth token",
    "ghu_": "GitHub App user token",
    "ghs_": "GitHub App installation token (also the GITHUB_TOKEN of a workflow)",
}

_REQUEST_IDS = ("x-github-request-id", "x-request-id", "x-ms-request-id", "apim-request-id", "request-id", "cf-ray")
_KEPT = frozenset(
    {"retry-after", "retry-after-ms", "x-should-retry", "x-ms-error-code", "date", "deprecation", "sunset"}
)
_KEPT_PREFIXES = ("x-ratelimit-", "x-github-sso")


def token_kind(value: str) -> str:
    """The known prefix `value` starts with (``ghp_`` …); empty for a key of another service."""
    return next((prefix for prefix in TOKEN_KINDS if value.startswith(prefix)), "")


@dataclass(frozen=True, slots=True)
class FaultContext:
    """The caller's side of an answer. Holds no token and no prompt, only what a message may show.

    Attributes:
        profile_name: E.g. ``github``.
        title: The endpoint's name for people; `profile_name` when empty.
        model: The model asked for.
        organization: Organisation the request is attributed to.
        enterprise: Enterprise it belongs to.
        token_kind: Prefix as `token_kind` gives it.
        token_variable: Where the token came from, e.g. ``GITHUB_TOKEN``.
        known_models: Model ids to propose when the asked one does not exist.
        request_url: What was asked; a query is not shown.
        alternatives: Profiles to propose when the service is gone.
        successor: The one of them that the provider itself names.
    """

    profile_name: str = ""
    title: str = ""
    model: str | None = None
    organization: str | None = None
    enterprise: str | None = None
    token_kind: str = ""
    token_variable: str = ""
    known_models: tuple[str, ...] = ()
    request_url: str = ""
    alternatives: tuple[str, ...] = ()
    successor: str = ""

    @property
    def service(self) -> str:
        """The endpoint's name in a sentence."""
        return self.title or self.profile_name or "The service"

    @property
    def is_github(self) -> bool:
        """Whether GitHub's tokens, policies and settings pages apply."""
        return self.profile_name.startswith("github") or bool(self.token_kind)

    @property
    def token(self) -> str:
        """The token in words: its kind and where it came from."""
        kind = TOKEN_KINDS.get(self.token_kind)
        words = f"{kind} ({self.token_kind}…)" if kind else ("token of unknown kind" if self.is_github else "key")
        return f"{words} from {self.token_variable}" if self.token_variable else words


@dataclass(frozen=True, slots=True)
class Answer:
    """One bad answer with everything a classification may look at."""

    status: int
    headers: Mapping[str, str]
    envelope: Envelope
    context: FaultContext
    wall: float | None = None
    outer: int | None = None
    """The status it really came with, when `status` was read inside a 200."""

    @property
    def model(self) -> str:
        """The model in a sentence."""
        return self.context.model or "the model"

    @property
    def said(self) -> str:
        """The server's own sentence, as an addition to ours."""
        message = self.envelope.message
        return f' The server said: "{message}"' if message else ""

    def facts(self) -> dict[str, Any]:
        """The keyword arguments every `APIError` takes."""
        return {
            "status": self.status,
            "code": self.envelope.code,
            "request_id": self.request_id,
            "retry_after": retry_after(self.headers, wall=self.wall),
            "body": self.envelope.raw,
            "model": self.context.model,
            "headers": {k: v for k, v in self.headers.items() if k in _KEPT or k.startswith(_KEPT_PREFIXES)},
            "checked": self.checked,
        }

    @property
    def request_id(self) -> str | None:
        return next((self.headers[name] for name in _REQUEST_IDS if self.headers.get(name)), None)

    @property
    def checked(self) -> str:
        """What was looked at, one line per item; no token, no prompt, no query."""
        context, envelope = self.context, self.envelope
        code = f", code {envelope.code}" if envelope.code else ""
        status = (
            f"HTTP {self.outer} with an error of status {self.status} inside" if self.outer else f"HTTP {self.status}"
        )
        lines = [f"answer: {status}{code}"]
        if context.request_url:
            lines.append(f"endpoint: {context.request_url.partition('?')[0]}")
        if context.model:
            lines.append(f"model: {context.model}")
        if context.token_kind or context.token_variable:
            lines.append(f"token: {context.token}")
        if context.organization:
            lines.append(f"organisation: {context.organization}")
        if context.enterprise:
            lines.append(f"enterprise: {context.enterprise}")
        if self.request_id:
            lines.append(f"request id: {self.request_id}")
        return "\n".join(lines)
