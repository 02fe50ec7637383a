"""Tokens: where they come from, what can be checked without asking anybody, and where they may go.

Order: argument, environment variables of the profile, and for GitHub the command line's own login. The first one found
counts, even if it is bad: a silent fall-back to another account would be worse than an error.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from ..errors import ConfigurationError, TokenNotFoundError, token_kind
from ..errors.advice import missing_token_steps
from ..profiles import Profile
from .origins import same_origin

__all__ = ["Token", "TokenProvider", "TokenSource", "check_scope", "credential_headers", "discover_token"]

TokenProvider = Callable[[], "str | Awaitable[str]"]

_GH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Token:
    """A key and where it came from. Neither repr nor str shows it.

    Attributes:
        value: The key itself.
        source: ``GITHUB_TOKEN``, ``the token argument``, ```gh auth token``` …
        kind: Known GitHub prefix (``ghp_`` …), empty for others.
    """

    value: str = field(repr=False)
    source: str
    kind: str = ""

    @property
    def masked(self) -> str:
        """The prefix that tells the kind and the last four characters; short keys show nothing."""
        return f"{self.kind}…{self.value[-4:]}" if len(self.value) >= 20 else "…"

    def __str__(self) -> str:
        return f"{self.masked} from {self.source}"


def discover_token(
    explicit: str | None, profile: Profile, env: Mapping[str, str] | None = None, *, gh: bool = True
) -> Token:
    """Find the token for `profile` and check what can be checked locally.

    Args:
        explicit: A token given by the caller; None to look for one.
        profile: Whose key is looked for.
        env: The environment; None for the process's own.
        gh: Whether ``gh auth token`` may be asked (GitHub profiles only; at most 5 s).

    Raises:
        TokenNotFoundError: Nothing in any place; the message lists the places.
        ConfigurationError: The token found cannot be one (blank, line break, another service's).
    """
    if explicit is not None:
        return _checked(explicit, "the token argument", profile)
    env = os.environ if env is None else env
    looked: list[str] = ["token argument: not given"]
    for variable in profile.key_variables:
        if value := env.get(variable):
            return _checked(value, variable, profile)
        looked.append(f"{variable}: {'empty' if variable in env else 'not set'}")
    if not profile.auth.required and not profile.key_variables:
        return Token("", "no key needed")
    if _is_github(profile):
        found, note = _ask_gh(env) if gh else ("", "not asked")
        if found:
            return _checked(found, "`gh auth token`", profile)
        looked.append(f"gh auth token: {note}")
    if not profile.auth.required:
        return Token("", "no key needed")
    raise TokenNotFoundError(
        f"No token found for {profile.title or profile.name}.",
        checked="\n".join(looked),
        fix=missing_token_steps(profile.key_variables, github=_is_github(profile)),
    )


def check_scope(token: Token, profile: Profile, url: str, *, base_url: str | None = None) -> None:
    """Make sure the key may go to `url`: its profile's own origin, or an explicit `base_url`'s.

    Raises:
        ConfigurationError: It may not. Nothing was sent.
    """
    if not token.value:
        return
    homes = (base_url, profile.base_url, profile.organization_url, profile.catalog_url, profile.user_url)
    # A template's {organization} is in the path; any name keeps the origin.
    if any(home and same_origin(home.replace("{organization}", "x"), url) for home in homes):
        return
    raise ConfigurationError(
        f"The key for {profile.title or profile.name} is not sent to {url.partition('?')[0]}.",
        checked=f"origins of profile {profile.name!r} and base_url={base_url!r}",
        fix="Pass that address as base_url if the key is meant for it",
    )


def credential_headers(token: Token, profile: Profile) -> dict[str, str]:
    """The header that carries the key, in this profile's style; empty without a key."""
    if not token.value:
        return {}
    scheme = profile.auth.scheme
    return {profile.auth.header: f"{scheme} {token.value}" if scheme else token.value}


class TokenSource:
    """The token of one client: found once, or asked from a callable and refreshed when the server rejects it.

    Args:
        explicit: A token, a callable returning one (plain or async), or None to look for one.
        profile: Whose key it is.
        env: The environment; None for the process's own.
        gh: Whether ``gh auth token`` may be asked.
    """

    def __init__(
        self,
        explicit: str | TokenProvider | None,
        profile: Profile,
        env: Mapping[str, str] | None = None,
        *,
        gh: bool = True,
    ) -> None:
        self._explicit = explicit
        self._profile = profile
        self._env = env
        self._gh = gh
        self._token: Token | None = None
        self._asking: asyncio.Task[Token] | None = None
        if explicit is not None and not callable(explicit):
            self._token = discover_token(explicit, profile, env)

    @property
    def refreshable(self) -> bool:
        """Whether a rejected token can be replaced by asking again."""
        return callable(self._explicit)

    async def current(self) -> Token:
        """The token. Asks or looks on first use only. Raises as `discover_token`. Cancellation: safe."""
        if self._token is not None:
            return self._token
        return await self._ask_once()

    async def refresh(self, rejected: Token) -> Token | None:
        """Another token than the `rejected` one, or None if there is none: then the 401 stands.

        Many calls may come at once with the same rejected token: the callable is asked once for all.
        Cancellation: safe, the others still get their answer.
        """
        if not self.refreshable:
            return None
        if self._token is None or self._token.value == rejected.value:
            self._token = None
            token = await self._ask_once()
        else:
            token = self._token
        return token if token.value != rejected.value else None

    async def _ask_once(self) -> Token:
        asking = self._asking
        if asking is None or asking.done() or asking.get_loop() is not asyncio.get_running_loop():
            asking = self._asking = asyncio.ensure_future(self._ask())
            asking.add_done_callback(_seen)  # whoever asked may have been cancelled meanwhile
        return await asyncio.shield(asking)

    async def _ask(self) -> Token:
        if callable(self._explicit):
            value = self._explicit()
            if inspect.isawaitable(value):
                value = await value
            token = _checked(value, "the token callable", self._profile)
        else:  # `gh` is a process: never in the event loop's thread
            token = await asyncio.to_thread(discover_token, None, self._profile, self._env, gh=self._gh)
        self._token = token
        return token


def _seen(asking: asyncio.Task[Token]) -> None:
    if not asking.cancelled():
        asking.exception()


def _is_github(profile: Profile) -> bool:
    return "GITHUB_TOKEN" in profile.key_variables


def _checked(value: object, source: str, profile: Profile) -> Token:
    """A token that could be one. Surrounding white space is dropped: it comes from files and shells."""
    service = profile.title or profile.name
    if not isinstance(value, str):
        raise ConfigurationError(f"{source} gave {type(value).__name__}, not a string.", fix="Return the key as text")
    text = value.strip()
    problem = ""
    if not text:
        problem = "is blank"
    elif any(c.isspace() or not c.isprintable() for c in text):
        problem = "contains white space or a line break"
    elif not text.isascii():
        problem = "contains characters that no header can carry"
    elif token_kind(text) and not _is_github(profile):
        problem = f"is a GitHub token ({token_kind(text)}…), which is never sent to {service}"
    elif _is_github(profile) and text.startswith(("sk-", "gsk_", "AIza", "nvapi-", "csk-")):
        problem = "is another service's key, not a GitHub token"
    if problem:
        raise ConfigurationError(
            f"The token from {source} {problem}.",
            checked=f"{source}, locally; nothing was sent",
            fix=missing_token_steps(profile.key_variables, github=_is_github(profile)),
        )
    return Token(text, source, token_kind(text))


def _ask_gh(env: Mapping[str, str]) -> tuple[str, str]:
    """The GitHub CLI's own token and, if there is none, why. Its variables are gone: they were looked at already."""
    program = shutil.which("gh", path=env.get("PATH"))
    if program is None:
        return "", "gh is not installed"
    quiet = {k: v for k, v in env.items() if k not in ("GH_TOKEN", "GITHUB_TOKEN")}
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command without a shell
            [program, "auth", "token", "--hostname", "github.com"],
            capture_output=True, text=True, timeout=_GH_SECONDS, env=quiet, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "", f"no answer in {_GH_SECONDS:g} s"
    except OSError as error:
        return "", f"cannot be run ({error.strerror})"
    token = done.stdout.strip()
    return (token, "") if done.returncode == 0 and token else ("", "not signed in")
