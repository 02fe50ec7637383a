"""An endpoint as data: where it is, how it authenticates, what it limits, which dialect it speaks.

A profile is one TOML file. Everything a table can say is here as a frozen value; nothing here opens a file or a socket.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ghmodels_async import catalog

__all__ = ["Anchor", "Auth", "Dialect", "Profile", "Quota", "Rate", "Unit", "matches"]

Unit = Literal["requests", "tokens", "input_tokens"]
Anchor = Literal["rolling", "utc", "us-pacific"]

#: Model ids whose row is remembered per profile; many times the largest catalog seen (OpenRouter's, hundreds).
_REMEMBERED = 4096

_IN_EVERY_REQUEST = {"model", "messages", "messages[].content"}

_FROZEN = ConfigDict(defer_build=True, frozen=True, extra="forbid", protected_namespaces=())


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
    """Most texts of one embeddings request; 2,048 is the OpenAI dialect's own cap."""
    max_embedding_tokens: int | None = None
    """Most tokens of one embeddings request, all texts together, whatever the plan; None: not known."""
    completion_tokens_models: tuple[str, ...] = ()
    """Globs of model ids that refuse `max_tokens` and want `max_completion_tokens`."""
    fixed_temperature_models: tuple[str, ...] = ()
    """Globs of model ids that refuse every `temperature` but the default, 1."""
    refuses: tuple[str, ...] = ()
    """Request fields the endpoint answers with an error; ``messages[].name`` is a key of each message."""
    max_stops: int | None = None
    """Most entries of `stop`; None: not known."""
    strict_shapes: bool = False
    """Whether messages, tools and response formats that OpenAI's reference does not allow are known to be refused."""
    strip_publisher: bool = False
    """Whether ``openai/gpt-4o`` must travel as ``gpt-4o``."""

    def wants_completion_tokens(self, model: str) -> bool:
        """Whether this model's ceiling travels as `max_completion_tokens`."""
        return matches(model, self.completion_tokens_models)


@lru_cache(maxsize=4096)
def matches(model: str, globs: tuple[str, ...]) -> bool:
    """Whether a glob matches the full id or the short name (after the last slash), ignoring case."""
    full = model.lower()
    short = full.rpartition("/")[2]
    return any(fnmatchcase(full, glob.lower()) or fnmatchcase(short, glob.lower()) for glob in globs)


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
    query_paths: tuple[str, ...] = ("*",)
    """Globs of the inference root's path for which `query` is sent."""
    dialect: Dialect = Dialect()
    ranges: Mapping[str, tuple[float, float]] = Field(default_factory=dict)
    """Inclusive numeric ranges of request fields the endpoint is known to enforce."""
    choices: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """Texts a field may hold, or a list field may consist of; ``messages[].role`` is a key of each message."""
    plans: tuple[str, ...] = ("free",)
    source: str = ""
    date: str = ""
    catalog: str | None = None
    """Name of a shipped catalog snapshot, e.g. ``github-models``."""
    models: Mapping[str, str] = Field(default_factory=dict)
    """Model id or glob -> limit row, first match wins; checked before the catalog snapshot."""
    model_ids: Mapping[str, str] = Field(default_factory=dict)
    """Id as callers write it -> id as it travels, e.g. to a deployment's name. Exact, before `strip_publisher`."""
    default_row: str | None = None
    rows: Mapping[str, Mapping[str, Quota]] = Field(default_factory=dict)
    """row -> plan -> quota (model-scoped part); a missing plan means "not applicable on this plan"."""
    account: tuple[Rate, ...] = ()
    """Limits over all models of the account. Rates with scope "account" inside a row bind that row's models only."""
    account_concurrent: int | None = None

    # cached_property and not PrivateAttr: pydantic looks private attributes up in Python, 1 us each
    @cached_property
    def _row_by_model(self) -> dict[str, str | None]:
        return {}

    @cached_property
    def _quota_by_key(self) -> dict[tuple[str, str], Quota | None]:
        return {}

    @cached_property
    def plain_roles(self) -> tuple[str, ...]:
        """Roles whose messages are never refused as long as they have a role, a text and nothing else.

        A tool's message is none of them: it needs a call before it.
        """
        refused, chosen = self.dialect.refuses, self.choices
        if not _IN_EVERY_REQUEST.isdisjoint({*refused, *chosen}) or "messages[].role" in refused:
            return ()
        known = chosen.get("messages[].role", ("user", "system", "assistant", "developer"))
        return tuple(role for role in known if role != "tool")

    def __copy__(self) -> Profile:
        copied = super().__copy__()
        # `model_copy(update=...)` may change what they came from
        for remembered in ("_row_by_model", "_quota_by_key", "plain_roles"):
            copied.__dict__.pop(remembered, None)
        return copied

    def row_of(self, model: str) -> str | None:
        """The limit row of a model: this profile's globs first, then the catalog snapshot, then the default row.

        None means that nothing is known about the model; only account-wide limits apply then, and what 429s teach.
        """
        known = self._row_by_model
        if model not in known:
            if len(known) >= _REMEMBERED:  # ids come from callers: an endless stream of them must not fill memory
                known.clear()
            known[model] = self._find_row(model)
        return known[model]

    def _find_row(self, model: str) -> str | None:
        for glob, row in self.models.items():
            if matches(model, (glob,)):
                return row
        if self.catalog is not None:
            entry = catalog.find(model, self.catalog)
            if entry is not None and entry.limit_row in self.rows:
                return entry.limit_row
        return self.default_row

    def wire_model(self, model: str) -> str:
        """The id that travels in the request body."""
        renamed = self.model_ids.get(model)
        if renamed is not None:
            return renamed
        return model.rpartition("/")[2] if self.dialect.strip_publisher else model

    def quota_of(self, model: str, plan: str) -> Quota | None:
        """Everything that limits `model` on `plan`, account-wide rates included.

        Returns:
            None when the model is not offered on this plan ("n/a" in the table). Models of one row share one object.

        Raises:
            KeyError: The profile has no such plan.
        """
        row = self.row_of(model)
        key = (row or "", plan)
        try:
            return self._quota_by_key[key]
        except KeyError:
            pass
        if plan not in self.plans:
            raise KeyError(plan)
        self._quota_by_key[key] = quota = self._build_quota(row, plan)
        return quota

    def _build_quota(self, row: str | None, plan: str) -> Quota | None:
        if row is None:
            return Quota(row="", plan=plan, rates=self.account, source=self.source)
        own = self.rows[row].get(plan)
        if own is None:
            return None
        return own.model_copy(update={"rates": own.rates + self.account})
