"""A process that shares an account: calls a simulated service until told to stop. One line on stdout per thing done."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from ghmodels_async import Clock, GitHubModels
from ghmodels_async.limits import GateOptions


def say(*words: object) -> None:
    print(*words, flush=True)


async def call_away(client: GitHubModels, order: dict[str, Any]) -> None:
    """Keep `inflight` calls waiting or running until stdin ends."""
    loop = asyncio.get_running_loop()
    told = loop.run_in_executor(None, sys.stdin.read)

    async def one_after_the_other() -> None:
        while True:
            await client.chat(order["model"], "Say something short.", priority=order["priority"], on_exhausted="wait")
            say("reply")

    calls = [asyncio.create_task(one_after_the_other()) for _ in range(order["inflight"])]
    await asyncio.wait([*calls, told], return_when=asyncio.FIRST_COMPLETED)
    for task in calls:
        task.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            say("error", type(outcome).__name__, str(outcome).replace("\n", " | "))


async def call_times(client: GitHubModels, order: dict[str, Any]) -> None:
    """Make so many calls at once, and end, or wait to be killed."""
    calls = (client.chat(order["model"], "Say something short.") for _ in range(order["inflight"]))
    for reply in await asyncio.gather(*calls):
        say("reply", reply.meta.attempts)
    await asyncio.sleep(order.get("stay", 0.0))


async def hold_streams(client: GitHubModels, order: dict[str, Any]) -> None:
    """Open streams, read one delta of each, stop reading, and wait to be killed."""
    streams = []
    for _ in range(order["inflight"]):
        streams.append(await client.stream(order["model"], "Tell me a very long story.").__aenter__())
        say("holding")
    await asyncio.sleep(3600)


VERBS = {"call_away": call_away, "call_times": call_times, "hold_streams": hold_streams}


async def main(order: dict[str, Any]) -> None:
    client = GitHubModels(
        order["token"],
        base_url=order["base_url"],
        plan=order["plan"],
        limits=GateOptions(margin=order["margin"]),
        shared=order.get("shared", True),
        clock=Clock(order["scale"]),
    )
    async with client:
        await VERBS[order["verb"]](client, order)
    say("refused", json.dumps(client.usage.rate_limited))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
