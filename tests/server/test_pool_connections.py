"""Connections of the pool against real sockets: kept, counted, given back, never left over."""

from __future__ import annotations

import asyncio
import gzip
import os
import resource
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from raw_server import Exchange, RawServer

from ghmodels_async import __version__
from ghmodels_async.errors import ConfigurationError, ConnectionFailedError
from ghmodels_async.transport import PhaseTimeouts, Request, Response, SessionPool

T = PhaseTimeouts(connect=10.0, head=10.0)


@pytest.fixture
async def pool() -> AsyncIterator[SessionPool]:
    async with SessionPool() as made:
        yield made


def post(server: RawServer, path: str = "/v1/chat/completions", body: bytes = b"{}", **headers: str) -> Request:
    return Request("POST", server.url + path, {"content-type": "application/json", **headers}, body)


async def answer(exchange: Exchange) -> None:
    await exchange.answer(b'{"ok": true}')


async def chunked(exchange: Exchange) -> None:
    await exchange.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await asyncio.sleep(0.01)
    await exchange.say(b"6\r\n world\r\n0\r\n\r\n")


async def endless(exchange: Exchange) -> None:
    await exchange.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await exchange.until_gone()


async def whole(pool: SessionPool, request: Request) -> bytes:
    response = await pool.send(request, timeouts=T)
    try:
        return await response.read()
    finally:
        response.release()


async def test_one_connection_serves_many_calls_read_whole(pool: SessionPool) -> None:
    async with RawServer(answer) as server:
        for _ in range(20):
            assert await whole(pool, post(server)) == b'{"ok": true}'
        assert (server.accepted, len(server.seen)) == (1, 20)


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("size", [0, 1, 60_000, 3_000_000])
async def test_bodies_of_any_size_arrive_once_and_whole(pool: SessionPool, method: str, size: int) -> None:
    async with RawServer(answer) as server:
        sent: list[float] = []
        for byte in (b"a", b"b", b"c"):
            request = Request(method, server.url, {"content-type": "application/json"}, byte * size)
            response = await pool.send(request, timeouts=T, on_sent=sent.append)
            assert await response.read() == b'{"ok": true}'
            response.release()
        assert [exchange.body for exchange in server.seen] == [b"a" * size, b"b" * size, b"c" * size]
        assert {exchange.headers["content-length"] for exchange in server.seen} == {str(size)}
        assert (server.accepted, len(sent)) == (1, 3)


async def test_one_connection_serves_many_calls_iterated_to_the_end(pool: SessionPool) -> None:
    async with RawServer(chunked) as server:
        for _ in range(5):
            response = await pool.send(post(server), timeouts=T)
            assert b"".join([data async for data in response]) == b"hello world"
            response.release()
            response.release()
        assert server.accepted == 1


async def test_chunks_arrive_as_the_socket_gave_them(pool: SessionPool) -> None:
    async with RawServer(chunked) as server:
        response = await pool.send(post(server), timeouts=T)
        assert [data async for data in response] == [b"hello", b" world"]


async def test_lines_of_any_length_pass(pool: SessionPool) -> None:
    line = b"data: " + b"x" * 3_000_000

    async def long_line(exchange: Exchange) -> None:
        await exchange.answer(line)

    async with RawServer(long_line) as server:
        response = await pool.send(post(server), timeouts=T)
        assert b"".join([data async for data in response]) == line


async def test_letting_go_early_closes_the_connection(pool: SessionPool) -> None:
    async with RawServer(endless) as server:
        response = await pool.send(post(server), timeouts=T)
        assert await anext(aiter(response)) == b"hello"
        response.release()
        assert await server.all_closed()
        response = await pool.send(post(server), timeouts=T)
        response.release()
        assert server.accepted == 2


async def test_streams_that_are_let_go_leave_nothing_open(pool: SessionPool) -> None:
    async with RawServer(endless) as server:

        async def glance() -> None:
            response = await pool.send(post(server), timeouts=T)
            async for _ in response:
                break
            response.release()

        await asyncio.gather(*(glance() for _ in range(100)))
        assert await server.all_closed()
        assert server.accepted == 100


