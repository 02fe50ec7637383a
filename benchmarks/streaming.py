"""Streams over sockets: `python -m benchmarks.streaming [--peers openai,azure,aiohttp]`.

Chunks of about 300 bytes, one write each, 64 streams at once: in bursts, 10 ms apart, and cut at odd bytes; the time to
the first text; and, for the floor and this library alone, streams from 10 to 100,000 chunks.
"""

from __future__ import annotations

import argparse

from .chat import names_of
from .machine import describe, environment, versions
from .rounds import Bench, Found, Scenario
from .table import show

_CHUNK = "CPU µs per chunk"

BURST = Scenario("64 chunks in a burst", "stream-64-0-1", "stream", count=150, unit=_CHUNK)
PACED = Scenario("64 chunks, 10 ms apart", "stream-64-10-1", "stream", count=64, rounds=5, unit=_CHUNK)
CUT = Scenario("64 chunks, each in 3 writes", "stream-64-0-3", "stream", count=150, rounds=5, unit=_CHUNK)
FIRST = Scenario(
    "time to the first text", "stream-2-0-1", "first", count=150, in_flight=1, unit="µs until the first text"
)
LENGTHS = [
    Scenario(f"{chunks:,} chunks in a burst", f"stream-{chunks}-0-1", "stream", count, lanes, 3, _CHUNK)
    for chunks, count, lanes in ((10, 640, 64), (100, 96, 32), (1_000, 16, 8), (10_000, 2, 2), (100_000, 1, 1))
]


def measure(bench: Bench, *, lengths: bool) -> dict[Scenario, dict[str, Found]]:
    """All scenarios of this file."""
    names = [name for name in bench.names if name != "bytes"]  # it sees reads, not chunks
    found = {scenario: bench.run(scenario, names) for scenario in (BURST, PACED, CUT, FIRST)}
    if lengths:
        found |= {scenario: bench.run(scenario, ["aiohttp", "ours"]) for scenario in LENGTHS}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--peers", default="openai,azure,aiohttp", help="families to compare with (default: %(default)s)"
    )
    options = parser.parse_args()
    python = environment()
    print(describe(), versions(python), sep="\n")
    with Bench(names_of(options.peers), python=python) as bench:
        for scenario, found in measure(bench, lengths=True).items():
            show(scenario, found)


if __name__ == "__main__":
    main()
