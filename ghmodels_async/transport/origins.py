"""Where requests may go: plain http only to this machine, a proxy only where the environment names one.

Source: Go's `net/http` proxy rules (loopback never goes through a proxy); curl's proxy variables as urllib reads them.
"""

from __future__ import annotations

import ipaddress
import urllib.request
from urllib.parse import urljoin, urlsplit

from ..errors import ConfigurationError

__all__ = ["check_address", "environment_proxy", "is_loopback", "origin_of", "redirect_target", "same_origin"]

_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an absolute http(s) URL. Raises ConfigurationError for anything else."""
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
        # Parsers disagree about a backslash, so the origin checked might not be the one called.
        clean = host.isprintable() and not any(c in "\\ " for c in host)
        if scheme in _PORTS and host and clean and parts.username is None:
            return scheme, host, parts.port or _PORTS[scheme]
    except ValueError:
        pass
    shown = url.partition("?")[0]
    if "@" in shown:
        shown = shown.partition("://")[0] + "://…@" + shown.rpartition("@")[2]
    raise ConfigurationError(
        f"Not an absolute http(s) address without credentials: {shown!r}.",
        checked="base_url and the profile's addresses",
        fix="Set base_url to something like https://host/v1",
    )


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs share scheme, host and port. Source: RFC 6454 §5."""
    return origin_of(one) == origin_of(other)


def redirect_target(url: str, method: str, status: int, location: str) -> str:
    """Where a redirect may be followed to: inside the origin, and without turning a POST into a GET.

    Raises:
        ConfigurationError: It leads elsewhere. The key was not sent there.
    """
    try:
        target = urljoin(url, location)
        if (status in (307, 308) or method in ("GET", "HEAD")) and same_origin(url, target):
            return target
    except (ValueError, ConfigurationError):
        target = location
    raise ConfigurationError(
        f"The server redirects to {target.partition('?')[0]}; the key is not sent there.",
        checked=f"answer: HTTP {status} from {url.partition('?')[0]}",
        fix="If that is the right address, set base_url to it",
    )


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by name or number, without asking DNS."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_address(url: str, *, allow_plain_http: bool) -> tuple[str, str, int]:
    """The origin of `url`, if it may be called at all.

    Raises:
        ConfigurationError: The address is malformed, or would carry the key over the network unencrypted.
    """
    origin = origin_of(url)
    scheme, host, _ = origin
    if scheme == "http" and not allow_plain_http and not is_loopback(host):
        raise ConfigurationError(
            f"Plain http to {host} would send the key unencrypted.",
            checked=f"address: {url.partition('?')[0]}",
            fix="Use https://, or allow it on purpose with allow_plain_http=True",
        )
    return origin


def environment_proxy(origin: tuple[str, str, int]) -> str | None:
    """The proxy the environment names for this origin (``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``), or None.

    Raises:
        ConfigurationError: The proxy speaks something other than http.
    """
    scheme, host, port = origin
    if is_loopback(host) or urllib.request.proxy_bypass(f"{host}:{port}") or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy:
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    kind = proxy.partition("://")[0].lower()
    if kind not in _PORTS:
        raise ConfigurationError(
            f"A {kind} proxy is not supported, only http and https ones.",
            checked=f"{scheme.upper()}_PROXY and ALL_PROXY in the environment",
            fix="Name an http proxy, or pass your own session= with a connector that speaks it",
        )
    return proxy