async def test_a_thousand_calls_at_once_are_not_held_back_and_do_not_churn(pool: SessionPool) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = 2_500
    if soft < need:
        if hard < need:
            pytest.skip("too few file descriptors on this machine")
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))
    everyone = asyncio.Barrier(1_000)

    async def together(exchange: Exchange) -> None:
        if exchange.line.endswith("/together HTTP/1.1"):
            await everyone.wait()  # passes only when 1,000 requests are here at once
        await exchange.answer()

    async with RawServer(together) as server:
        async with asyncio.timeout(60):
            await asyncio.gather(*(whole(pool, post(server, "/together")) for _ in range(1_000)))
            await asyncio.gather(*(whole(pool, post(server)) for _ in range(1_000)))
        assert server.accepted == 1_000
        assert len(server.seen) == 2_000


async def test_a_limit_is_kept_when_asked_for() -> None:
    at_once = most = 0

    async def slow(exchange: Exchange) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        await exchange.answer()

    async with RawServer(slow) as server, SessionPool(limit=3) as pool:
        await asyncio.gather(*(whole(pool, post(server)) for _ in range(12)))
        assert most == 3


async def test_sending_is_reported_once_before_the_server_sees_it(pool: SessionPool) -> None:
    loop = asyncio.get_running_loop()
    async with RawServer(answer) as server:
        for request in (post(server), Request("GET", server.url + "/v1/models", {})):
            sent: list[float] = []
            before = loop.time()
            response = await pool.send(request, timeouts=T, on_sent=sent.append)
            assert before <= sent[0] <= server.seen[-1].at <= response.head.received_at
            assert len(sent) == 1


async def test_a_large_body_arrives_whole(pool: SessionPool) -> None:
    body = os.urandom(5_000_000)
    async with RawServer(answer) as server:
        await whole(pool, post(server, body=body))
        assert server.seen[0].body == body
        assert server.seen[0].headers["content-length"] == "5000000"


async def test_an_answer_before_the_whole_body_was_sent_is_read(pool: SessionPool) -> None:
    async def too_large(exchange: Exchange) -> None:
        await exchange.answer(b"no", status="413 Payload Too Large", connection="close")
        exchange.close()

    async with RawServer(too_large, reads_body=False) as server:
        response = await pool.send(post(server, body=b"x" * 200_000), timeouts=T)
        assert response.head.status == 413
        response.release()


async def test_the_head_has_lower_case_names(pool: SessionPool) -> None:
    async def headers(exchange: Exchange) -> None:
        await exchange.answer(status="429 Too Many", X_RateLimit_Type="UserByMinute", Retry_After="9")

    async with RawServer(headers) as server:
        response = await pool.send(post(server), timeouts=T)
        assert response.head.status == 429
        assert response.head.headers["x-ratelimit-type"] == "UserByMinute"
        assert response.head.headers["retry-after"] == "9"
        assert isinstance(response, Response)
        response.release()


async def test_nothing_is_added_but_connection_headers_and_a_user_agent(pool: SessionPool) -> None:
    async with RawServer(answer) as server:
        await whole(pool, post(server, authorization="Bearer k"))
        assert set(server.seen[0].headers) == {
            "host", "content-length", "content-type", "authorization", "accept", "accept-encoding", "user-agent",
        }  # fmt: skip
        assert server.seen[0].headers["user-agent"] == f"ghmodels-async/{__version__}"
        await whole(pool, post(server, **{"User-Agent": "mine"}))
        assert server.seen[1].headers["user-agent"] == "mine"


async def test_compressed_answers_are_read(pool: SessionPool) -> None:
    async def compressed(exchange: Exchange) -> None:
        await exchange.answer(gzip.compress(b"plain"), Content_Encoding="gzip")

    async with RawServer(compressed) as server:
        assert await whole(pool, post(server)) == b"plain"


