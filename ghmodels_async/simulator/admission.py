"""The gate of the simulated service: every limit of one request, checked together, counted when it arrives.

An arrival is first checked against all of its limits and only then counted against all of them: one that any limit
refuses is counted by none (except under the law `rejects`, where the refusing limit remembers it). A request counts at
the instant it reaches the server, and its concurrency slot is held until the server is rid of it.

The limits are asked in this order and the first that refuses is named: how many at once, account-wide rates, then the
model's rates from the shortest window to the longest. The order is a guess; a fan-out of 17 over an account limit was
seen to name that limit every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from typing import Literal

from ghmodels_async.profiles.profile import Quota, Rate
from ghmodels_async.simulator.windows import Window, WindowKind, open_window

__all__ = ["CONCURRENT_REQUESTS", "Admission", "Refused", "Ticket", "TooLargeForWindow"]

#: What the service calls its limit on requests in flight. Source: several public captures, 2026.
CONCURRENT_REQUESTS = "UserConcurrentRequests"


@dataclass(frozen=True, slots=True)
class Refused:
    """Which limit said no, in its own numbers. `wait` is exact; the wire shows it floored."""

    type: str
    amount: int
    window: float
    wait: float
    scope: Literal["model", "account"] = "model"
    rate: Rate | None = None
    """The limit's row in the table; None for requests in flight."""

    @property
    def shown_wait(self) -> int:
        """The integer the service tells: rounded down, so the truth lies in [n, n+1)."""
        return floor(self.wait)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A checked arrival: what it costs and the slots it takes once it is counted."""

    slots: tuple[tuple[str, str], ...]
    costs: tuple[tuple[Window, float], ...]
    at: float


@dataclass(frozen=True, slots=True)
class TooLargeForWindow:
    """One request that asks for more tokens than a whole window has: no waiting will ever help."""

    type: str
    amount: int
    window: float
    asked: int


class Admission:
    """All accounts' memories of all limits.

    Args:
        window: The law that minute limits (and shorter ones) follow.
        long_window: The law of windows of an hour and more; None means the same.
        concurrency_scope: Whether requests in flight are counted per model or over the whole account.
        everywhere: The profile's account-wide rates; other rates of scope "account" bind one row's models together.
        most_of_account: The profile's own limit on requests in flight over all models.
    """

    def __init__(
        self,
        window: WindowKind = "sliding",
        *,
        long_window: WindowKind | None = None,
        concurrency_scope: Literal["model", "account"] = "model",
        everywhere: Sequence[Rate] = (),
        most_of_account: int | None = None,
    ) -> None:
        self._kind: WindowKind = window
        self._long_kind: WindowKind = long_window or window
        self._per_model = concurrency_scope == "model"
        self._everywhere = everywhere
        self._most_of_account = most_of_account
        self._windows: dict[tuple[str, str, str], Window] = {}
        self._in_flight: dict[tuple[str, str], int] = {}
        self.amounts: dict[str, int] = {}
        """Limit type -> amount that replaces the table's, e.g. to tighten a limit in mid-run."""

    def check(
        self, account: str, model: str, quota: Quota, *, now: float, tokens_in: int = 0, tokens_out: int = 0
    ) -> Ticket | Refused | TooLargeForWindow:
        """Check one arrival against everything; nothing is counted yet.

        Args:
            account: Whose quota.
            model: Canonical model id.
            quota: The model's limits on the account's plan, account-wide rates included.
            now: Nominal Unix seconds of the arrival.
            tokens_in: Prompt tokens.
            tokens_out: Tokens the reply will have.
        """
        refused = self._check_slots(account, model, quota)
        if refused is not None:
            return refused
        slots = ((account, model), (account, "*"))
        costs: list[tuple[Window, float]] = []
        for rate in _in_order(quota.rates):
            window = self._window(account, model, quota.row, rate)
            cost = _cost(rate, tokens_in, tokens_out)
            if cost > window.amount:
                return TooLargeForWindow(rate.type, int(window.amount), rate.window, int(cost))
            wait = window.wait(now, cost)
            if wait > 0:
                window.refuse(now, cost)
                wait = max(wait, window.wait(now, cost))
                return Refused(rate.type, int(window.amount), rate.window, wait, rate.scope, rate)
            costs.append((window, cost))
        return Ticket(slots, tuple(costs), now)

    def count(self, ticket: Ticket) -> None:
        """Count a checked arrival and give it its slot. Nothing may have been counted since the check."""
        for window, cost in ticket.costs:
            window.take(ticket.at, cost)
        for slot in ticket.slots:
            self._in_flight[slot] = self._in_flight.get(slot, 0) + 1

    def leave(self, ticket: Ticket) -> None:
        """Free the slot. Call exactly once per counted ticket."""
        for slot in ticket.slots:
            left = self._in_flight[slot] - 1
            if left:
                self._in_flight[slot] = left
            else:
                del self._in_flight[slot]

    def in_flight(self, account: str, model: str = "*") -> int:
        """Requests of this account, on one model or on all, that hold a slot."""
        return self._in_flight.get((account, model), 0)

    def remaining(
        self, account: str, model: str, quota: Quota, unit: str, *, now: float, longest: bool = False
    ) -> tuple[int, int, float] | None:
        """One limit of `unit` as truthful headers tell it: amount, what is left, seconds until all of it is back.

        It is the one with the shortest window unless `longest`. None if there is no such limit.
        """
        rates = sorted((rate for rate in quota.rates if rate.unit == unit), key=lambda rate: rate.window)
        if not rates:
            return None
        rate = rates[-1 if longest else 0]
        window = self._window(account, model, quota.row, rate)
        amount = int(window.amount)
        return amount, amount - round(window.used(now)), window.wait(now, amount)

    def _check_slots(self, account: str, model: str, quota: Quota) -> Refused | None:
        changed = self.amounts.get(CONCURRENT_REQUESTS)
        most = quota.concurrent if changed is None else changed
        busy = self.in_flight(account, model if self._per_model else "*")
        if most is not None and busy >= most:
            return Refused(CONCURRENT_REQUESTS, most, 0, 0.0)
        most = self._most_of_account if changed is None else None
        if most is not None and self.in_flight(account) >= most:
            return Refused(CONCURRENT_REQUESTS, most, 0, 0.0, "account")
        return None

    def _window(self, account: str, model: str, row: str, rate: Rate) -> Window:
        over = model
        if rate.scope == "account":
            over = "*" if rate in self._everywhere else f"*{row}"
        key = (account, over, rate.type)
        window = self._windows.get(key)
        if window is None:
            kind = self._long_kind if rate.window >= 3600 else self._kind
            window = open_window(kind, rate.amount, rate.window, anchor=rate.anchor)
            self._windows[key] = window
        window.amount = self.amounts.get(rate.type, rate.amount)
        return window


def _in_order(rates: Sequence[Rate]) -> list[Rate]:
    return sorted(rates, key=lambda rate: (rate.scope != "account", rate.window))


def _cost(rate: Rate, tokens_in: int, tokens_out: int) -> float:
    if rate.unit == "requests":
        return 1
    return tokens_in if rate.unit == "input_tokens" else tokens_in + tokens_out
