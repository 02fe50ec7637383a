"""One catalog row as we keep it: the service's own card plus what only documents say about the model."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from ghmodels_async.wire import ModelCard

__all__ = ["CatalogEntry", "ContextLimit", "Multipliers"]


class Multipliers(BaseModel):
    """Token units per token; one unit costs $0.00001. `cached_input` None: the price list names none for this model.

    Source: github/docs content/billing/reference/costs-for-github-models.md, read 2026-11-22.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")
    input: float
    cached_input: float | None = None
    output: float


class CatalogEntry(ModelCard):
    """A model card with its row in the limit table, its price and whether the catalog still listed it.

    Treat it as read-only: look-ups hand out one shared object per model.
    """

    limit_row: str | None = None
    """Row of the limit table; None where no document says."""
    multipliers: Multipliers | None = None
    """None: the price list has no row, so the cost is unknown, not 0."""
    available: bool = False
    """Whether the last catalog (its date is the snapshot's) still listed the model."""
    context: int | None = None
    """The context window a *document* gives; the service's own number is `limits.max_input_tokens`."""
    by: Literal["catalog", "guide", "table"] = "catalog"
    """Who says so: the catalog, the provider guide, or the older provider's own table."""

    @property
    def short_name(self) -> str:
        """The id without its publisher, as the old host and most error messages write it."""
        return self.id.rpartition("/")[2]

    @property
    def chats(self) -> bool:
        """Whether text goes in and text comes out. Unknown modalities count as text."""
        takes, gives = self.supported_input_modalities, self.supported_output_modalities
        return (not takes or "text" in takes) and (not gives or "text" in gives)


class ContextLimit(NamedTuple):
    """How many tokens of prompt a model takes, and who says so; None: nobody does, and `source` says why."""

    value: int | None
    source: str
