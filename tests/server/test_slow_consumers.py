"""A consumer that takes its time slows the server down, over real sockets: nothing piles up in this process."""

import asyncio
import json

import pytest
from raw_server import Exchange, RawServer

from ghmodels_async import GitHubModels

MODEL = "any/model"
CHUNK = json.dumps({"id": "c", "model": MODEL, "choices": [{"index": 0, "delta": {"content": "x" * 16_000}}]})
EVENT = f"data: {CHUNK}\n\n".encode()
#: What kernels and aiohttp may hold between the two; Linux grows a loopback socket's buffers to about 6 MB.
BETWEEN = 16_000_000


class Flood:
    """Streams until the client goes away, as fast as it is let."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self, exchange: Exchange) -> None:
        await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        while True:
            await exchange.say(EVENT)
            self.sent += len(EVENT)

    async def stands_still(self) -> int:
        """Wait until nothing more is taken off the server's hands."""
        began, before = self.sent, -1
        while before != self.sent:
            before = self.sent
            await asyncio.sleep(0.25)
            assert self.sent - began < BETWEEN, "nobody reads, and the server goes on sending"
        return self.sent


@pytest.mark.parametrize("way", ["deltas", "text"])
async def test_a_slow_consumer_slows_the_socket(way: str) -> None:
    flood = Flood()
    async with (
        RawServer(flood) as server,
        GitHubModels(profile="local", base_url=server.url, ledger="memory") as gh,
    ):
        async with gh.stream(MODEL, "hi") as stream:
            pieces = aiter(stream if way == "deltas" else stream.text)
            await anext(pieces)
            at_rest = await flood.stands_still()
            for _ in range(2 * at_rest // len(EVENT)):
                await anext(pieces)
            assert flood.sent > at_rest, "reading lets it go on"
            await flood.stands_still()
        assert await server.all_closed(), "the client is open, the abandoned connection is not"
