"""TLS with a certificate authority of one's own, and requests through a proxy that the environment names."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from raw_server import Exchange, RawServer

from ghmodels_async.errors import ConfigurationError, ConnectionFailedError
from ghmodels_async.transport import PhaseTimeouts, Request, SessionPool

T = PhaseTimeouts(connect=10.0, head=10.0)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def authority_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trust") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def serving(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def answer(exchange: Exchange) -> None:
    await exchange.answer(b'{"ok": true}')


async def call(pool: SessionPool, url: str) -> bytes:
    response = await pool.send(Request("POST", url, {"authorization": "Bearer k"}, b"{}"), timeouts=T)
    try:
        return await response.read()
    finally:
        response.release()


async def test_a_company_authority_is_trusted_by_path(authority: trustme.CA, authority_file: Path) -> None:
    async with (
        RawServer(answer, tls=serving(authority, "127.0.0.1")) as server,
        SessionPool(ssl=authority_file) as pool,
    ):
        for _ in range(3):
            assert await call(pool, server.url) == b'{"ok": true}'
        assert server.accepted == 1


async def test_a_ready_context_is_used(authority: trustme.CA) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with RawServer(answer, tls=serving(authority, "127.0.0.1")) as server, SessionPool(ssl=context) as pool:
        assert await call(pool, server.url) == b'{"ok": true}'


async def test_an_unknown_authority_is_refused_before_anything_is_sent(authority: trustme.CA) -> None:
    async with RawServer(answer, tls=serving(authority, "127.0.0.1")) as server, SessionPool() as pool:
        with pytest.raises(ConnectionFailedError, match="certificate") as caught:
            await call(pool, server.url)
        assert not caught.value.sent
        assert "ssl=" in caught.value.fix
        assert server.seen == []


async def test_a_certificate_for_another_name_is_refused(authority: trustme.CA, authority_file: Path) -> None:
    tls = serving(authority, "other.example")
    async with RawServer(answer, tls=tls) as server, SessionPool(ssl=authority_file) as pool:
        with pytest.raises(ConnectionFailedError, match="certificate") as caught:
            await call(pool, server.url)
        assert not caught.value.sent
        assert server.seen == []


async def test_a_server_without_tls_is_a_failed_handshake() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, SessionPool() as pool:
        with pytest.raises(ConnectionFailedError) as caught:
            await call(pool, f"https://127.0.0.1:{port}/")
        assert not caught.value.sent


@dataclass
class Proxy:
    """An HTTP proxy that resolves every name to 127.0.0.1, forwards or tunnels, and remembers what it was asked."""

    status: bytes = b"200 Connection established"
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            line, *rest = head.decode().split("\r\n")
            self.asked.append((line, {n.lower(): v.strip() for n, _, v in (row.partition(":") for row in rest if row)}))
            method, target, _ = line.split()
            if method == "CONNECT" and not self.status.startswith(b"200"):
                writer.write(b"HTTP/1.1 " + self.status + b"\r\nContent-Length: 0\r\n\r\n")
                return
            port = int(target.rpartition(":")[2].partition("/")[0])
            near, far = await asyncio.open_connection("127.0.0.1", port)
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 " + self.status + b"\r\n\r\n")
            else:
                far.write(head)
            await asyncio.gather(pipe(reader, far), pipe(near, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    made = Proxy()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:pa%20ss@127.0.0.1:{made.port}")
    monkeypatch.setenv("HTTP_PROXY", f"http://user:pa%20ss@127.0.0.1:{made.port}")
    yield made
    server.close()
    await asyncio.wait_for(asyncio.gather(*made.tasks), 5.0)
    await asyncio.sleep(0)


CREDENTIALS = "Basic " + base64.b64encode(b"user:pa ss").decode()


async def test_https_goes_through_the_tunnel_and_the_key_stays_inside_it(
    proxy: Proxy, authority: trustme.CA, authority_file: Path
) -> None:
    async with (
        RawServer(answer, tls=serving(authority, "far.example")) as server,
        SessionPool(ssl=authority_file) as pool,
    ):
        for _ in range(3):
            assert await call(pool, f"https://far.example:{server.port}/v1") == b'{"ok": true}'
        [(line, headers)] = proxy.asked
        assert line == f"CONNECT far.example:{server.port} HTTP/1.1"
        assert headers["proxy-authorization"] == CREDENTIALS
        assert "authorization" not in headers
        assert server.seen[0].headers["authorization"] == "Bearer k"
        assert "proxy-authorization" not in server.seen[0].headers


async def test_plain_http_is_forwarded_where_it_is_allowed(proxy: Proxy) -> None:
    async with RawServer(answer) as server, SessionPool(allow_plain_http=True) as pool:
        assert await call(pool, f"http://far.example:{server.port}/v1") == b'{"ok": true}'
        [(line, headers)] = proxy.asked
        assert line == f"POST http://far.example:{server.port}/v1 HTTP/1.1"
        assert headers["proxy-authorization"] == CREDENTIALS


async def test_this_machine_is_reached_directly(proxy: Proxy) -> None:
    async with RawServer(answer) as server, SessionPool() as pool:
        await call(pool, server.url)
    assert proxy.asked == []


async def test_the_environment_can_be_ignored(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    def here(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", here)
    async with RawServer(answer) as server, SessionPool(allow_plain_http=True, trust_env=False) as pool:
        await call(pool, f"http://far.example:{server.port}/")
    assert proxy.asked == []


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"])
async def test_a_proxy_that_refuses_is_named_and_nothing_was_spent(proxy: Proxy, status: str) -> None:
    proxy.status = status.encode()
    async with SessionPool() as pool:
        with pytest.raises(ConnectionFailedError, match=f"proxy refused the tunnel with HTTP {status[:3]}") as caught:
            await call(pool, "https://far.example/")
    assert not caught.value.sent
    assert "pa%20ss" not in str(caught.value)
    assert "pa ss" not in str(caught.value)


async def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{sock.getsockname()[1]}")
    async with SessionPool() as pool:
        with pytest.raises(ConnectionFailedError, match="proxy cannot be reached") as caught:
            await call(pool, "https://far.example/")
    assert not caught.value.sent


async def test_a_proxy_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
    async with SessionPool() as pool:
        with pytest.raises(ConfigurationError, match="socks5"):
            await call(pool, "https://far.example/")
