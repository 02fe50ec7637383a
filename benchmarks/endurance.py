"""Many chats in one process, and what it weighs meanwhile: `python -m benchmarks.endurance [--count 1000000]`.

Everything is on. Time runs 200,000 times as fast, so that quota windows pass as they would in years: what a day holds
is forgotten within a second, and a machine that becomes faster meanwhile holds little more. Each tenth call is a
stream, each hundredth is left in the middle.

Two things are looked at. What is resident must not grow by more than 1 MB over the last two thirds: the first one fills
windows, pools and arenas. And the number of live blocks of Python's allocator, which no fragmentation blurs, must not
grow by one per twenty calls. It swings with what the windows hold at the moment, so the lowest numbers of the middle
and of the last third are compared. Exits with 1 if either is too much.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import tempfile
import time

from ghmodels_async import GitHubModels, Timeouts
from ghmodels_async.clock import Clock
from ghmodels_async.config import resolve

from .contenders import MODEL, PROMPT, TOKEN
from .machine import CLIENT_CORE, pin, resident
from .server import Server

SPEED = 200_000
LIMITS = {
    MODEL: {"requests_per_minute": 5_000, "requests_per_day": 30_000, "concurrent": 500},
    "account": {"requests_per_minute": 5_000},
}
STEPS = 30
ALLOWED = 1_000_000
ALLOWED_BLOCKS = 0.05


async def _run(root: str, count: int) -> tuple[list[int], list[int]]:
    minute = 60.0 * SPEED  # a real one
    timeouts = Timeouts(connect=minute, head=minute, first_delta=minute, stall=minute)
    sizes: list[int] = []
    blocks: list[int] = []
    with tempfile.TemporaryDirectory(prefix="bench-endurance-") as folder:

        def client(path: str, clock: Clock) -> GitHubModels:
            settings = resolve(profile="github", base_url=root + path, plan="free", state_dir=folder, env={})
            return GitHubModels(TOKEN, settings=settings, limits=LIMITS, timeouts=timeouts, clock=clock)

        clock = Clock(SPEED)
        async with client("/chat-0", clock) as chats, client("/stream-20-0-1", clock) as streams:

            async def one(number: int) -> None:
                if number % 10:
                    await chats.chat(MODEL, PROMPT, on_exhausted="wait")
                    return
                async with streams.stream(MODEL, PROMPT, on_exhausted="wait") as stream:
                    async for _ in stream:
                        if number % 100 == 0:
                            break

            for step in range(STEPS):
                left = iter(range(count // STEPS))

                async def lane(left: object = left) -> None:
                    for number in left:  # type: ignore[attr-defined]
                        await one(number)

                began = time.process_time()
                await asyncio.gather(*(lane() for _ in range(64)))
                each = (time.process_time() - began) / (count // STEPS) * 1e6
                gc.collect()
                sizes.append(resident())
                blocks.append(sys.getallocatedblocks())
                done = (step + 1) * (count // STEPS)
                weight = f"{sizes[-1] / 1e6:9.2f} MB resident{blocks[-1]:11,} blocks"
                print(f"{done:10,} calls{weight}{each:8.0f} µs CPU each", flush=True)
    return sizes, blocks


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    options = parser.parse_args()
    pin(CLIENT_CORE)
    with Server() as server:
        sizes, blocks = asyncio.run(_run(server.root, options.count))
    third = STEPS // 3
    growth = max(sizes[-3:]) - max(sizes[:third])
    kept = (min(blocks[-third:]) - min(blocks[third:-third])) / (options.count / 3)
    print(f"growth over the last two thirds: {growth / 1e6:+.2f} MB, allowed {ALLOWED / 1e6:.0f}")
    print(f"blocks kept per call over the last third: {kept:+.4f}, allowed {ALLOWED_BLOCKS}")
    return 1 if growth > ALLOWED or kept > ALLOWED_BLOCKS else 0


if __name__ == "__main__":
    sys.exit(main())
