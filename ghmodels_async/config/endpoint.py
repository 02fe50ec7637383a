"""From a profile, an address and an organisation to the URLs a client calls. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from ghmodels_async.errors import ConfigurationError
from ghmodels_async.profiles import Profile

__all__ = ["Endpoint", "endpoint_of"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Every address one client uses. A key may travel to these URLs and nowhere else."""

    root: str
    """The inference root without query: what `base_url` means, organisation included."""
    account_root: str
    """The same without organisation. Quotas belong to the account, whoever its use is attributed to, so clients that
    differ only in the organisation share one limiter and one ledger."""
    chat_url: str
    embeddings_url: str
    catalog_url: str | None
    user_url: str | None
    """Who am I; its sub-path ``/orgs`` lists the organisations."""
    origin: str
    """``scheme://host[:port]`` of the root, lower case, default port left out."""
    explicit: bool
    """Whether the caller gave the address, rather than the profile."""


def endpoint_of(
    profile: Profile,
    base_url: str | None = None,
    organization: str | None = None,
    *,
    allow_http: bool = False,
    where: str = "base_url",
) -> Endpoint:
    """Resolve the addresses.

    With `base_url`, everything the profile keeps beside its own inference root (catalog, user, organisation route) is
    looked for at the same place beside that address: a proxy or an Enterprise Server mirrors the whole service.

    Args:
        profile: Gives root, templates, query.
        base_url: Inference root that replaces the profile's; ``/chat/completions`` is appended. Its own query wins
            over the profile's.
        organization: Login to which the use is attributed.
        allow_http: Accept plain http to a host that is not this machine.
        where: What to call `base_url` in an error: the place it came from.

    Raises:
        ConfigurationError: No address, one that cannot be used, or an organisation the profile has no route for.
    """
    given = base_url or profile.base_url
    if given is None:
        raise ConfigurationError(
            f"The profile {profile.name} ({profile.title}) has no common address.",
            checked="base_url argument, GHMODELS_BASE_URL, base_url in the configuration file",
            fix="Give your own address: --base-url URL, GHMODELS_BASE_URL=URL or base_url=...",
        )
    split = _usable(given, where if base_url else f"base_url of profile {profile.name}", allow_http)
    root = f"{split.scheme}://{split.netloc}{split.path.rstrip('/')}"
    beside = _Neighbours(profile.base_url, root, moved=bool(base_url))
    plain_root = root
    if organization:
        root = _organization_root(profile, beside, organization)
    query = _query(profile, plain_root, split.query)
    return Endpoint(
        root=root,
        account_root=plain_root,
        chat_url=f"{root}/chat/completions{query}",
        embeddings_url=f"{root}/embeddings{query}",
        catalog_url=beside.of(profile.catalog_url),
        user_url=beside.of(profile.user_url),
        origin=_origin(split),
        explicit=bool(base_url),
    )


class _Neighbours:
    """Finds what stands beside a profile's inference root, and the same place beside a root that replaced it."""

    def __init__(self, home: str | None, root: str, *, moved: bool) -> None:
        self._home, self._root, self._moved = home, root, moved

    def of(self, url: str | None) -> str | None:
        if url is None or not self._moved:
            return url
        if self._home is None:
            return self._root + urlsplit(url).path
        home, other = urlsplit(self._home), urlsplit(url)
        own_steps, other_steps = home.path.strip("/").split("/"), other.path.strip("/").split("/")
        if _origin(home) == _origin(other):
            while own_steps and other_steps and own_steps[0] == other_steps[0]:
                own_steps.pop(0)
                other_steps.pop(0)
        own_tail = "".join(f"/{step}" for step in own_steps if step)
        return self._root.removesuffix(own_tail) + "".join(f"/{step}" for step in other_steps)


def _organization_root(profile: Profile, beside: _Neighbours, organization: str) -> str:
    template = profile.organization_url
    if template is None:
        raise ConfigurationError(
            f"The profile {profile.name} cannot attribute use to an organisation ({organization!r} was given).",
            checked=f"organization_url of profile {profile.name}: not set",
            fix='Leave the organisation out, or add organization_url = "https://.../{organization}/..." to a profile '
            "of your own.",
        )
    found = beside.of(template)
    assert found is not None
    return found.replace("{organization}", quote(organization, safe=""))


def _usable(url: str, where: str, allow_http: bool) -> SplitResult:
    try:
        split = urlsplit(url)
        host, _ = split.hostname, split.port
    except ValueError as error:
        raise ConfigurationError(
            f"{where} is not an address: {error}.", fix="Give something like https://host/v1"
        ) from None
    if split.scheme not in ("http", "https") or not host:
        raise ConfigurationError(
            f"{where} is not an http(s) address: {url!r}.", fix="Give something like https://host/v1"
        )
    if split.username is not None or split.password is not None:
        raise ConfigurationError(
            f"{where} carries a user or password.", fix="Pass the key as token, not in the address."
        )
    if split.path.rstrip("/").endswith(("/chat/completions", "/embeddings")):
        raise ConfigurationError(
            f"{where} names one operation: {split.path}", fix="Give the inference root; /chat/completions is appended."
        )
    if split.scheme == "http" and not (allow_http or _loopback(host)):
        raise ConfigurationError(
            f"{where} would send the key unencrypted to {host}.",
            fix="Use https, or allow it: GHMODELS_ALLOW_HTTP=1 or allow_http=True.",
        )
    return split


def _loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _origin(split: SplitResult) -> str:
    default = {"http": 80, "https": 443}.get(split.scheme)
    host = split.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    port = "" if split.port in (None, default) else f":{split.port}"
    return f"{split.scheme}://{host}{port}"


def _query(profile: Profile, root: str, own: str) -> str:
    path = urlsplit(root).path
    wanted = any(fnmatchcase(path, glob) for glob in profile.query_paths)
    pairs = {**(profile.query if wanted else {}), **dict(parse_qsl(own, keep_blank_values=True))}
    return f"?{urlencode(pairs)}" if pairs else ""
