"""What only a real socket shows of a stream: back-pressure, reuse, and what a server sees of a reader that left."""

from __future__ import annotations

import asyncio
import socket

from chat_events import DONE, chunk, text
from raw_server import Exchange, RawServer

from ghmodels_async import GitHubModels

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
PIECE = text("x" * 4000)
PIECES = 2500  # ten megabytes, far more than the socket and aiohttp buffer


def frame(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def client(server: RawServer) -> GitHubModels:
    return GitHubModels("token", profile="local", base_url=server.url, ledger="memory")


async def test_the_connection_is_used_again_even_if_the_end_of_the_body_comes_behind_done() -> None:
    async def late_end(exchange: Exchange) -> None:
        await exchange.say(HEAD + frame(text("a") + chunk(finish="stop") + DONE))
        await asyncio.sleep(0.02)
        await exchange.say(b"0\r\n\r\n")

    async with RawServer(late_end) as server, client(server) as gh:
        for _ in range(3):
            assert (await gh.stream("any/model", "hi").final()).text == "a"
        assert len(server.seen) == 3 and server.accepted == 1


async def test_a_server_that_keeps_the_body_open_behind_done_costs_the_connection_and_no_time() -> None:
    async def never_ends(exchange: Exchange) -> None:
        await exchange.say(HEAD + frame(text("a") + chunk(finish="stop") + DONE))
        await exchange.until_gone()

    async with RawServer(never_ends) as server, client(server) as gh:
        began = asyncio.get_running_loop().time()
        assert (await gh.stream("any/model", "hi").final()).text == "a"
        assert asyncio.get_running_loop().time() - began < 2
        assert await server.all_closed()


async def test_a_reader_that_leaves_is_seen_by_the_server() -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.say(HEAD)
        while True:
            await exchange.say(frame(text("a")))

    async with RawServer(endless) as server, client(server) as gh:
        async with gh.stream("any/model", "hi") as stream:
            async for _ in stream:
                break
        assert await server.all_closed()


async def test_a_slow_consumer_slows_the_server_and_loses_nothing() -> None:
    written = 0

    async def flood(exchange: Exchange) -> None:
        nonlocal written
        exchange.writer.transport.set_write_buffer_limits(high=0)
        sock: socket.socket = exchange.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        await exchange.say(HEAD)
        for _ in range(PIECES):
            await exchange.say(frame(PIECE))
            written += 1
        await exchange.say(frame(chunk(finish="stop") + DONE) + b"0\r\n\r\n")

    async with (
        RawServer(flood) as server,
        client(server) as gh,
        gh.stream("any/model", "hi") as stream,
    ):
        await stream.__anext__()
        await asyncio.sleep(0.3)
        held = written
        await asyncio.sleep(0.2)
        assert written == held < PIECES / 2, "the server wrote on although nobody read"
        assert len((await stream.final()).text) == PIECES * 4000
    assert written == PIECES
