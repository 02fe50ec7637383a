"""The limiter as the user sees it: why am I waiting, until when, which limit, where does the number come from."""

from __future__ import annotations

from .limits import Gate, LimitState, Priority
from .wiring import Wiring

__all__ = ["LimitsView"]


class LimitsView:
    """Read-only questions to the gate of one client. Nothing here spends or waits for quota."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def open(self) -> None:
        """Find the token and read the ledger, so that the answers include what earlier processes spent.

        Raises:
            TokenNotFoundError: There is no token, so nobody knows whose limits they are.

        Cancellation: safe.
        """
        token = await self._wiring.tokens.current()
        await self._wiring.gate_for(token).open()

    def explain(self, model: str | None = None) -> list[LimitState]:
        """Every limit of a model (or of all models used so far): used, left, next free, blocked until, source."""
        return self._gate().explain(model)

    def eta(self, model: str, priority: Priority = "default") -> float:
        """Nominal seconds until a request asked for now could be sent."""
        return self._gate().eta(model, priority)

    def lower_bound(self, model: str, count: int) -> float:
        """Nominal seconds that the quota needs for `count` requests, starting now."""
        return self._gate().lower_bound(count, model)

    def idle(self, model: str) -> bool:
        """Whether quota goes unused for want of calls. False before the first one, and without a limit on requests."""
        gate = self._wiring.gate
        return gate is not None and gate.idle(model)

    def _gate(self) -> Gate:
        gate = self._wiring.gate
        if gate is None:
            raise RuntimeError("no call was made yet, so the account is not known: await limits.open() first")
        return gate
