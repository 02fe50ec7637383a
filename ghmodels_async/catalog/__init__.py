"""What is known about models without asking anybody: dated snapshots and look-ups."""

from .entry import CatalogEntry, ContextLimit, Multipliers
from .lookup import cards, context_limit, find, nearest, snapshot_date
from .price import DOLLARS_PER_UNIT, FREE, Cost, cost_of

__all__ = [
    "DOLLARS_PER_UNIT",
    "FREE",
    "CatalogEntry",
    "ContextLimit",
    "Cost",
    "Multipliers",
    "cards",
    "context_limit",
    "cost_of",
    "find",
    "nearest",
    "snapshot_date",
]
