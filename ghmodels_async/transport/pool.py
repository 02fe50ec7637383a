"""The one door to aiohttp on the client's side: kept-alive connections, phase timeouts, typed failures.

A request passes three instants: called, first bytes handed to the socket, head received. The second is taken where the
request's body is written: cheaper than aiohttp's tracing, and it says exactly whether a failure was free.

The connector's own limit is 0 (none) unless asked for: how many requests are in flight is the gate's decision, and a
limit below the quotas (aiohttp's default is 100) would silently slow everything down.

Longer than 250 lines because everything that touches aiohttp is behind this one door.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from .._version import __version__
from ..clock import Clock
from ..errors import ConfigurationError, ConnectionFailedError, GHModelsError, RequestTimeoutError
from .http import PhaseTimeouts, Request, ResponseHead
from .loops import LoopSessions
from .origins import check_address, environment_proxy, redirect_target
from .phases import Lanes, Phases, Wait
from .trust import tls_context

__all__ = ["SessionPool"]

_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_read=None, sock_connect=None)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_HOPS = 3
_MAX_ROUTES = 1_000  # distinct URLs remembered; a client uses a handful


class SessionPool:
    """Keeps connections alive and sends requests over them. Implements `Transport`.

    Args:
        clock: Counts timeouts; one with ``scale=1`` unless simulating.
        limit: Most connections at once per origin; 0 for no limit, so that quotas alone decide.
        ssl: None for the system's trust store; a path of a PEM file or directory trusted *in addition*; or a
            ready `ssl.SSLContext`.
        session: Your own aiohttp session. It is used as it is (connector, proxy, trust) and never closed here.
        trust_env: Whether ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` count. Read when a URL
            is first used. Loopback never goes through a proxy.
        allow_plain_http: Allow http:// to other machines than this one.
        keepalive: Seconds an idle connection is kept. 15 is aiohttp's own default.
        dns_ttl: Seconds an address is remembered. 60 is a common record lifetime of cloud front doors.

    Raises:
        ConfigurationError: `ssl` names nothing that can be trusted.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        limit: int = 0,
        ssl: str | os.PathLike[str] | ssl.SSLContext | None = None,
        session: aiohttp.ClientSession | None = None,
        trust_env: bool = True,
        allow_plain_http: bool = False,
        keepalive: float = 15.0,
        dns_ttl: int = 60,
    ) -> None:
        self._clock = clock if clock is not None else Clock()
        self._limit = limit
        self._tls = tls_context(ssl)
        self._user_session = session
        self._trust_env = trust_env
        self._allow_plain_http = allow_plain_http
        self._keepalive = keepalive
        self._dns_ttl = dns_ttl
        self._closed = False
        self._routes: dict[str, _Route] = {}
        self._owned: LoopSessions[aiohttp.ClientSession] = LoopSessions(aiohttp.ClientSession.close)
        self._lanes = Lanes(self._clock)
        self._owned.on_change(self._routes.clear)
        self._owned.on_change(self._lanes.clear)

    async def __aenter__(self) -> SessionPool:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def send(
        self, request: Request, *, timeouts: PhaseTimeouts, on_sent: Callable[[float], None] | None = None
    ) -> _Answer:
        """Send and wait for the head. Redirects within the origin are followed, others are refused.

        Args:
            request: What to send; only connection headers and, where missing, a user agent are added.
            timeouts: Phase limits in nominal seconds.
            on_sent: Called once with nominal monotonic seconds when the first bytes are handed to the socket; for a
                request without a body, once its head is there.

        Raises:
            ConnectionFailedError: `sent` says whether bytes may have left.
            RequestTimeoutError: In phase ``connect`` or ``head``; `sent` likewise.
            ConfigurationError: The address may not be called, or redirects elsewhere.
            RuntimeError: The pool is closed, or another live event loop uses it.

        Cancellation: the connection is closed; whether bytes had left is what `on_sent` told.
        """
        if asyncio.get_running_loop() is not self._owned.loop:
            await self._adopt_loop()
        route = self._routes.get(request.url) or self._make_route(request.url)
        answer = await _exchange(self._lanes, request, route, timeouts, on_sent)
        if answer.head.status in _REDIRECTS:
            return await self._follow(request, answer, timeouts)
        return answer

    async def aclose(self) -> None:
        """Close every connection made here. Idempotent. Cancellation: safe to call again."""
        self._closed = True
        await self._owned.aclose()

    async def _follow(self, request: Request, answer: _Answer, timeouts: PhaseTimeouts) -> _Answer:
        """Follow redirects inside the origin: the key must not travel, and a POST must stay a POST."""
        for _ in range(_MAX_HOPS):
            answer.release()
            location = answer.head.headers.get("location", "")
            target = redirect_target(request.url, request.method, answer.head.status, location)
            request = replace(request, url=target)
            route = self._routes.get(target) or self._make_route(target)
            answer = await _exchange(self._lanes, request, route, timeouts, None)
            if answer.head.status not in _REDIRECTS:
                return answer
        answer.release()
        raise ConfigurationError(
            f"The server redirects in a circle at {request.url.partition('?')[0]}.", fix="Correct base_url"
        )

    async def _adopt_loop(self) -> None:
        if self._closed:
            raise RuntimeError("This connection pool is closed.")
        loop = asyncio.get_running_loop()
        if self._user_session is not None and getattr(self._user_session, "_loop", loop) is not loop:
            raise RuntimeError("The session passed to this client belongs to another event loop.")
        await self._owned.adopt()

    def _make_route(self, url: str) -> _Route:
        origin = check_address(url, allow_plain_http=self._allow_plain_http)
        session, proxy = self._user_session, None
        if session is None:
            proxy = environment_proxy(origin) if self._trust_env else None
            session = self._owned.sessions.get(origin)
            if session is None:
                session = self._owned.sessions[origin] = self._open_session()
        if len(self._routes) >= _MAX_ROUTES:
            self._routes.clear()
        try:
            route = self._routes[url] = _Route(URL(url), session, proxy)
        except ValueError as error:
            raise ConfigurationError(f"Not a valid address: {error}.", fix="Correct base_url") from None
        return route

    def _open_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._limit,
            ttl_dns_cache=self._dns_ttl,
            keepalive_timeout=self._keepalive,
            ssl=self._tls if self._tls is not None else True,
        )
        # trust_env stays off: aiohttp would look proxies up in a thread for every request, and add netrc credentials.
        return aiohttp.ClientSession(
            connector=connector,
            timeout=_NO_TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"ghmodels-async/{__version__}"},
            trust_env=False,
        )


class _Route:
    """What one URL needs, worked out once."""

    __slots__ = ("_headers", "_ready", "proxy", "session", "url")

    def __init__(self, url: URL, session: aiohttp.ClientSession, proxy: str | None) -> None:
        self.url = url
        self.session = session
        self.proxy = proxy
        self._headers: Mapping[str, str] = {}
        self._ready: CIMultiDict[str] = CIMultiDict()

    def ready(self, headers: Mapping[str, str]) -> CIMultiDict[str]:
        """`headers` as aiohttp wants them. They are the last request's nearly always."""
        if headers != self._headers:
            self._headers, self._ready = dict(headers), CIMultiDict(headers)
        return self._ready


class _Body(aiohttp.Payload):
    """A request body that says when its first byte is handed to the socket."""

    _autoclose = True  # nothing to close: plain bytes

    def __init__(self, value: bytes, started: Callable[[], None]) -> None:
        super().__init__(value, content_type="application/json")
        self._size = len(value)
        self._started = started

    def __deepcopy__(self, memo: object) -> _Body:
        return self  # aioresponses copies what it records, and would copy the task that waits with it

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return str(self._value, encoding, errors)

    async def write(self, writer: Any) -> None:  # what aiohttp below 3.12 calls
        self._started()
        await writer.write(self._value)

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:
        self._started()
        await writer.write(self._value)


async def _exchange(
    lanes: Lanes, request: Request, route: _Route, timeouts: PhaseTimeouts, on_sent: Callable[[float], None] | None
) -> _Answer:
    """One request, one head."""
    phases = Phases(lanes, timeouts, on_sent)
    payload = None if request.body is None else _Body(request.body, phases.sent)
    try:
        response = await route.session.request(
            request.method,
            route.url,
            data=payload,
            headers=route.ready(request.headers),
            allow_redirects=False,
            timeout=_NO_TIMEOUT,
            proxy=route.proxy,
        )
    except (asyncio.CancelledError, aiohttp.ClientError, OSError) as error:
        if phases.timed_out():
            raise phases.error(f"endpoint: {_origin(route)}") from None
        if isinstance(error, asyncio.CancelledError):
            raise
        sent = phases.sent_at is not None or (payload is None and not isinstance(error, _NEVER_CONNECTED))
        raise _named(error, route, sent) from None
    finally:
        phases.end()
    if payload is None and on_sent is not None:
        on_sent(phases.began)
    return _Answer(response, route, lanes, timeouts.stall)


class _Answer:
    """An open response; see `Response`."""

    __slots__ = ("_lanes", "_response", "_route", "_stall", "head")

    def __init__(self, response: aiohttp.ClientResponse, route: _Route, lanes: Lanes, stall: float | None) -> None:
        self._response = response
        self._route = route
        self._lanes = lanes
        self._stall = stall
        told = response.headers
        headers = dict(zip(_lower(tuple(told)), told.values(), strict=False))
        self.head = ResponseHead(response.status, headers, lanes.clock.now())

    @property
    def ended(self) -> bool:
        """Whether the end of the body has arrived, read or not: no read waits any more."""
        return self._response.content.is_eof()

    async def read(self) -> bytes:
        """Read the whole rest of the body. See `Response.read`. Cancellation: the connection is closed."""
        content = self._response.content
        if self._stall is not None and not content.is_eof():
            return await self._read_in_time(self._stall)
        try:
            return content.read_nowait() if content.is_eof() else await self._response.read()
        except (aiohttp.ClientError, OSError) as error:
            self._response.close()
            raise _named(error, self._route, sent=True) from None

    async def _read_in_time(self, stall: float) -> bytes:
        """For a body that did not arrive together with its head. The others need no timer."""
        wait, now, parts = Wait(self._lanes), self._lanes.clock.now, []
        try:
            wait.begin(stall, now())
            async for data in self:
                parts.append(data)
                wait.begin(stall, now())
        except BaseException as error:
            self.release()
            if not (isinstance(error, asyncio.CancelledError) and wait.timed_out()):
                raise
            raise RequestTimeoutError(
                phase="stall",
                elapsed=stall,
                sent=True,
                checked=f"endpoint: {_origin(self._route)}",
                fix="Send it again, or raise the stall timeout",
            ) from None
        finally:
            wait.end()
        return b"".join(parts)

    def __aiter__(self) -> _Answer:
        return self

    async def __anext__(self) -> bytes:
        # By what the socket had, never by line: aiohttp refuses lines above its buffer ("Chunk too big").
        try:
            data = await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            self._response.close()
            raise _named(error, self._route, sent=True) from None
        if not data:
            raise StopAsyncIteration
        return data

    def release(self) -> None:
        """Close the connection unless the body's end was seen: aiohttp has taken it back by itself then."""
        if not self._response.closed:
            self._response.close()


@lru_cache(maxsize=64)  # a server's answers have the same names all day
def _lower(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


_NEVER_CONNECTED = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
)


def _origin(route: _Route) -> str:
    return str(route.url.origin())


def _named(error: Exception, route: _Route, sent: bool) -> GHModelsError:
    """Our error for aiohttp's. Raise it `from None`: the original holds transports and does not pickle."""
    where, fix = _origin(route), "Check the network and the address"
    if isinstance(error, aiohttp.InvalidURL):
        return ConfigurationError(f"Not a valid address: {where}.", fix="Correct base_url")
    unknown_host = isinstance(error, aiohttp.ClientConnectorDNSError)
    if unknown_host:
        why = f"No address is known for {route.url.host}."
    elif isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = f"The certificate of {where} is not trusted: {error.certificate_error}."
        fix = "Pass the issuer's certificate as ssl='/path/to/ca.pem'"
    elif isinstance(error, aiohttp.ClientSSLError):
        why, fix = f"The TLS handshake with {where} failed: {error.os_error}.", "Check the address and its TLS version"
    elif isinstance(error, aiohttp.ClientProxyConnectionError):
        why, fix = "The proxy cannot be reached.", "Check HTTPS_PROXY, or exempt the host with NO_PROXY"
    elif isinstance(error, aiohttp.ClientHttpProxyError):
        why = f"The proxy refused the tunnel with HTTP {error.status}."
        fix = "Check the proxy's credentials and rules, or exempt the host with NO_PROXY"
    elif isinstance(error, aiohttp.ClientConnectorError):
        why = f"Could not connect to {where}: {error.os_error.strerror or error.os_error}."
    elif isinstance(error, aiohttp.ClientPayloadError):
        why = f"The answer of {where} ended early."
    elif isinstance(error, aiohttp.ServerDisconnectedError):
        why = f"{where} closed the connection without an answer."
    elif isinstance(error, aiohttp.ClientResponseError):
        why, fix = f"{where} did not answer in HTTP: {error.message}.", "Check that the address is an HTTP endpoint"
    else:
        why = f"The connection to {where} broke: {type(error).__name__}."
    return ConnectionFailedError(why, sent=sent, unknown_host=unknown_host, checked=f"endpoint: {where}", fix=fix)
