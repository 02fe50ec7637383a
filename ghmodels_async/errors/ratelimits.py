"""What a 429 says, as a value: which limit, how many per how long, how long to wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["LimitUnit", "RateLimitFacts"]

LimitUnit = Literal["requests", "tokens", "input_tokens"]


@dataclass(frozen=True, slots=True)
class RateLimitFacts:
    """One 429, read. Every number is the server's own; nothing is added for rounding (that is the gate's business).

    Attributes:
        type: The server's name of the limit, e.g. ``UserByModelByMinute``; None when it named none.
        amount: How many per `window` the limit allows.
        window: Seconds; 0 for a limit on requests in flight.
        wait: Seconds to wait as the server said: an integer rounded *down*, so the truth lies in [wait, wait + 1).
            None when nothing was said.
        unit: What is counted.
        scope: Whether the limit counts one model or the whole account.
        concurrency: Whether it limits requests in flight, so that waiting for a window is pointless.
    """

    type: str | None = None
    amount: int | None = None
    window: float | None = None
    wait: float | None = None
    unit: LimitUnit = "requests"
    scope: Literal["model", "account"] = "model"
    concurrency: bool = False
