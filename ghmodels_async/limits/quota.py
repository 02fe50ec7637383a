"""Which limits bind a model: the profile's table, the user's own numbers, and what answers have taught.

Precedence per limit, weakest first:
1. the table of the profile and plan;
2. the user's override: replaces the table's number, `None` removes the limit;
3. what a 429 said. It replaces the table's number whichever way it differs, because limits belong to accounts and
   change; over a user's own number it wins only when it is smaller, because a user may want less than is allowed.
Pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ..errors import ConfigurationError, PlanError
from ..profiles import Anchor, Profile, Quota, Rate, Unit, matches
from .ledger.port import Learned
from .overrides import METRIC, SECONDS, SIZES, check_override

__all__ = [
    "ACCOUNT",
    "Allowance",
    "Limit",
    "allowance",
    "learned_limit",
    "limit_key",
    "with_lesson",
]

#: What stands for "every model" in the key of an account-wide limit.
ACCOUNT = "*"

_SUFFIX = {"requests": "", "tokens": "Tokens", "input_tokens": "InputTokens"}


@dataclass(frozen=True, slots=True)
class Limit:
    """`amount` of `unit` per `window` seconds, and where the number comes from. `model` None: all models together."""

    type: str
    amount: int
    window: float
    model: str | None = None
    unit: Unit = "requests"
    anchor: Anchor = "rolling"
    source: str = ""
    users: bool = False
    """Whether the user chose the number."""
    paced: bool = False
    """Whether the server was found to count in a way that only evenly spaced requests satisfy."""
    key: str = field(init=False, repr=False, compare=False)
    """The name in the ledger."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", limit_key(self.model, self.type))


@dataclass(frozen=True, slots=True)
class Allowance:
    """Everything that binds one model. None means: no such limit."""

    model: str
    limits: tuple[Limit, ...]
    concurrent: int | None = None
    account_concurrent: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    source: str = ""
    sources: Mapping[str, str] | None = None
    """Source of `concurrent`, `tokens_in` and `tokens_out` where it is not `source`."""

    def source_of(self, metric: str) -> str:
        """Where a size or concurrency number comes from."""
        return (self.sources or {}).get(metric, self.source)


def limit_key(model: str | None, type: str) -> str:
    """``openai/gpt-4o|UserByModelByDay``, ``*|UserByMinute``."""
    return f"{model or ACCOUNT}|{type}"


def allowance(
    profile: Profile,
    model: str,
    plan: str,
    *,
    overrides: Mapping[str, Mapping[str, int | None]] | None = None,
    learned: Mapping[str, Learned] | None = None,
) -> Allowance:
    """Everything that binds `model` on `plan`.

    Raises:
        PlanError: The model is not part of this plan. Nothing was sent.
        ConfigurationError: The profile has no such plan, or an override names no known metric. Nothing was sent.
    """
    try:
        quota = profile.quota_of(model, plan)
    except KeyError:
        raise ConfigurationError(
            f"Profile {profile.name!r} has no plan {plan!r}.",
            checked=f"plans of {profile.title}: {', '.join(profile.plans)}",
            fix=f'Pass plan="{profile.plans[0]}" or one of the others.',
        ) from None
    if quota is None:
        plans = tuple(name for name in profile.plans if profile.quota_of(model, name) is not None)
        raise PlanError(
            model=model,
            plan=plan,
            plans=plans,
            checked=f"the limit table of {profile.title} ({profile.source})",
            fix=f"Use one of the plans {', '.join(plans)}, or another model." if plans else "Use another model.",
        )
    base = _from_table(model, quota, profile)
    lessons = learned or {}
    mine = _with_overrides(base, overrides or {})
    limits = tuple(with_lesson(limit, lessons.get(limit.key)) for limit in mine.limits)
    known = {limit.key for limit in limits}
    extra = tuple(
        learned_limit(lesson, model)
        for key, lesson in lessons.items()
        if key not in known and lesson.window > 0 and key.partition("|")[0] in (model, ACCOUNT)
    )
    return _with_sizes(replace(mine, limits=limits + extra), lessons)


