"""What servers say to what limiters let through: `python -m benchmarks.schedules`. Virtual time, a few seconds.

A queue that is never empty, limit 10 per 60 s, 20-250 ms to the server, streamed replies of 1-4 s. Per limiter and kind
of window: let in and refused in the first minute; then, in minutes 11 to 31, requests per minute and the share refused.
A refused request is asked again after the wait the server named; with the gate, the gate does that.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiolimiter import AsyncLimiter

from ghmodels_async.clock import Clock

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))
from gates import gate_of, minute
from quota_oracle import Judge, Network, Window, drive, jitter
from virtual_time import run_virtual, virtual_clock

KINDS = ("fixed", "sliding", "aligned", "bucket", "rejects", "counter")
MINUTES = 31


async def through_gate(judge: Judge, network: Network, clock: Clock) -> None:
    await drive(
        gate_of(clock, minute(10)), judge, network, clock, model="m", until=clock.now() + MINUTES * 60, workers=40
    )


def through_bucket(rate: float, period: float) -> Callable[[Judge, Network, Clock], Awaitable[None]]:
    """aiolimiter alone: acquire, send, and on a 429 wait as long as it says and one second, then again."""

    async def run(judge: Judge, network: Network, clock: Clock) -> None:
        limiter = AsyncLimiter(rate, period)

        async def work() -> None:
            while True:
                await limiter.acquire()
                await clock.sleep(network.up(network.luck))
                facts = judge.arrive(clock.now(), "m")
                if facts is not None:
                    await clock.sleep((facts.wait or 0.0) + 1.0)
                    continue
                await clock.sleep(network.service(network.luck))
                judge.leave("m")

        tasks = [asyncio.create_task(work()) for _ in range(40)]
        await clock.sleep(MINUTES * 60)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    return run


LIMITERS: dict[str, Callable[[Judge, Network, Clock], Awaitable[None]]] = {
    "AsyncLimiter(10, 60)": through_bucket(10, 60),
    "AsyncLimiter(1, 6)": through_bucket(1, 6),
    "AsyncLimiter(1, 6.06)": through_bucket(1, 6.06),
    "gate": through_gate,
}


def measure(limiter: str, kind: str) -> str:
    async def run() -> str:
        clock = virtual_clock()
        judge = Judge([Window("UserByModelByMinute", 10, 60.0, kind, model="m")])
        network = Network(random.Random(1), jitter, lambda luck: luck.uniform(1, 4), jitter)
        began = clock.now()
        await LIMITERS[limiter](judge, network, clock)
        first = [status for t, _, status in judge.log if t < began + 60]
        later = [status for t, _, status in judge.log if began + 660 <= t < began + 1860]
        share = 100 * later.count(429) / len(later)
        return f"{first.count(200)} / {first.count(429)}, {later.count(200) / 20:.1f}/min, {share:.1f} %"

    return run_virtual(run())


def main() -> None:
    print("| limiter | " + " | ".join(KINDS) + " |")
    print("|---" * (len(KINDS) + 1) + "|")
    for limiter in LIMITERS:
        print(f"| `{limiter}` | " + " | ".join(measure(limiter, kind) for kind in KINDS) + " |")


if __name__ == "__main__":
    main()
