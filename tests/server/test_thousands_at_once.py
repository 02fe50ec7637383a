"""Five thousand calls in flight with the pool's and the limiter's defaults: nothing but the quota holds any back."""

import asyncio
import json
import resource

import pytest
from raw_server import Exchange, RawServer

from ghmodels_async import ChatReply, GitHubModels

CALLS = 5_000
REPLY = json.dumps(
    {
        "id": "c",
        "model": "any/model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()


@pytest.mark.soak
@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2 * CALLS + 500, reason="too few files may be open here"
)
def test_five_thousand_calls_are_in_flight_at_once_and_their_connections_serve_the_next() -> None:
    async def main() -> None:
        all_there = asyncio.Event()

        async def together(exchange: Exchange) -> None:
            if len(server.seen) >= CALLS:
                all_there.set()
            await all_there.wait()  # nobody is answered before everybody has come
            await exchange.answer(REPLY)

        server = RawServer(together)
        unlimited = {"account": {"concurrent": None}}  # the profile of a local server has a small bound of its own
        async with server, GitHubModels(profile="local", base_url=server.url, limits=unlimited) as gh:
            for _ in range(2):
                async with asyncio.timeout(50):
                    replies = await asyncio.gather(*(gh.chat("any/model", "hi") for _ in range(CALLS)))
                assert all(isinstance(reply, ChatReply) and reply.meta.attempts == 1 for reply in replies)
            assert server.accepted == CALLS

    asyncio.run(main())
