"""The TOML file's own shape, and how it becomes a `Profile`. Pure: text was parsed elsewhere.

A limit row is columnar over `plans`: ``requests_per_minute = [15, 15, 15, 20]``. One bare number means the same on
every plan. ``"n/a"`` means the row is not offered on that plan (then every metric of the row must say so there);
``"unlimited"`` means that plan has no such limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from .profile import Anchor, Auth, Dialect, Profile, Quota, Rate, Unit

__all__ = ["Misplaced", "ProfileFile", "to_profile"]

Cell = int | Literal["n/a", "unlimited"]

_RATE = re.compile(r"(requests|tokens|input_tokens)_per_(second|minute|hour|day|month)")

#: Seconds per named window. A month is 31 days: a rolling 31 days is safe for whatever calendar month the server means.
_WINDOWS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0, "month": 31 * 86400.0}

_SIZES = ("tokens_in", "tokens_out", "concurrent")

_TYPE_SUFFIX = {"requests": "", "tokens": "Tokens", "input_tokens": "InputTokens"}


class Misplaced(ValueError):
    """A value that fits its type but not its place; `path` leads to the key."""

    def __init__(self, path: tuple[str, ...], why: str) -> None:
        super().__init__(why)
        self.path = path
        self.why = why


class ProfileFile(BaseModel):
    """Every key a profile file may have. Unknown keys are errors: a misspelt limit must not be silently absent."""

    model_config = ConfigDict(defer_build=True, extra="forbid")

    name: str = Field(pattern=r"[a-z0-9][a-z0-9._-]*")
    title: str = ""
    status: str = "alive"
    successor: str | None = None
    based_on: str | None = None
    base_url: str | None = Field(default=None, pattern=r"^https?://")
    organization_url: str | None = Field(default=None, pattern=r"^https?://.*\{organization\}")
    catalog_url: str | None = Field(default=None, pattern=r"^https?://")
    user_url: str | None = Field(default=None, pattern=r"^https?://")
    key_variables: tuple[str, ...] = ()
    auth: Auth = Auth()
    headers: dict[str, str] = Field(default_factory=dict)
    query: dict[str, str] = Field(default_factory=dict)
    query_paths: tuple[str, ...] = ("*",)
    dialect: Dialect = Dialect()
    ranges: dict[str, tuple[float, float]] = Field(default_factory=dict)
    choices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    plans: tuple[str, ...] = Field(default=("free",), min_length=1)
    source: str = ""
    date: str = Field(default="", pattern=r"^(\d{4}-\d{2}-\d{2})?$")
    catalog: str | None = None
    models: dict[str, str] = Field(default_factory=dict)
    model_ids: dict[str, str] = Field(default_factory=dict)
    default_row: str | None = None
    day_anchor: Anchor = "rolling"
    limit_types: dict[str, str] = Field(default_factory=dict)
    limits: dict[str, dict[str, Any]] = Field(default_factory=dict)
    account: dict[str, Any] = Field(default_factory=dict)

    @field_validator("ranges")
    @classmethod
    def _ranges_ascend(cls, ranges: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for field, (low, high) in ranges.items():
            if low > high:
                raise ValueError(f"{field} runs from {low} down to {high}")
        return ranges


def to_profile(file: ProfileFile) -> Profile:
    """Turn a validated file into the frozen value.

    Raises:
        Misplaced: A column of the wrong length, an unknown metric, a row that does not exist.
    """
    rows = {row: _row(file, row, table) for row, table in file.limits.items()}
    for glob, row in file.models.items():
        if row not in rows:
            raise Misplaced(("models", glob), f"there is no [limits.{row}]")
    if file.default_row is not None and file.default_row not in rows:
        raise Misplaced(("default_row",), f"there is no [limits.{file.default_row}]")
    account, concurrent = _account(file)
    shared = file.model_dump(exclude={"based_on", "day_anchor", "limit_types", "limits", "account", "auth", "dialect"})
    return Profile(
        **{**shared, "title": file.title or file.name},
        auth=file.auth,
        dialect=file.dialect,
        rows=rows,
        account=account,
        account_concurrent=concurrent,
    )


def _row(file: ProfileFile, row: str, table: Mapping[str, Any]) -> dict[str, Quota]:
    path = ("limits", row)
    scope = table.get("scope", "model")
    if scope not in ("model", "account"):
        raise Misplaced((*path, "scope"), f'scope is "model" or "account", not {scope!r}')
    observed = _flag(table, path)
    source = str(table.get("source") or file.source)
    columns = {
        key: _column(file, (*path, key), value)
        for key, value in table.items()
        if key not in ("scope", "observed", "source", "day_anchor")
    }
    anchor = _anchor(file, table, path)
    quotas: dict[str, Quota] = {}
    for position, plan in enumerate(file.plans):
        cells = {key: column[position] for key, column in columns.items()}
        absent = [key for key, cell in cells.items() if cell == "n/a"]
        if absent:
            if len(absent) < len(cells):
                given = next(key for key in cells if key not in absent)
                raise Misplaced((*path, given), f'the plan "{plan}" is "n/a" in {absent[0]} but not here')
            continue
        numbers = {key: cell for key, cell in cells.items() if isinstance(cell, int)}
        rates = tuple(
            _rate(file, key, amount, scope, anchor, observed) for key, amount in numbers.items() if key not in _SIZES
        )
        sizes = {key: numbers.get(key) for key in _SIZES}
        quotas[plan] = Quota(row=row, plan=plan, rates=rates, source=f"{source}, {file.date}", **sizes)
    return quotas


def _account(file: ProfileFile) -> tuple[tuple[Rate, ...], int | None]:
    path, table = ("account",), file.account
    observed = _flag(table, path)
    anchor = _anchor(file, table, path)
    rates: list[Rate] = []
    concurrent: int | None = None
    for key, value in table.items():
        if key in ("observed", "day_anchor", "source"):
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise Misplaced((*path, key), f"a whole number from 1 is wanted, not {value!r}")
        if key == "concurrent":
            concurrent = value
        elif _RATE.fullmatch(key):
            rates.append(_rate(file, key, value, "account", anchor, observed))
        else:
            raise Misplaced((*path, key), _UNKNOWN_METRIC)
    return tuple(rates), concurrent


_UNKNOWN_METRIC = (
    "unknown metric; known are {requests|tokens|input_tokens}_per_{second|minute|hour|day|month}, "
    "tokens_in, tokens_out and concurrent"
)


def _column(file: ProfileFile, path: tuple[str, ...], value: Any) -> tuple[Cell, ...]:
    if path[-1] not in _SIZES and not _RATE.fullmatch(path[-1]):
        raise Misplaced(path, _UNKNOWN_METRIC)
    cells = value if isinstance(value, list) else [value] * len(file.plans)
    if len(cells) != len(file.plans):
        raise Misplaced(path, f"{len(cells)} values for {len(file.plans)} plans ({', '.join(file.plans)})")
    for cell in cells:
        number = isinstance(cell, int) and not isinstance(cell, bool) and cell > 0
        if not number and cell not in ("n/a", "unlimited"):
            raise Misplaced(path, f'a whole number from 1, "n/a" or "unlimited" is wanted, not {cell!r}')
    return tuple(cells)


def _flag(table: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    observed = table.get("observed", False)
    if not isinstance(observed, bool):
        raise Misplaced((*path, "observed"), f"true or false is wanted, not {observed!r}")
    return observed


def _anchor(file: ProfileFile, table: Mapping[str, Any], path: tuple[str, ...]) -> Anchor:
    anchor: Anchor = table.get("day_anchor", file.day_anchor)
    if anchor not in ("rolling", "utc", "us-pacific"):
        raise Misplaced((*path, "day_anchor"), f'"rolling", "utc" or "us-pacific" is wanted, not {anchor!r}')
    return anchor


def _rate(
    file: ProfileFile, key: str, amount: int, scope: Literal["model", "account"], anchor: Anchor, observed: bool
) -> Rate:
    match = _RATE.fullmatch(key)
    assert match is not None
    unit: Unit = match[1]  # type: ignore[assignment]
    period = match[2]
    given = file.limit_types.get(f"account_{key}" if scope == "account" else key)
    kind = given or f"User{'' if scope == 'account' else 'ByModel'}By{period.title()}{_TYPE_SUFFIX[unit]}"
    return Rate(
        amount=amount,
        unit=unit,
        window=_WINDOWS[period],
        scope=scope,
        anchor=anchor if period == "day" else "rolling",
        type=kind,
        observed=observed,
    )
