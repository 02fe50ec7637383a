"""One protocol, three bodies: the fake of the stream tests, the simulator's in-memory door, and aiohttp's real one.

`ChatStream` is tested on the fake; what it relies on is checked here of all three, so that the fake cannot drift.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from simulated import LOW, TOKEN, failed, timed_out
from stream_fakes import HANG, FakeOpener, ScriptedSource

from ghmodels_async import Clock
from ghmodels_async.errors import ConnectionFailedError, GHModelsError
from ghmodels_async.simulator import Fault, Simulation
from ghmodels_async.stream import ByteSource, ChatStream
from ghmodels_async.transport import PhaseTimeouts, Request, Response, SessionPool, Transport

BODY = {"model": LOW, "stream": True, "messages": [{"role": "user", "content": "Tell me about rivers."}]}
NO_LIMIT = PhaseTimeouts(connect=None, head=None)

Body = AbstractAsyncContextManager[ByteSource]


async def ask(transport: Transport, root: str) -> Response:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    request = Request("POST", f"{root}/chat/completions", headers, json.dumps(BODY).encode())
    response = await transport.send(request, timeouts=NO_LIMIT)
    assert response.head.status == 200
    return response


def simulation(fault: Fault | None) -> Simulation:
    made = Simulation(seed=7, fast=True, plan="enterprise")
    made.script([fault])
    return made


@asynccontextmanager
async def faked(fault: Fault | None) -> AsyncIterator[ByteSource]:
    parts: list[bytes] = []
    async with in_memory(None) as body:
        parts = [part async for part in body]
    kind = fault.name if fault else ""
    tail = {"": [], "stall": [HANG], "reset_mid_stream": [ConnectionFailedError("reset", sent=True)]}[kind]
    source = ScriptedSource(*(parts[:4] if kind else parts), *tail)
    yield source
    source.release()


@asynccontextmanager
async def in_memory(fault: Fault | None) -> AsyncIterator[ByteSource]:
    door = simulation(fault).transport(connection_failed=failed, timed_out=timed_out)
    response = await ask(door, "http://127.0.0.1/inference")
    yield response
    response.release()
    await door.aclose()


@asynccontextmanager
async def over_a_socket(fault: Fault | None) -> AsyncIterator[ByteSource]:
    pool = SessionPool(clock=Clock())
    async with simulation(fault).serve() as server:
        response = await ask(pool, server.base_url)
        yield response
        response.release()
        await pool.aclose()


BODIES = [faked, in_memory, over_a_socket]
every_body = pytest.mark.parametrize("body_of", BODIES, ids=["fake", "memory", "socket"])
Make = Callable[[Fault | None], Body]


@every_body
async def test_a_body_is_bytes_none_of_them_empty_and_ends_for_good(body_of: Make) -> None:
    async with body_of(None) as body:
        parts = [part async for part in body]
        assert parts and all(isinstance(part, bytes) and part for part in parts)
        assert b"".join(parts).endswith(b"data: [DONE]\n\n")
        with pytest.raises(StopAsyncIteration):
            await body.__aiter__().__anext__()


@every_body
async def test_a_broken_body_raises_an_error_of_ours_behind_what_arrived(body_of: Make) -> None:
    async with body_of(Fault.reset_mid_stream(4)) as body:
        parts = []
        with pytest.raises(GHModelsError):
            async for part in body:
                parts.append(part)
        assert parts


@every_body
async def test_a_cancelled_read_ends_at_once(body_of: Make) -> None:
    async with body_of(Fault.stall(4)) as body:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                async for _ in body:
                    pass


@every_body
async def test_releasing_is_synchronous_and_may_be_repeated(body_of: Make) -> None:
    async with body_of(Fault.stall(4)) as body:
        await body.__aiter__().__anext__()
        for _ in range(2):
            body.release()


async def test_a_released_body_leaves_no_connection_at_the_server() -> None:
    pool = SessionPool(clock=Clock())
    async with simulation(Fault.stall(4)).serve() as server, pool:
        response = await ask(pool, server.base_url)
        await response.__aiter__().__anext__()
        assert server.connections == 1
        response.release()
        async with asyncio.timeout(5):
            while server.connections:  # noqa: ASYNC110 - the simulator tells no event
                await asyncio.sleep(0)


@pytest.mark.parametrize("body_of", [faked, over_a_socket], ids=["fake", "socket"])
async def test_nobody_hangs_on_a_released_body(body_of: Make) -> None:
    async with body_of(Fault.stall(4)) as body:
        iterator = body.__aiter__()
        await iterator.__anext__()
        body.release()
        async with asyncio.timeout(1):
            with pytest.raises((StopAsyncIteration, GHModelsError)):
                while True:
                    await iterator.__anext__()


@every_body
async def test_a_chat_stream_reads_each_of_them_alike(body_of: Make) -> None:
    async with body_of(None) as body:
        reply = await ChatStream(FakeOpener(body), clock=Clock()).final()
    async with in_memory(None) as body:
        other = await ChatStream(FakeOpener(body), clock=Clock()).final()
    assert reply.text == other.text and reply.text
    assert reply.finish_reason == "stop"
    assert len(asyncio.all_tasks()) <= 2


async def test_a_body_from_a_socket_tells_when_its_end_has_arrived() -> None:
    async with over_a_socket(Fault.stall(4)) as body:
        await body.__aiter__().__anext__()
        assert not body.ended  # type: ignore[attr-defined]
    async with over_a_socket(None) as body:
        async for _ in body:
            pass
        assert body.ended  # type: ignore[attr-defined]
