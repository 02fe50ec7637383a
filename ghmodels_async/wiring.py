"""The parts of one client, wired once: where calls find transport, gate, token, clock and counters.

A little longer than most files: one short method per part, and nothing to take apart.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from weakref import WeakKeyDictionary, WeakSet

from . import catalog
from .catalog import Multipliers
from .clock import Clock
from .config import Settings
from .errors import FaultContext, RateLimitError, token_kind
from .inflight import InFlight
from .limits import Gate, GateOptions, open_gate
from .limits.ledger import Ledger, account_key
from .middleware import Attempt, Middleware, chain
from .middleware.attempt import running
from .profiles import Profile, names
from .tally import Estimates, Size, Tally
from .terms import Timeouts
from .transport import (
    FailedAttempt,
    PhaseTimeouts,
    Request,
    Response,
    ResponseHead,
    Retry,
    RetryBudget,
    Token,
    TokenSource,
    Transport,
    check_scope,
    credential_headers,
)
from .wire import ChatRequest, EmbeddingsRequest, Usage

__all__ = ["Wiring", "heads"]

_log = logging.getLogger("ghmodels_async.call")

_budgets: WeakKeyDictionary[Gate, RetryBudget] = WeakKeyDictionary()
_live: WeakSet[Wiring] = WeakSet()

#: Who keeps the heads of all answers to what the current task asks for: `openai`'s raw responses. Nearly always nobody.
heads: ContextVar[list[ResponseHead] | None] = ContextVar("heads", default=None)

#: Real seconds that calls get to settle when their client is closed under them; they need a few turns of the loop.
_FAREWELL = 1.0


class Wiring:
    """Everything a call needs that lives longer than the call.

    Args:
        settings: Profile, plan, endpoint, organisation.
        tokens: Where the key comes from.
        transport: Sends requests.
        clock: Nominal time.
        gate_options: Limits of the user's own and how the gate behaves.
        ledger: ``"sqlite"``, ``"memory"`` or a ledger object.
        shared: Whether several processes on this host share one account's limits.
        middleware: The user's code around each attempt, outermost first.
        on_attempt: Called after each attempt that failed.
        account: Names the account where the token changes over time; None takes the token itself.
        closes_transport: Whether the transport was made for this client alone.
    """

    def __init__(
        self,
        settings: Settings,
        tokens: TokenSource,
        transport: Transport,
        *,
        clock: Clock,
        gate_options: GateOptions,
        ledger: str | Ledger,
        shared: bool,
        middleware: Sequence[Middleware],
        on_attempt: Callable[[FailedAttempt], object] | None = None,
        account: str | None = None,
        closes_transport: bool = True,
    ) -> None:
        self.settings = settings
        self.profile: Profile = settings.profile
        self.tokens = tokens
        self.clock = clock
        self.luck: Callable[[], float] = random.random
        self.estimates = Estimates()
        self.tally = Tally()
        self._transport = transport
        self._middleware = tuple(middleware)
        self.observed = bool(self._middleware)
        self._gate_options = gate_options
        self._ledger = ledger
        self._shared = shared
        self._account = account
        self._on_attempt = on_attempt
        self._gate: Gate | None = None
        self._budget: tuple[Gate | None, RetryBudget] = (None, RetryBudget())
        self._closes_transport = closes_transport
        self._closed = False
        self.calls = InFlight()
        self._headers: tuple[Token | None, dict[str, str]] = (None, {})
        self._phases: tuple[Timeouts | None, PhaseTimeouts] = (None, PhaseTimeouts(None, None))
        _live.add(self)

    @property
    def gate(self) -> Gate | None:
        """The gate, once a first call (or `gate_for`) has opened it."""
        return self._gate

    def gate_for(self, token: Token) -> Gate:
        """The gate of this account on this endpoint: one per process, whatever the number of clients.

        Raises:
            RuntimeError: The client is closed.
        """
        if self._gate is None:
            self._check_open()
            directory: Path | None = self.settings.state_dir
            self._gate = open_gate(
                profile=self.profile,
                account=account_key(self._account or token.value, directory=directory),
                plan=self.settings.plan,
                base_url=self.settings.endpoint.account_root,
                clock=self.clock,
                options=self._gate_options,
                ledger=self._ledger,
                shared=self._shared,
                directory=directory,
            )
        return self._gate

    def budget_of(self, gate: Gate) -> RetryBudget:
        """The retry budget of an account: one, however many clients spend it."""
        known, budget = self._budget
        if known is not gate:
            budget = _budgets.setdefault(gate, RetryBudget())
            self._budget = (gate, budget)
        return budget

    def headers_for(self, token: Token) -> dict[str, str]:
        """Headers of every request, made once per token. The caller must not change them."""
        known, headers = self._headers
        if known is not token:
            check_scope(token, self.profile, self.settings.endpoint.chat_url, base_url=self._explicit_root())
            headers = {
                "Content-Type": "application/json",
                **self.profile.headers,
                **credential_headers(token, self.profile),
            }
            self._headers = (token, headers)
        return headers

    def phases_of(self, timeouts: Timeouts) -> PhaseTimeouts:
        """What the transport is told of a call's timeouts; most calls have the client's own."""
        known, phases = self._phases
        if known is not timeouts:
            phases = PhaseTimeouts(timeouts.connect, timeouts.head, timeouts.stall)
            self._phases = (timeouts, phases)
        return phases

    def send(
        self,
        request: Request,
        timeouts: PhaseTimeouts,
        on_sent: Callable[[float], None],
        attempt: Attempt | None = None,
    ) -> Awaitable[Response]:
        """Send one attempt through the middleware. Raises and cancels as `Transport.send`."""
        if self._closed:
            self._check_open()
        if not self._middleware:
            return self._transport.send(request, timeouts=timeouts, on_sent=on_sent)
        return self._send_through_middleware(request, timeouts, on_sent, attempt)

    async def _send_through_middleware(
        self, request: Request, timeouts: PhaseTimeouts, on_sent: Callable[[float], None], attempt: Attempt | None
    ) -> Response:
        opened: list[Response] = []

        async def innermost(changed: Request) -> Response:
            response = await self._transport.send(changed, timeouts=timeouts, on_sent=on_sent)
            opened.append(response)
            return response

        before = running.set(attempt)
        kept: Response | None = None
        try:
            kept = await chain(self._middleware, innermost)(request)
            if kept is None:
                raise TypeError("A middleware returned None: it must return the response it got.")
            return kept
        finally:
            running.reset(before)
            # What a layer failed to hand on, or sent more than once, is nobody else's to release. A response that is
            # none of these wraps the last one.
            wrapped = opened[-1:] if kept is not None and kept not in opened else []
            for response in opened:
                if response is not kept and response not in wrapped:
                    response.release()

    def fault_context(self, model: str, url: str, token: Token | None = None) -> FaultContext:
        """What an error message may tell about this client."""
        settings = self.settings
        return FaultContext(
            profile_name=self.profile.name,
            title=self.profile.title,
            model=model,
            organization=settings.organization,
            enterprise=settings.enterprise,
            token_kind=token_kind(token.value) if token else "",
            token_variable=token.source if token and token.value else "",
            known_models=self._known_models(),
            request_url=url,
            alternatives=tuple(name for name in names() if not name.startswith("github")),
            successor=self.profile.successor or "",
        )

    def attempt_failed(self, model: str, failure: FailedAttempt) -> None:
        """Count, log and report one failed attempt."""
        error, tally = failure.error, self.tally
        if isinstance(error, RateLimitError) and error.status is not None:
            limit = error.limit or "unknown"
            tally.rate_limited[limit] = tally.rate_limited.get(limit, 0) + 1
        if isinstance(failure.decision, Retry):
            tally.retries += 1
        if self._on_attempt is not None:
            try:
                self._on_attempt(failure)
            except Exception:  # a hook only watches: the call goes on as it would without it
                _log.exception("on_attempt raised")

    def prices_of(self, model: str) -> Multipliers | None:
        """The model's row in the endpoint's price list; None if it has none."""
        entry = catalog.find(model, self.profile.catalog) if self.profile.catalog else None
        return entry.multipliers if entry else None

    def spent(self, request: ChatRequest | EmbeddingsRequest, usage: Usage | None, size: Size) -> None:
        """Count one reply and learn from what it cost."""
        model, tally = request.model, self.tally
        if model not in tally.prices:
            tally.prices[model] = self.prices_of(model)
        tally.of(model).add(usage)
        if usage is not None:
            self.estimates.learn(model, size, usage)

    async def aclose(self, drain: float | None = None) -> None:
        """Close the connections made here and, if this client was its last user, the gate. Idempotent.

        No call begins from here on; those that have begun, waiting for quota or between two attempts included, go on
        while draining and are then ended. A transport that was passed in stays open: others may use it.

        Args:
            drain: Nominal seconds to wait first until no call is in flight; None: do not wait.
        """
        calls = self.calls
        calls.closing = True
        if drain and not await calls.all_ended(drain, self.clock):
            _log.info("%d calls were still in flight after %.1f s", len(calls), drain)
        self._closed = True
        calls.cut()
        await calls.all_ended(_FAREWELL * self.clock.scale, self.clock)
        if self._closes_transport:
            await self._transport.aclose()
        if self._gate is not None:
            gate, self._gate = self._gate, None
            await gate.aclose()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("This client is closed.")

    def forget_parent(self) -> None:
        """In the child of a fork: the gate's ledger thread and the calls in flight are the parent's."""
        self._gate = None
        closing, self.calls = self.calls.closing, InFlight()
        self.calls.closing = closing

    def _explicit_root(self) -> str | None:
        endpoint = self.settings.endpoint
        return endpoint.root if endpoint.explicit else None

    def _known_models(self) -> tuple[str, ...]:
        if self.profile.catalog is None:
            return ()
        return tuple(card.id for card in catalog.cards(self.profile.catalog))


def _forget_in_child() -> None:
    for wiring in list(_live):
        wiring.forget_parent()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_forget_in_child)
