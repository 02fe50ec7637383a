"""What tokens cost: token units, exactly, or "unknown". Pure.

    units = input * m_input + cached * m_cached + output * m_output        (input without the cached tokens)

One unit costs $0.00001. All sums are decimal: the multipliers are decimal fractions, and a bill must not depend on how
often it was added up. A price nobody states is unknown, never 0.

Source: github/docs content/billing/reference/costs-for-github-models.md, read 2026-11-22.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from .entry import Multipliers

__all__ = ["DOLLARS_PER_UNIT", "FREE", "Cost", "cost_of"]

DOLLARS_PER_UNIT = Decimal("0.00001")


class Cost(NamedTuple):
    """Token units of a reply, a model or a client.

    Attributes:
        units: All of it; None if any part is unknown.
        known_units: The part whose price is known: equal to `units` where that is known, else a lower bound.
    """

    units: Decimal | None
    known_units: Decimal

    @property
    def dollars(self) -> Decimal | None:
        """US dollars; None if any part is unknown."""
        return None if self.units is None else self.units * DOLLARS_PER_UNIT

    @property
    def known_dollars(self) -> Decimal:
        """US dollars of the part whose price is known."""
        return self.known_units * DOLLARS_PER_UNIT

    def plus(self, other: Cost) -> Cost:
        """Both together: unknown if one of them is."""
        units = None if self.units is None or other.units is None else self.units + other.units
        return Cost(units, self.known_units + other.known_units)

    def __str__(self) -> str:
        if self.units is not None:
            return f"${self.dollars:.6f}"
        return f"unknown (${self.known_dollars:.6f} of it known)" if self.known_units else "unknown"


#: What nothing costs: where sums start.
FREE = Cost(Decimal(0), Decimal(0))
_UNKNOWN = Cost(None, Decimal(0))


def cost_of(prices: Multipliers | None, prompt: int, cached: int, completion: int) -> Cost:
    """The cost of some tokens.

    Args:
        prices: The model's row; None: it has none, the cost is unknown.
        prompt: Prompt tokens, cached ones included.
        cached: Those of them the server had cached. Unknown cost, if the row states no price for them.
        completion: Generated tokens.
    """
    if prices is None:
        return _UNKNOWN
    sure = (prompt - cached) * _exact(prices.input) + completion * _exact(prices.output)
    if not cached:
        return Cost(sure, sure)
    if prices.cached_input is None:
        return Cost(None, sure)
    units = sure + cached * _exact(prices.cached_input)
    return Cost(units, units)


def _exact(multiplier: float) -> Decimal:
    """The decimal that is written in the list: 0.0075, not the binary fraction nearest to it."""
    return Decimal(repr(multiplier))
