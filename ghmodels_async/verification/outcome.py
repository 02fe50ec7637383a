"""What a verification found: one value per check, and all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ghmodels_async.errors import GHModelsError

__all__ = ["Check", "State", "Verification"]

State = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check and how it went.

    Attributes:
        name: E.g. ``token``.
        state: ``ok``, ``failed`` or ``skipped``.
        checked: What was looked at.
        why: What was found; why it failed; why it was skipped.
        fix: What to do, one step per line; empty unless it failed.
        error: The typed error of a failed check.
    """

    name: str
    state: State
    checked: str
    why: str
    fix: str = ""
    error: GHModelsError | None = None

    def __str__(self) -> str:
        return f"{self.state:<8}{self.name:<14}{self.line}"

    @property
    def line(self) -> str:
        """What was checked and how it went."""
        return f"{self.checked}: {self.why}" if self.checked else self.why


@dataclass(frozen=True, slots=True)
class Verification:
    """Every check in order."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self.error is None

    @property
    def error(self) -> GHModelsError | None:
        """The first failed check's error: the one to fix first."""
        return next((check.error for check in self.checks if check.error is not None), None)

    def __str__(self) -> str:
        return "\n".join(str(check) for check in self.checks)