async def test_cookies_are_not_kept(pool: SessionPool) -> None:
    async def baker(exchange: Exchange) -> None:
        await exchange.answer(Set_Cookie="a=b")

    async with RawServer(baker) as server:
        await whole(pool, post(server))
        await whole(pool, post(server))
        assert "cookie" not in server.seen[1].headers


async def test_a_users_own_session_is_used_and_left_open() -> None:
    async with RawServer(answer) as server, aiohttp.ClientSession(headers={"X-Mine": "1"}) as session:
        async with SessionPool(session=session) as pool:
            await whole(pool, post(server))
        assert server.seen[0].headers["x-mine"] == "1"
        assert not session.closed


def test_a_users_session_of_another_loop_is_refused_with_words() -> None:
    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def use(pool: SessionPool) -> None:
        async with RawServer(answer) as server:
            await whole(pool, post(server))

    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(make())
    with pytest.raises(RuntimeError, match="belongs to another event loop"):
        asyncio.run(use(SessionPool(session=session)))
    loop.run_until_complete(session.close())
    loop.close()


async def test_a_closed_pool_says_so(pool: SessionPool) -> None:
    async with RawServer(answer) as server:
        await whole(pool, post(server))
        await pool.aclose()
        await pool.aclose()
        assert await server.all_closed()
        with pytest.raises(RuntimeError, match="closed"):
            await whole(pool, post(server))


async def test_closing_ends_calls_in_flight_with_a_typed_error(pool: SessionPool) -> None:
    async with RawServer(Exchange.until_gone) as server:
        call = asyncio.ensure_future(whole(pool, post(server)))
        await server.arrived.wait()
        await pool.aclose()
        with pytest.raises(ConnectionFailedError) as caught:
            await call
        assert caught.value.sent


def test_successive_runs_share_one_pool() -> None:
    pool = SessionPool()

    async def use() -> int:
        async with RawServer(answer) as server:
            await whole(pool, post(server))
            await whole(pool, post(server))
            return server.accepted

    assert [asyncio.run(use()) for _ in range(3)] == [1, 1, 1]


def test_two_live_loops_are_refused_with_words() -> None:
    pool = SessionPool()
    ready, done = threading.Event(), threading.Event()

    async def use(hold: bool) -> None:
        async with RawServer(answer) as server:
            await whole(pool, post(server))
            if hold:
                ready.set()
                await asyncio.to_thread(done.wait, 10)
                await whole(pool, post(server))

    thread = threading.Thread(target=lambda: asyncio.run(use(True)))
    thread.start()
    try:
        assert ready.wait(10)
        with pytest.raises(RuntimeError, match="another event loop that is still open"):
            asyncio.run(use(False))
    finally:
        done.set()
        thread.join()


@pytest.mark.skipif(
    not hasattr(os, "fork") or sys.version_info >= (3, 12), reason="3.12 warns about forks with threads"
)
def test_a_forked_child_opens_its_own_connections_and_leaves_the_parents_alone() -> None:
    pool = SessionPool()
    loop = asyncio.new_event_loop()

    async def start() -> RawServer:
        server = await RawServer(answer).__aenter__()
        await whole(pool, post(server))
        return server

    async def again(server: RawServer) -> int:
        for _ in range(100):  # let the child's request be served
            await asyncio.sleep(0.01)
            if len(server.seen) == 2:
                break
        await whole(pool, post(server))
        return server.accepted

    server = loop.run_until_complete(start())
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if asyncio.run(whole(pool, post(server))) == b'{"ok": true}' else 2
        finally:
            os._exit(code)
    assert loop.run_until_complete(again(server)) == 2, "one connection of the parent, one of the child"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    loop.run_until_complete(pool.aclose())
    loop.run_until_complete(server.__aexit__(None, None, None))
    loop.close()


NOISELESS = """
import asyncio, sys
sys.path.insert(0, {support!r})
from raw_server import RawServer
from ghmodels_async.transport import PhaseTimeouts, Request, SessionPool

async def use(pool):
    async with RawServer(lambda exchange: exchange.answer()) as server:
        response = await pool.send(Request("POST", server.url, {{}}, b"x"), timeouts=PhaseTimeouts(5, 5))
        await response.read()

pool = SessionPool()          # never closed
asyncio.run(use(pool))
asyncio.run(use(pool))
"""


