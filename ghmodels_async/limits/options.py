"""Every default of the limiter in one table, each with its reason, and the options that start from it.

`docs/limits.md` shows this table; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from .overrides import check_overrides

__all__ = ["DEFAULTS", "PRIORITIES", "Default", "GateOptions", "OnExhausted", "Priority"]

Priority = Literal["interactive", "default", "batch"]
OnExhausted = Literal["raise", "wait"]

#: Classes in the order they are served.
PRIORITIES: Final[tuple[Priority, ...]] = ("interactive", "default", "batch")


@dataclass(frozen=True, slots=True)
class Default:
    """One default: its value, its unit, and why it is that and nothing else."""

    value: Any
    unit: str
    why: str


DEFAULTS: Final[Mapping[str, Default]] = {
    "margin": Default(0.3, "s", "above the spread of a home uplink (20-250 ms); costs 0.5 % of a minute window"),
    "real_margin": Default(0.05, "s real", "what travel may vary by does not shrink when simulated time runs faster"),
    "day_margin": Default(2.0, "s", "two hosts kept in step by NTP differ by less; costs nothing of a day"),
    "linger": Default(2.0, "s", "a server notices a closed connection late and generates on until then"),
    "queue_limit": Default(100_000, "calls", "the most the benchmark holds: about 100 MB; more is a mistake upstream"),
    "batch_share": Default(0.1, "of grants", "batch always ends: Stripe reserves the rest for urgent traffic too"),
    "default_share": Default(0.2, "of grants", "plain calls beside an endless interactive stream still end"),
    "headroom": Default(0, "per window", "requests never given to batch; 0 because pacing already leaves gaps"),
    "exhausted_after": Default(120.0, "s", "a longer wait is an answer, not a delay; the openai client's bound too"),
    "recheck": Default(60.0, "s", "a parked model looks at the wall clock each minute: hosts sleep, clocks are set"),
    "unknown_wait": Default(60.0, "s", "a 429 that tells neither wait nor window: the commonest window"),
    "concurrency_step": Default(50, "completions", "clean ones before a learned cap on calls in flight grows by one"),
    "suspicions": Default(2, "in 10 windows", "unexplained 429s before the server is taken for a sliding counter"),
    "lesson_days": Default(30, "days", "limits change with plans; to find out costs one 429 a month at most"),
    "lease_from": Default(1000, "per window", "long limits below are reserved one by one, exactly"),
    "lease_parts": Default(200, "blocks", "half a percent of a long limit is what one crash can forfeit at most"),
}


def _default(name: str) -> Any:
    return field(default=DEFAULTS[name].value)


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What a user may turn. Seconds are nominal unless the table says otherwise.

    Args:
        limits: The user's own limits, stricter or looser than the table: model id or glob -> metric -> number or None
            (no such limit). Metrics as in profile files: ``requests_per_minute``, ``concurrent``, ``tokens_in`` and
            so on. The key ``account`` is for limits over all models.
        margin: Safety margin of windows below an hour; None: the larger of 0.3 s and 50 ms real.

    Raises:
        ConfigurationError: `limits` holds something that is no limit.
    """

    limits: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    margin: float | None = None
    day_margin: float = _default("day_margin")
    linger: float = _default("linger")
    queue_limit: int = _default("queue_limit")
    batch_share: float = _default("batch_share")
    default_share: float = _default("default_share")
    headroom: int = _default("headroom")
    exhausted_after: float = _default("exhausted_after")
    recheck: float = _default("recheck")
    lease_from: int = _default("lease_from")

    def __post_init__(self) -> None:
        check_overrides(self.limits)

    def margin_at(self, scale: float) -> float:
        """The safety margin in nominal seconds when time runs `scale` times as fast."""
        if self.margin is not None:
            return self.margin
        return max(float(DEFAULTS["margin"].value), float(DEFAULTS["real_margin"].value) * scale)
