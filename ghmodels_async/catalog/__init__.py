"""What is known about models without asking anybody: dated snapshots and look-ups."""

from .entry import CatalogEntry, ContextLimit, Multipliers
from .lookup import cards, context_limit, find, nearest, snapshot_date

__all__ = [
    "CatalogEntry",
    "ContextLimit",
    "Multipliers",
    "cards",
    "context_limit",
    "find",
    "nearest",
    "snapshot_date",
]
