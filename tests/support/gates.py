"""Gates and profiles for tests: limits in one line, nothing on disk."""

from __future__ import annotations

import itertools
from typing import Any

from ghmodels_async.clock import Clock
from ghmodels_async.errors import RateLimitFacts
from ghmodels_async.limits import Gate, GateOptions, Outcome, Permit, open_gate
from ghmodels_async.profiles import Dialect, Profile, Quota, Rate

MINUTE = "UserByModelByMinute"
DAY = "UserByModelByDay"
ACCOUNT_MINUTE = "UserByMinute"
STREAM = {"content-type": "text/event-stream"}

_accounts = itertools.count()


def minute(amount: int, **changes: Any) -> Rate:
    return Rate(**{"amount": amount, "window": 60.0, "type": MINUTE, **changes})


def day(amount: int, **changes: Any) -> Rate:
    return Rate(**{"amount": amount, "window": 86_400.0, "type": DAY, **changes})


def account_minute(amount: int, **changes: Any) -> Rate:
    return Rate(**{"amount": amount, "window": 60.0, "type": ACCOUNT_MINUTE, "scope": "account", **changes})


def profile_of(
    *rates: Rate,
    concurrent: int | None = None,
    account_concurrent: int | None = None,
    binding: bool = False,
    **sizes: Any,
) -> Profile:
    """One row for every model."""
    own = tuple(rate for rate in rates if rate.scope == "model")
    shared = tuple(rate for rate in rates if rate.scope == "account")
    quota = Quota(row="r", plan="free", rates=own, concurrent=concurrent, source="a test", **sizes)
    return Profile(
        name="test",
        title="Test",
        default_row="r",
        rows={"r": {"free": quota}},
        account=shared,
        account_concurrent=account_concurrent,
        dialect=Dialect(headers_binding=binding),
    )


def gate_of(clock: Clock, *rates: Rate, options: GateOptions | None = None, **more: Any) -> Gate:
    """A gate of its own."""
    ledger, account = more.pop("ledger", "memory"), more.pop("account", f"account {next(_accounts)}")
    return open_gate(profile=profile_of(*rates, **more), account=account, clock=clock, options=options, ledger=ledger)


async def take(gate: Gate, clock: Clock, model: str = "m", **terms: Any) -> Permit:
    """Acquire, send and hear the head at once."""
    permit = await gate.acquire(model, **terms)
    permit.sent(clock.now())
    permit.answered(clock.now(), 200, STREAM)
    return permit


async def use(gate: Gate, clock: Clock, model: str = "m", **terms: Any) -> Permit:
    """A whole request that takes no time."""
    permit = await take(gate, clock, model, **terms)
    permit.settle(Outcome.COMPLETED, at=clock.now())
    return permit


async def refuse(gate: Gate, clock: Clock, facts: RateLimitFacts, model: str = "m", **terms: Any) -> Permit:
    """A request that meets a 429."""
    permit = await gate.acquire(model, **terms)
    permit.sent(clock.now())
    permit.answered(clock.now(), 429, {})
    gate.rejected(permit, facts, clock.now())
    permit.settle(Outcome.REJECTED, at=clock.now())
    return permit


def facts_of(type: str, amount: int, window: float, wait: float | None, **more: Any) -> RateLimitFacts:
    scope = "model" if "Model" in type else "account"
    return RateLimitFacts(**{"type": type, "amount": amount, "window": window, "wait": wait, "scope": scope, **more})
