"""The fake source keeps the protocol of `stream.ByteSource` as `transport.http.Response` states it.

Every test of `ChatStream` stands on this fake; what is checked here is what the aiohttp pool promises of real bodies.
"""

from __future__ import annotations

import asyncio

import pytest
from stream_fakes import HANG, FakeOpener, ScriptedSource

from ghmodels_async.errors import ConnectionFailedError
from ghmodels_async.stream import ByteSource, Opener

pytestmark = pytest.mark.virtual_time


async def test_it_is_a_byte_source_and_an_opener_to_the_type_checker() -> None:
    source: ByteSource = ScriptedSource()
    opener: Opener = FakeOpener(source)
    assert opener.meta.attempts == 1


async def test_it_yields_each_read_once_in_order_and_ends() -> None:
    source = ScriptedSource(b"a", 1.0, b"b")
    assert [part async for part in source] == [b"a", b"b"]
    assert source.exhausted and source.reads == 3
    assert [part async for part in source] == []


async def test_it_takes_the_time_it_was_told() -> None:
    loop = asyncio.get_running_loop()
    source, began = ScriptedSource(b"a", 2.5, b"b"), loop.time()
    assert [part async for part in source] == [b"a", b"b"]
    assert loop.time() - began == pytest.approx(2.5, abs=1e-3)


async def test_it_raises_what_broke_the_body() -> None:
    source = ScriptedSource(b"a", ConnectionFailedError("reset", sent=True))
    assert await source.__anext__() == b"a"
    with pytest.raises(ConnectionFailedError):
        await source.__anext__()


async def test_a_cancelled_read_leaves_no_timer_and_passes_the_cancellation_on() -> None:
    source = ScriptedSource(HANG)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await source.__anext__()
    source.release()
    assert source.released == 1


async def test_releasing_wakes_a_reader_with_an_error_and_ends_reading() -> None:
    source = ScriptedSource(b"a", HANG)
    await source.__anext__()
    reader = asyncio.ensure_future(source.__anext__())
    await asyncio.sleep(0)
    source.release()
    source.release()
    with pytest.raises(ConnectionFailedError):
        await reader
    with pytest.raises(ConnectionFailedError):
        await source.__anext__()
