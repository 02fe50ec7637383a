"""What a network can do to a request, done to the pool: one typed error each, honest about what was sent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from raw_server import Behaviour, Exchange, RawServer

from ghmodels_async.clock import Clock
from ghmodels_async.errors import ConfigurationError, ConnectionFailedError, GHModelsError, RequestTimeoutError
from ghmodels_async.transport import PhaseTimeouts, Request, SessionPool
from ghmodels_async.transport.pool import _named, _Route

T = PhaseTimeouts(connect=10.0, head=10.0)
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
async def pool() -> AsyncIterator[SessionPool]:
    async with SessionPool() as made:
        yield made


async def call(pool: SessionPool, url: str, *, body: bytes | None = b"{}", timeouts: PhaseTimeouts = T) -> Any:
    """Send and read whole. The error carries what `on_sent` told as its note."""
    sent: list[float] = []
    method = "GET" if body is None else "POST"
    try:
        response = await pool.send(Request(method, url, {}, body), timeouts=timeouts, on_sent=sent.append)
        return await response.read()
    except GHModelsError as error:
        error.add_note(f"on_sent {len(sent)}")
        raise


async def reset(exchange: Exchange) -> None:
    exchange.reset()


async def close(exchange: Exchange) -> None:
    exchange.close()


def says(data: bytes, then: Callable[[Exchange], None]) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.say(data)
        await asyncio.sleep(0.02)
        then(exchange)

    return behave


LOST: dict[str, Behaviour] = {
    "reset before the head": reset,
    "closed before the head": close,
    "closed in the middle of the head": says(HEAD + b"Content-Le", Exchange.close),
    "reset in the middle of the head": says(HEAD + b"Content-Le", Exchange.reset),
    "not HTTP at all": says(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", Exchange.close),
    "a header nobody can read": says(HEAD + b"Content-Length: many\r\n\r\n", Exchange.close),
    "an endless header": says(HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n", Exchange.close),
    "closed before the promised length": says(HEAD + b"Content-Length: 100\r\n\r\nhalf", Exchange.close),
    "reset before the promised length": says(HEAD + b"Content-Length: 100\r\n\r\nhalf", Exchange.reset),
    "closed between chunks": says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", Exchange.close),
    "reset between chunks": says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", Exchange.reset),
    "a chunk size that is none": says(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n", Exchange.close),
    "compression that is none": says(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf", Exchange.close),
}


@pytest.mark.parametrize("fault", LOST)
async def test_an_answer_that_is_lost_may_have_been_spent(pool: SessionPool, fault: str) -> None:
    async with RawServer(LOST[fault]) as server:
        with pytest.raises(ConnectionFailedError) as caught:
            await call(pool, server.url)
        assert caught.value.sent
        assert caught.value.__notes__ == ["on_sent 1"]
        assert server.url in caught.value.checked
        assert caught.value.fix
        assert await server.all_closed()
        assert len(server.seen) == 1, "sending again is the policy's decision, not the pool's"


@pytest.mark.parametrize(
    "fault", ["closed between chunks", "reset between chunks", "closed before the promised length"]
)
async def test_what_arrived_before_the_break_is_handed_out(pool: SessionPool, fault: str) -> None:
    async with RawServer(LOST[fault]) as server:
        response = await pool.send(Request("POST", server.url, {}, b"{}"), timeouts=T)
        got = []
        with pytest.raises(ConnectionFailedError) as caught:
            async for data in response:
                got.append(data)
        assert b"".join(got) == b"half"
        assert caught.value.sent
        response.release()


async def test_an_answer_without_a_length_ends_with_the_connection(pool: SessionPool) -> None:
    async with RawServer(says(HEAD + b"\r\nall there is", Exchange.close)) as server:
        assert await call(pool, server.url) == b"all there is"


async def test_a_server_that_is_half_closed_still_answers(pool: SessionPool) -> None:
    async def half(exchange: Exchange) -> None:
        await exchange.say(HEAD + b"Content-Length: 2\r\n\r\n{}")
        exchange.writer.write_eof()
        await exchange.until_gone()

    async with RawServer(half) as server:
        assert await call(pool, server.url) == b"{}"
        assert await server.all_closed()
        assert await call(pool, server.url) == b"{}"
        assert server.accepted == 2


async def test_a_connection_closed_while_idle_is_not_used_again(pool: SessionPool) -> None:
    async def once(exchange: Exchange) -> None:
        await exchange.answer()
        exchange.close()

    async with RawServer(once) as server:
        await call(pool, server.url)
        assert await server.all_closed()
        await asyncio.sleep(0.02)  # the end of the connection reaches the client
        assert await call(pool, server.url) == b"{}"
        assert server.accepted == 2


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.mark.parametrize("body", [b"{}", None])
async def test_a_refused_connection_was_free(pool: SessionPool, body: bytes | None) -> None:
    with pytest.raises(ConnectionFailedError, match="Could not connect") as caught:
        await call(pool, f"http://127.0.0.1:{closed_port()}/", body=body)
    assert not caught.value.sent
    assert caught.value.__notes__ == ["on_sent 0"]


async def test_a_name_without_an_address_was_free(pool: SessionPool, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConnectionFailedError, match=r"No address is known for far\.example") as caught:
        await call(pool, "https://far.example/")
    assert not caught.value.sent


async def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def here(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", here)
    async with RawServer(close) as server, SessionPool(allow_plain_http=True, trust_env=False) as pool:
        for _ in range(3):
            with pytest.raises(ConnectionFailedError):
                await call(pool, f"http://far.example:{server.port}/")
        assert server.accepted == 3
    assert asked == ["far.example"]


async def silent(exchange: Exchange) -> None:
    await exchange.until_gone()


async def test_a_head_that_does_not_come_times_out_and_closes() -> None:
    async with RawServer(silent) as server, SessionPool(clock=Clock(100.0)) as pool:
        with pytest.raises(RequestTimeoutError) as caught:
            await call(pool, server.url, timeouts=PhaseTimeouts(connect=60.0, head=5.0))
        assert (caught.value.phase, caught.value.sent) == ("head", True)
        assert 5.0 <= caught.value.elapsed < 30.0
        assert caught.value.__notes__ == ["on_sent 1"]
        assert await server.all_closed()


async def test_a_handshake_that_does_not_end_is_a_connection_that_takes_too_long() -> None:
    gone = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        gone.set()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, SessionPool(clock=Clock(100.0)) as pool:
        with pytest.raises(RequestTimeoutError) as caught:
            await call(pool, f"https://127.0.0.1:{port}/", timeouts=PhaseTimeouts(connect=5.0, head=60.0))
        assert (caught.value.phase, caught.value.sent) == ("connect", False)
        assert caught.value.__notes__ == ["on_sent 0"]
        await asyncio.wait_for(gone.wait(), 2.0)


async def test_a_call_that_waits_for_a_connection_is_still_connecting() -> None:
    async with RawServer(silent) as server, SessionPool(clock=Clock(100.0), limit=1) as pool:
        first = asyncio.ensure_future(call(pool, server.url))
        await server.arrived.wait()
        with pytest.raises(RequestTimeoutError) as caught:
            await call(pool, server.url, timeouts=PhaseTimeouts(connect=5.0, head=5.0))
        assert (caught.value.phase, caught.value.sent) == ("connect", False)
        with pytest.raises(RequestTimeoutError):
            await first


async def test_a_body_has_no_hidden_time_limit() -> None:
    async def slow(exchange: Exchange) -> None:
        await exchange.say(HEAD + b"Content-Length: 6\r\n\r\n")
        for byte in b"patien":
            await asyncio.sleep(0.02)
            await exchange.say(bytes([byte]))

    async with RawServer(slow) as server, SessionPool(clock=Clock(1_000.0)) as pool:
        timeouts = PhaseTimeouts(connect=50.0, head=50.0)  # 0.05 s real; the body takes 0.12 s
        assert await call(pool, server.url, timeouts=timeouts) == b"patien"


async def test_a_whole_body_that_stops_coming_times_out_and_closes() -> None:
    async def stops(exchange: Exchange) -> None:
        await exchange.say(HEAD + b"Content-Length: 100\r\n\r\n")
        for _ in range(3):
            await exchange.say(b"half")
            await asyncio.sleep(0.03)
        await exchange.until_gone()

    async with RawServer(stops) as server, SessionPool(clock=Clock(100.0)) as pool:
        began = asyncio.get_running_loop().time()
        with pytest.raises(RequestTimeoutError) as caught:
            await call(pool, server.url, timeouts=PhaseTimeouts(connect=60.0, head=60.0, stall=5.0))
        assert (caught.value.phase, caught.value.sent) == ("stall", True)
        assert asyncio.get_running_loop().time() - began > 0.1, "each piece starts the wait anew"
        assert await server.all_closed()


@pytest.mark.parametrize("fault", ["closed between chunks", "reset before the promised length"])
async def test_a_body_that_breaks_while_it_is_watched_is_no_stall(pool: SessionPool, fault: str) -> None:
    async with RawServer(LOST[fault]) as server:
        with pytest.raises(ConnectionFailedError):
            await call(pool, server.url, timeouts=PhaseTimeouts(connect=10.0, head=10.0, stall=10.0))
        assert await server.all_closed()


async def test_a_slow_body_that_keeps_coming_is_read_whole() -> None:
    async def slow(exchange: Exchange) -> None:
        await exchange.say(HEAD + b"Content-Length: 6\r\n\r\n")
        for byte in b"patien":
            await asyncio.sleep(0.02)
            await exchange.say(bytes([byte]))

    async with RawServer(slow) as server, SessionPool(clock=Clock(100.0)) as pool:
        assert await call(pool, server.url, timeouts=PhaseTimeouts(connect=60.0, head=60.0, stall=8.0)) == b"patien"


async def test_cancelling_before_the_head_closes_the_connection(pool: SessionPool) -> None:
    async with RawServer(silent) as server:
        sent: list[float] = []
        request = Request("POST", server.url, {}, b"{}")
        task = asyncio.ensure_future(pool.send(request, timeouts=T, on_sent=sent.append))
        await server.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(sent) == 1
        assert await server.all_closed()


async def test_cancelling_at_every_step_of_sending_never_lies_about_what_was_sent(pool: SessionPool) -> None:
    async with RawServer(silent) as server:
        request = Request("POST", server.url, {}, b"{}")
        for steps in range(12):
            before, sent = len(server.seen), list[float]()
            task = asyncio.ensure_future(pool.send(request, timeouts=T, on_sent=sent.append))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await server.all_closed()
            await asyncio.sleep(0.01)
            if not sent:
                assert len(server.seen) == before, f"cancelled after {steps} steps"
        assert server.open == 0


async def test_cancelling_while_reading_closes_the_connection(pool: SessionPool) -> None:
    async def stalls(exchange: Exchange) -> None:
        await exchange.say(HEAD + b"Content-Length: 100\r\n\r\nhalf")
        await exchange.until_gone()

    async with RawServer(stalls) as server:
        for read_whole in (True, False):
            response = await pool.send(Request("POST", server.url, {}, b"{}"), timeouts=T)
            if not read_whole:
                await anext(aiter(response))
            task = asyncio.ensure_future(response.read() if read_whole else anext(aiter(response)))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            response.release()
            assert await server.all_closed()


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/", "https://", "http://exa mple/", "https://a\\b/"])
async def test_an_address_that_is_none_is_a_setting_to_correct(pool: SessionPool, url: str) -> None:
    with pytest.raises(ConfigurationError):
        await call(pool, url)


async def test_every_error_of_aiohttp_has_a_name_here() -> None:
    """Classes that a test cannot provoke with sockets are named all the same, and none holds its cause."""
    route = _Route(__import__("yarl").URL("https://far.example/x"), None, None)  # type: ignore[arg-type]
    for kind in vars(aiohttp.client_exceptions).values():
        if isinstance(kind, type) and issubclass(kind, aiohttp.ClientError):
            error = kind.__new__(kind)
            error.status, error.message = 502, "m"  # type: ignore[attr-defined]
            if isinstance(error, aiohttp.ClientConnectorError):
                error._os_error = OSError(1, "why")
            if isinstance(error, aiohttp.ClientConnectorCertificateError):
                error._certificate_error = ValueError("expired")
            named = _named(error, route, True)
            assert isinstance(named, (ConnectionFailedError, ConfigurationError))
            assert "far.example" in str(named)
