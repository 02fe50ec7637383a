"""Ratios to the floor in one run, with generous slack: `python -m benchmarks.guard`. What CI runs; under a minute.

Each bound is a third above what was measured when it was set (docs/performance.md has the figures): noise stays
below, a regression of 1.5 does not. Rounds are short and many, and the median of the rounds' own ratios counts. What is
above its bound is measured up to twice more before it fails. Memory is not guarded here: resident pages of a short run
differ by more than half from run to run on a busy machine; `python -m benchmarks` measures it with many streams.
"""

from __future__ import annotations

import sys

from .rounds import Bench, Scenario

#: Scenario -> the most this library may cost, in multiples of raw aiohttp.
BOUNDS: dict[Scenario, float] = {
    Scenario("chat", "chat-0", count=800, rounds=9): 2.3,
    Scenario("stream in bursts", "stream-64-0-1", "stream", count=96, rounds=9): 2.1,
}


def main() -> int:
    failed = []
    with Bench(["aiohttp", "ours"]) as bench:
        for scenario, bound in BOUNDS.items():
            for attempt in (1, 2, 3):
                found = bench.run(scenario)
                if len(found) < 2 or any(one.errors for one in found.values()):
                    print(f"{scenario.title}: errors", *(one.error for one in found.values()))
                    return 1
                ratio = found["ours"].over(found["aiohttp"])
                print(f"{scenario.title}: {ratio:.2f} × the floor, bound {bound} (run {attempt})", flush=True)
                if ratio <= bound:
                    break
            else:
                failed.append(scenario.title)
    if failed:
        print(f"slower than the bound: {', '.join(failed)}; `make bench` and docs/performance.md tell where time goes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
