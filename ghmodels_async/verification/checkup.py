"""`verify`: the provider guide's troubleshooting list as checks, each with what was checked, how it went and the fix.

Checks run in the order in which a person would look: settings, token, service, account, organisation, catalog, limits,
one model. A check that cannot be made because an earlier one failed, or because the endpoint has no such address, is
skipped and says why. Only the last one sends an inference request, and only one.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from ghmodels_async import inquiry
from ghmodels_async.chats import Chats
from ghmodels_async.errors import (
    APIError,
    GHModelsError,
    ServiceRetiredError,
    TokenPermissionError,
)
from ghmodels_async.errors.advice import retired_steps, steps
from ghmodels_async.terms import Timeouts
from ghmodels_async.transport import RetryPolicy, Token
from ghmodels_async.wiring import Wiring

from .outcome import Check, Verification
from .quotas import exhausted, generous_model, used_up

__all__ = ["verify"]

#: A person waits for the answer; the guide's own script allows 10 s a request.
_TIMEOUTS = Timeouts(connect=10.0, head=30.0)
#: Nominal seconds the one inference request may take, waiting for quota included.
_DEADLINE = 60.0
_ONCE = RetryPolicy(attempts=1)
#: Most tokens of the answer: enough for a word, and for models that may think before it.
_WORDS, _THOUGHT = 16, 256


async def verify(wiring: Wiring, chats: Chats, model: str | None = None, *, ask: bool = True) -> Verification:
    """Make every check.

    Args:
        wiring: The client's parts.
        chats: Who asks the model.
        model: Which model to ask; None: one with a large quota, where the catalog names one.
        ask: Whether to send the one inference request.

    Cancellation: safe, the request in flight is settled.
    """
    checkup = _Checkup(wiring, chats, model or generous_model(wiring), ask=ask)
    return Verification(tuple([await checkup.made(name, check) for name, check in checkup.list]))


class _Skipped(Exception):
    """A check that cannot be made, and why."""


class _Checkup:
    """What the checks learn from each other. Each returns what was found, or raises why not."""

    def __init__(self, wiring: Wiring, chats: Chats, model: str | None, *, ask: bool) -> None:
        self._wiring = wiring
        self._chats = chats
        self._model = model
        self._ask = ask
        self._token: Token | None = None
        self._no_quota = False
        self._looked_at = ""
        self.list: tuple[tuple[str, Callable[[], Coroutine[Any, Any, str]]], ...] = (
            ("settings", self._settings),
            ("token", self._find_token),
            ("service", self._service),
            ("account", self._account),
            ("organisation", self._organization),
            ("catalog", self._catalog),
            ("limits", self._limits),
            ("model", self._answer),
        )

    async def made(self, name: str, check: Callable[[], Coroutine[Any, Any, str]]) -> Check:
        """Make one check."""
        self._looked_at = ""
        try:
            found = await check()
        except _Skipped as skipped:
            return Check(name, "skipped", self._looked_at, str(skipped))
        except GHModelsError as error:
            looked_at = self._looked_at or ", ".join(error.checked.splitlines())
            return Check(name, "failed", looked_at, error.why, error.fix, error)
        return Check(name, "ok", self._looked_at, found)

    async def _settings(self) -> str:
        settings, sources = self._wiring.settings, self._wiring.settings.sources
        named = [
            f"{key} given" if sources[key] == f"argument {key}" else f"{key} from {sources[key]}"
            for key in sorted(sources)
        ]
        self._looked_at = ", ".join(named) or "all at their defaults"
        parts = [f"profile {settings.profile.name}", f"plan {settings.plan}", settings.endpoint.chat_url]
        if settings.organization:
            parts.append(f"organisation {settings.organization}")
        if settings.enterprise:
            parts.append(f"enterprise {settings.enterprise}")
        return ", ".join(parts)

    async def _service(self) -> str:
        wiring = self._wiring
        profile = wiring.profile
        self._looked_at = f"status of profile {profile.name}"
        if profile.status == "alive":
            return f"{profile.title} is alive"
        if wiring.settings.endpoint.explicit:
            return f"{profile.title} is {profile.status}, but another address was given"
        raise ServiceRetiredError(
            f"{profile.title} is {profile.status}.", fix=retired_steps(wiring.fault_context("", ""))
        )

    async def _find_token(self) -> str:
        token = await self._wiring.tokens.current()
        self._looked_at = token.source
        self._wiring.headers_for(token)
        self._token = token
        context = replace(self._wiring.fault_context("", "", token), token_variable="")
        return context.token if token.value else "none is needed"

    async def _account(self) -> str:
        url = self._address(self._wiring.settings.endpoint.user_url)
        try:
            user = await self._get(url)
        except TokenPermissionError:
            if self._token is not None and self._token.kind == "ghs_":
                raise _Skipped("an installation token belongs to no user") from None
            raise
        return f"signed in as {user['login']}" if isinstance(user, dict) and "login" in user else "the token is taken"

    async def _organization(self) -> str:
        wanted = self._wiring.settings.organization
        url = self._address(self._wiring.settings.endpoint.user_url) + "/orgs"
        rows = await self._get(url)
        logins = [row["login"] for row in rows if isinstance(row, dict) and "login" in row]
        shown = ", ".join(logins) or "none that the token shows"
        if wanted is None:
            return f"none is asked for; member of: {shown}"
        if wanted.lower() in (login.lower() for login in logins):
            return f"member of {wanted}"
        if not logins:
            raise _Skipped(f"the token shows no organisations, so membership in {wanted} is not known")
        raise TokenPermissionError(
            f"The token's user is not seen as a member of {wanted}; member of: {shown}.",
            fix=steps(
                f"Ask an owner of {wanted} to invite you, or correct the organisation",
                f"If {wanted} uses SSO: authorise a classic token for it at https://github.com/settings/tokens "
                "(Configure SSO)",
            ),
        )

    async def _catalog(self) -> str:
        listing = await self._get(self._address(self._wiring.settings.endpoint.catalog_url))
        cards = inquiry.cards_of(listing)
        if self._model is None:
            return f"{len(cards)} models"
        ids = {card.id.lower() for card in cards}
        listed = self._model.lower() in ids or any(name.endswith(f"/{self._model.lower()}") for name in ids)
        return f"{len(cards)} models, {self._model} is {'' if listed else 'not '}among them"

    async def _limits(self) -> str:
        token, model = self._known_token(), self._known_model()
        gate = self._wiring.gate_for(token)
        await gate.open()
        states = [state for state in gate.explain(model) if state.window is not None]
        self._looked_at = f"what the ledger remembers of {model}"
        spent = next((state for state in states if used_up(state)), None)
        if spent is not None:
            self._no_quota = True
            raise exhausted(model, spent, self._wiring)
        return "; ".join(f"{state.limit} {state.left} of {state.amount} left" for state in states) or "none are known"

    async def _answer(self) -> str:
        if not self._ask:
            raise _Skipped("not asked for")
        self._known_token()
        model = self._known_model()
        if self._no_quota:
            raise _Skipped("no quota is left to ask it")
        self._looked_at = f"one question to {model}"
        thinks = self._wiring.profile.dialect.wants_completion_tokens(model)
        ceiling = _THOUGHT if thinks else _WORDS
        reply = await self._chats.chat(model, "Say hello.", max_tokens=ceiling, deadline=_DEADLINE, retry=_ONCE)
        return f"answered in {reply.meta.duration or 0:.1f} s"

    async def _get(self, url: str) -> Any:
        self._known_token()
        self._looked_at = f"GET {url.partition('?')[0]}"
        try:
            return await inquiry.get_json(self._wiring, url, _TIMEOUTS)
        except APIError as error:
            if error.status == 404:
                raise _Skipped("this address does not exist there (HTTP 404)") from None
            raise

    def _address(self, url: str | None) -> str:
        if url is None:
            raise _Skipped(f"{self._wiring.profile.title} has no such address")
        return url

    def _known_token(self) -> Token:
        if self._token is None:
            raise _Skipped("needs a token")
        return self._token

    def _known_model(self) -> str:
        if self._model is None:
            raise _Skipped("no model was named")
        return self._model