def test_a_pool_nobody_closed_ends_without_a_word() -> None:
    script = NOISELESS.format(support=str(Path(__file__).parents[1] / "support"))
    done = subprocess.run([sys.executable, "-X", "dev", "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("status", ["307 Temporary Redirect", "308 Permanent Redirect"])
async def test_a_redirect_inside_the_origin_keeps_method_and_body(pool: SessionPool, status: str) -> None:
    async def moved(exchange: Exchange) -> None:
        if exchange.line.startswith("POST /old"):
            await exchange.answer(status=status, Location="/new")
        else:
            await exchange.answer(b"here")

    async with RawServer(moved) as server:
        assert await whole(pool, post(server, "/old", body=b"payload", authorization="Bearer k")) == b"here"
        assert (server.seen[1].line, server.seen[1].body) == ("POST /new HTTP/1.1", b"payload")
        assert server.seen[1].headers["authorization"] == "Bearer k"


async def test_a_get_follows_any_redirect_inside_the_origin(pool: SessionPool) -> None:
    async def moved(exchange: Exchange) -> None:
        if exchange.line.startswith("GET /old"):
            await exchange.answer(status="301 Moved", Location="/new?x=1")
        else:
            await exchange.answer(b"here")

    async with RawServer(moved) as server:
        assert await whole(pool, Request("GET", server.url + "/old", {})) == b"here"


async def test_a_key_does_not_follow_a_redirect_to_another_origin(pool: SessionPool) -> None:
    async def away(exchange: Exchange) -> None:
        await exchange.answer(status="307 Temporary Redirect", Location=f"{thief.url}/collect?a=b")

    async with RawServer(answer) as thief, RawServer(away) as server:
        with pytest.raises(ConfigurationError, match="the key is not sent there") as caught:
            await whole(pool, post(server, authorization="Bearer k"))
        assert thief.accepted == 0
        assert f"{thief.url}/collect" in caught.value.why


@pytest.mark.parametrize(
    "location", ["/elsewhere", "", "ftp://x/", "http://[::1", "//evil.example/", "http://127.0.0.1:99999/"]
)
async def test_other_redirects_of_a_post_are_refused(pool: SessionPool, location: str) -> None:
    async def moved(exchange: Exchange) -> None:
        await exchange.answer(status="302 Found", Location=location)

    async with RawServer(moved) as server:
        with pytest.raises(ConfigurationError):
            await whole(pool, post(server))
        assert len(server.seen) == 1


async def test_redirects_in_a_circle_end(pool: SessionPool) -> None:
    async def circle(exchange: Exchange) -> None:
        await exchange.answer(status="307 Temporary Redirect", Location=exchange.line.split()[1])

    async with RawServer(circle) as server:
        with pytest.raises(ConfigurationError):
            await whole(pool, post(server))
        assert len(server.seen) == 4


def resolve_everything_here(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def here(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", here)


async def test_plain_http_to_another_machine_is_refused_unless_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_everything_here(monkeypatch)
    async with RawServer(answer) as server:
        request = Request("POST", f"http://far.example:{server.port}/", {}, b"{}")
        async with SessionPool() as careful:
            with pytest.raises(ConfigurationError, match="unencrypted"):
                await whole(careful, request)
            assert server.accepted == 0
        async with SessionPool(allow_plain_http=True, trust_env=False) as asked:
            await whole(asked, request)
        assert server.seen[0].headers["host"] == f"far.example:{server.port}"


async def test_many_addresses_do_not_fill_the_memory(pool: SessionPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ghmodels_async.transport.pool._MAX_ROUTES", 5)
    async with RawServer(answer) as server:
        for n in range(12):
            await whole(pool, post(server, f"/{n}"))
        assert len(pool._routes) <= 5
        assert server.accepted == 1
