"""Who is asking: any token is welcome, each is its own account, and some ask to be refused.

A token that contains one of these words (``_`` and ``-`` are the same) plays that part:

    bad-credentials        401 Bad credentials
    expired                401 Bad credentials
    no-models-permission   401 the `models` permission is missing
    no-access              403 no_access for every model
    no-budget              403 budget limit reached (an error without a code)
    models-disabled        403 GitHub Models is disabled

An organisation called ``disabled-org`` answers 403 "disabled" too. Tokens are never kept in the log: accounts are
numbered in order of appearance, or named by the `accounts` map, which lets two tokens share one account's quota.
"""

from __future__ import annotations

from collections.abc import Mapping

from ghmodels_async.profiles import Auth
from ghmodels_async.simulator import refusals
from ghmodels_async.simulator.answer import Answer, Call

__all__ = ["DISABLED_ORGANIZATION", "Accounts"]

DISABLED_ORGANIZATION = "disabled-org"
_ANONYMOUS = "anonymous"


class Accounts:
    """Recognises callers.

    Args:
        auth: Where the profile puts its key, and whether one is needed.
        names: Token -> account, for tokens that share an account.
    """

    def __init__(self, auth: Auth, names: Mapping[str, str] | None = None) -> None:
        self._auth = auth
        self._names = dict(names or {})

    def token(self, call: Call) -> str:
        """The key of a request: the profile's own header, a Bearer token, or `api-key`. "" if there is none."""
        for header in (self._auth.header.lower(), "authorization", "api-key"):
            value = call.headers.get(header, "").strip()
            if value:
                return value.rpartition(" ")[2]
        return ""

    def known(self, token: str) -> bool:
        """Whether the service lets this token in at all."""
        if not token:
            return not self._auth.required
        return not any(word in _plain(token) for word in ("bad-credentials", "expired"))

    def account(self, token: str) -> str:
        """The account a token belongs to."""
        if not token:
            return _ANONYMOUS
        return self._names.setdefault(token, f"account-{len(self._names) + 1}")

    def objection(self, token: str, organization: str | None, model: str) -> Answer | None:
        """What keeps a known token from using a model, or None."""
        plain = _plain(token)
        if "no-models-permission" in plain:
            return refusals.missing_permission()
        if "models-disabled" in plain or organization == DISABLED_ORGANIZATION:
            return refusals.models_disabled()
        if "no-access" in plain:
            return refusals.no_access(model)
        return refusals.budget_reached() if "no-budget" in plain else None


def _plain(token: str) -> str:
    return token.lower().replace("_", "-")