def _from_table(model: str, quota: Quota, profile: Profile) -> Allowance:
    return Allowance(
        model=model,
        limits=tuple(_from_rate(rate, model, quota.source) for rate in quota.rates),
        concurrent=quota.concurrent,
        account_concurrent=profile.account_concurrent,
        tokens_in=quota.tokens_in,
        tokens_out=quota.tokens_out,
        source=f"table: {quota.source}" if quota.source else "table",
    )


def _from_rate(rate: Rate, model: str, source: str) -> Limit:
    seen = "observed, not documented" if rate.observed else f"table: {source}"
    own = None if rate.scope == "account" else model
    return Limit(rate.type, rate.amount, rate.window, own, rate.unit, rate.anchor, seen)


def _with_overrides(base: Allowance, overrides: Mapping[str, Mapping[str, int | None]]) -> Allowance:
    for target, metrics in overrides.items():
        account = target == "account"
        if not account and not matches(base.model, (target,)):
            continue
        for metric, number in metrics.items():
            base = _with_override(base, metric, number, account)
    return base


def _with_override(base: Allowance, metric: str, number: int | None, account: bool) -> Allowance:
    check_override(metric, number)
    if metric in SIZES:
        size = "account_concurrent" if account and metric == "concurrent" else metric
        return _resized(base, {size: number}, {**(base.sources or {}), size: "user"})
    match = METRIC.fullmatch(metric)
    assert match is not None
    unit: Unit = match[1]  # type: ignore[assignment]
    window, own = SECONDS[match[2]], None if account else base.model
    same = [x for x in base.limits if (x.unit, x.window, x.model) == (unit, window, own)]
    others = tuple(x for x in base.limits if x not in same)
    if number is None:
        return replace(base, limits=others)
    kind = f"User{'' if account else 'ByModel'}By{match[2].title()}{_SUFFIX[unit]}"
    old = same[0] if same else Limit(kind, number, window, own, unit)
    return replace(base, limits=(*others, replace(old, amount=number, source="user", users=True)))


def with_lesson(limit: Limit, lesson: Learned | None) -> Limit:
    """`limit` as a 429 corrected it."""
    if lesson is None:
        return limit
    paced = lesson.model == "paced"
    if limit.users and lesson.amount >= limit.amount:
        return replace(limit, paced=paced)
    if lesson.amount == limit.amount and lesson.window == limit.window:
        return replace(limit, paced=paced)
    return replace(limit, amount=lesson.amount, window=lesson.window or limit.window, paced=paced, source=_when(lesson))


def learned_limit(lesson: Learned, model: str) -> Limit:
    """A limit that only a 429 ever named."""
    owner, _, kind = lesson.limit.partition("|")
    lower = kind.lower()
    unit: Unit = "requests"
    if "token" in lower:
        unit = "input_tokens" if "input" in lower else "tokens"
    own = None if owner == ACCOUNT else model
    return Limit(kind, lesson.amount, lesson.window, own, unit, "rolling", _when(lesson), paced=lesson.model == "paced")


def _with_sizes(base: Allowance, lessons: Mapping[str, Learned]) -> Allowance:
    """Concurrency and sizes as 429s and 413s corrected them: never above what the user chose."""
    changes: dict[str, int] = {}
    sources = dict(base.sources or {})
    for size, key in (
        ("concurrent", limit_key(base.model, "concurrent")),
        ("account_concurrent", limit_key(None, "concurrent")),
        ("tokens_in", limit_key(base.model, "tokens_in")),
    ):
        lesson = lessons.get(key)
        if lesson is None:
            continue
        now: int | None = getattr(base, size)
        if now is not None and sources.get(size) == "user" and now <= lesson.amount:
            continue
        changes[size], sources[size] = lesson.amount, _when(lesson)
    return _resized(base, changes, sources) if changes else base


def _resized(base: Allowance, changes: Mapping[str, int | None], sources: Mapping[str, str]) -> Allowance:
    return Allowance(
        model=base.model,
        limits=base.limits,
        concurrent=changes.get("concurrent", base.concurrent),
        account_concurrent=changes.get("account_concurrent", base.account_concurrent),
        tokens_in=changes.get("tokens_in", base.tokens_in),
        tokens_out=changes.get("tokens_out", base.tokens_out),
        source=base.source,
        sources=sources,
    )


def _when(lesson: Learned) -> str:
    return f"learned {datetime.fromtimestamp(lesson.at, UTC):%Y-%m-%d %H:%M} UTC"
