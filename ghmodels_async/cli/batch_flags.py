"""Options that say how a batch runs, shared by `run` and `retry-failed`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any

import click

from ghmodels_async.batch import Shard

__all__ = ["DURATION", "RunFlags", "run_options"]

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        number = str(value).rstrip("smhdin")
        try:
            return float(number) * _UNITS[str(value)[len(number) :] or "s"]
        except (ValueError, KeyError):
            self.fail(f"{value!r} is no duration; write 90s, 45m, 2h or 3d", param, ctx)


DURATION = _Duration()


class _ShardType(click.ParamType[Shard]):
    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        try:
            return value if isinstance(value, Shard) else Shard.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True, slots=True)
class RunFlags:
    """How a batch runs. Durations are nominal seconds; None means: no bound, or what the quota allows."""

    concurrency: int | None
    rounds: int
    max_error_rate: float | None
    max_duration: float | None
    stop_at_quota: bool
    shard: Shard
    accept_changes: bool
    cache: str | None
    cache_ttl: float | None
    no_check: bool
    as_json: bool


_OPTIONS = (
    click.option("--concurrency", type=click.IntRange(1), metavar="N", help="Rows in flight per model."),
    click.option("--rounds", type=click.IntRange(1), default=3, help="Times a failing row is tried. [3]"),
    click.option("--max-error-rate", type=click.FloatRange(0, 1), metavar="R", help="Stop when a larger share fails."),
    click.option("--max-duration", type=DURATION, metavar="2h", help="Refuse a run that will take longer."),
    click.option("--stop-at-quota", is_flag=True, help="Exit 4 when the quota is used up."),
    click.option("--shard", type=_ShardType(), metavar="i/n", default="1/1", help="Do the i-th of n parts."),
    click.option("--accept-changes", is_flag=True, help="Go on although settings or rows changed."),
    click.option("--cache", metavar="FILE", help="Keep answers of equal requests (temperature 0)."),
    click.option("--cache-ttl", type=DURATION, metavar="7d", help="How long a kept answer is good for."),
    click.option("--no-check", is_flag=True, help="Do not read the input through before the first call."),
    click.option("--json", "as_json", is_flag=True, help="One JSON event a line on standard output."),
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the function receives one `RunFlags` as `flags` instead of them."""

    @wraps(command)
    def gathered(*given: Any, **named: Any) -> Any:
        mine = {field.name: named.pop(field.name) for field in fields(RunFlags)}
        flags = RunFlags(**mine)
        if flags.cache_ttl is not None and flags.cache is None:
            raise click.UsageError("--cache-ttl says how long an answer in a --cache is good for; give that too.")
        return command(*given, flags=flags, **named)

    decorated: Callable[..., Any] = gathered
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
