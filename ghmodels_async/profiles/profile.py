"""An endpoint as data: where it is, how it authenticates, what it limits, which dialect it speaks.

A profile is one TOML file. Everything a table can say is here as a frozen value; nothing here opens a file or a socket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Anchor", "Auth", "Dialect", "Profile", "Quota", "Rate", "Unit"]

Unit = Literal["requests", "tokens", "input_tokens"]
Anchor = Literal["rolling", "utc", "us-pacific"]

_FROZEN = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Rate(BaseModel):
    """`amount` of `unit` per `window` seconds, for one model or for the whole account."""

    model_config = _FROZEN
    amount: int = Field(gt=0)
    unit: Unit = "requests"
    window: float = Field(gt=0)
    scope: Literal["model", "account"] = "model"
    anchor: Anchor = "rolling"
    type: str
    """The name the server gives this limit in a 429, e.g. ``UserByModelByMinute``."""
    observed: bool = False
    """True when no documentation states it and it was seen in answers only."""


class Quota(BaseModel):
    """Everything that limits one model on one plan. None means: no such limit."""

    model_config = _FROZEN
    row: str
    plan: str
    rates: tuple[Rate, ...] = ()
    concurrent: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    source: str = ""
    """Where the numbers come from and when they were read, for people."""


class Auth(BaseModel):
    model_config = _FROZEN
    header: str = "Authorization"
    scheme: str = "Bearer"
    """Put before the key with one space; empty for a bare key."""
    required: bool = True


class Dialect(BaseModel):
    """How this endpoint differs from the plain OpenAI dialect."""

    model_config = _FROZEN
    headers_binding: bool = False
    """Whether `x-ratelimit-*` headers of a 200 tell the caller's own quota (then they may tighten it)."""
    done_suffices: bool = False
    """Whether `[DONE]` without a finish reason ends a stream well."""
    usage_in_stream: bool = True
    """Whether `stream_options.include_usage` is understood."""
    max_embedding_inputs: int = 2048
    completion_tokens_models: tuple[str, ...] = ()
    """Globs of model ids that refuse `max_tokens` and want `max_completion_tokens`."""


class Profile(BaseModel):
    """One endpoint. `quota(row, plan)` is the limit table; every number carries `source`."""

    model_config = _FROZEN
    name: str
    title: str
    status: str = "alive"
    """`alive`, or what happened and when, e.g. ``retired 2026-07-30``."""
    successor: str | None = None
    base_url: str | None = None
    """Inference root: `/chat/completions` and `/embeddings` are appended. None: the user must give one."""
    organization_url: str | None = None
    """Inference root attributed to an organisation, with ``{organization}``. None: attribution is impossible."""
    catalog_url: str | None = None
    user_url: str | None = None
    key_variables: tuple[str, ...] = ()
    auth: Auth = Auth()
    headers: Mapping[str, str] = Field(default_factory=dict)
    query: Mapping[str, str] = Field(default_factory=dict)
    dialect: Dialect = Dialect()
    ranges: Mapping[str, tuple[float, float]] = Field(default_factory=dict)
    """Inclusive numeric ranges of request fields the endpoint is known to enforce."""
    plans: tuple[str, ...] = ("free",)
    source: str = ""
    date: str = ""
    catalog: str | None = None
    """Name of a shipped catalog snapshot, e.g. ``github-models``."""
    models: Mapping[str, str] = Field(default_factory=dict)
    """Model id or glob -> limit row, first match wins; checked before the catalog snapshot."""
    default_row: str | None = None
    rows: Mapping[str, Mapping[str, Quota]] = Field(default_factory=dict)
    """row -> plan -> quota (model-scoped part); a missing plan means "not applicable on this plan"."""
    account: tuple[Rate, ...] = ()
    """Limits over all models of the account."""
    account_concurrent: int | None = None
