"""Counts of a run while it goes on: what the live view, the events and the summary are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ModelProgress", "Progress"]


@dataclass
class ModelProgress:
    """One model's part. Tokens are the server's own counts."""

    done: int = 0
    failed: int = 0
    in_flight: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    uncalled: int = 0
    """Rows done or failed without a call: the cache had their answer, or nothing could be sent."""
    parked_until: float | None = None
    """Nominal Unix time."""

    @property
    def calls(self) -> int:
        """Rows that took a call to end."""
        return self.done + self.failed - self.uncalled


@dataclass
class Progress:
    """The run as a whole. `total` is None until the input was counted; `before` counts rows of earlier starts."""

    total: int | None = None
    before_done: int = 0
    before_failed: int = 0
    done: int = 0
    failed: int = 0
    cached: int = 0
    again: int = 0
    """Times a row went back into the queue."""
    waiting: int = 0
    asked: dict[str | None, int] = field(default_factory=dict)
    """Rows this start began with, by the model they ask for; None: rows that leave it open."""
    started_at: float = 0.0
    """Nominal monotonic seconds."""
    ended_at: float | None = None
    answer_seconds: float | None = None
    """How long answers took of late, from leaving to the end: a weighted mean in nominal seconds."""
    models: dict[str, ModelProgress] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    """The first row of each fault, and what was wrong with it."""

    def model(self, name: str) -> ModelProgress:
        found = self.models.get(name)
        if found is None:
            found = self.models[name] = ModelProgress()
        return found

    def answered_in(self, seconds: float) -> None:
        """One answer took that long."""
        known = self.answer_seconds
        self.answer_seconds = seconds if known is None else known + 0.1 * (seconds - known)

    @property
    def in_flight(self) -> int:
        return sum(model.in_flight for model in self.models.values())

    @property
    def answered(self) -> int:
        """Rows that need no call, of this start and earlier ones."""
        return self.before_done + self.before_failed + self.done + self.failed

    @property
    def counts(self) -> dict[str, int]:
        """Total, completed and failed rows over all starts, named as OpenAI's batch object names them."""
        completed, failed = self.before_done + self.done, self.before_failed + self.failed
        return {"total": self.total or 0, "completed": completed, "failed": failed}

    @property
    def remaining(self) -> int | None:
        return None if self.total is None else max(0, self.total - self.answered)

    def waiting_by_models(self, spread: tuple[str, ...], sent: Mapping[str, int]) -> dict[tuple[str, ...], int]:
        """Rows that still need quota, grouped by the models that may take them.

        Args:
            spread: Models for rows that name none.
            sent: Rows under way by model: they have their quota.
        """
        groups: dict[tuple[str, ...], int] = {}
        shared = self.asked.get(None, 0)
        for name, model in self.models.items():
            bound = self.asked.get(name, 0) - model.done - model.failed - sent.get(name, 0)
            if bound > 0:
                groups[name,] = bound
            else:
                shared += bound  # what it took beyond the rows bound to it named no model
        # rows nobody could attribute beforehand: better counted for any model than not at all
        shared = max(shared, (self.remaining or 0) - sum(sent.values()) - sum(groups.values()))
        if shared > 0:
            group = spread or tuple(self.models)
            groups[group] = groups.get(group, 0) + shared
        return groups

    @property
    def tokens_in(self) -> int:
        return sum(model.tokens_in for model in self.models.values())

    @property
    def tokens_out(self) -> int:
        return sum(model.tokens_out for model in self.models.values())
