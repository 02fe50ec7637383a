"""What is left of a limit, in a few characters."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ghmodels_async.limits import LimitState

__all__ = ["quota_left"]

_LONG = 3600.0


def quota_left(state: LimitState, wall: float) -> str:
    """What is left of one window; then when the next place frees, if none is, or when all of a long one is free."""
    whose = "account " if state.scope == "account" else ""
    text = f"{whose}{_named(state.window or 0.0)} {state.left}/{state.amount}"
    if state.left == 0 and state.next_free_at is not None:
        return f"{text} next {_when(state.next_free_at, wall)}"
    if state.used and (state.window or 0.0) >= _LONG and state.resets_at is not None:
        return f"{text} full {_when(state.resets_at, wall)}"
    return text


def _when(at: datetime, wall: float) -> str:
    """``in 12 s``, ``14:05``, ``Tue 14:05``."""
    seconds = at.timestamp() - wall
    if seconds < 60:
        return f"in {max(seconds, 0.0):.0f} s"
    local, today = at.astimezone(), datetime.fromtimestamp(wall).astimezone()
    return f"{local:%H:%M}" if local.date() == today.date() else f"{local:%a %H:%M}"


def _named(window: float) -> str:
    return {1.0: "second", 60.0: "minute", 3600.0: "hour", 86_400.0: "day"}.get(window, f"{window:g} s")
