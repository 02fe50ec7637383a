"""What a verification knows of quotas: which model costs least to ask, and what to do when nothing is left."""

from __future__ import annotations

from ghmodels_async import catalog
from ghmodels_async.errors import QuotaExhaustedError
from ghmodels_async.errors.advice import steps
from ghmodels_async.limits import LimitState
from ghmodels_async.wiring import Wiring

__all__ = ["exhausted", "generous_model", "used_up"]

#: Windows from here on are quotas that a call does not wait for.
_LONG = 3600.0


def generous_model(wiring: Wiring) -> str | None:
    """The chat model a question costs least of: the one with the most requests a day on this plan."""
    profile, plan = wiring.profile, wiring.settings.plan
    if profile.catalog is None:
        return None
    best, most = None, 0
    for card in catalog.cards(profile.catalog):
        quota = profile.quota_of(card.id, plan) if card.available and card.chats else None
        daily = max((rate.amount for rate in quota.rates if rate.window >= _LONG), default=0) if quota else 0
        if daily > most:
            best, most = card.id, daily
    return best


def used_up(state: LimitState) -> bool:
    """Whether a long quota has nothing left."""
    return not state.left and (state.window or 0) >= _LONG


def exhausted(model: str, state: LimitState, wiring: Wiring) -> QuotaExhaustedError:
    """The error of a used-up quota, with what the guide advises."""
    opens = state.blocked_until or state.next_free_at
    organization = wiring.settings.organization or "ORG"
    github = wiring.profile.name.startswith("github")
    return QuotaExhaustedError(
        f"{state.limit} is used up: {state.used} of {state.amount}.",
        limit=state.limit,
        reset_at=opens,
        model=model,
        fix=steps(
            f"Wait until {opens:%Y-%m-%d %H:%M} UTC" if opens else "Wait for the reset",
            "Use another model: quotas are per model",
            "A higher GitHub Copilot plan has higher limits (then say so: --plan)" if github else "",
            f"Or enable paid usage: https://github.com/organizations/{organization}/settings/billing" if github else "",
        ),
    )
