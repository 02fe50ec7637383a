"""Everything over sockets, in at most ten minutes; rewrites docs/performance.md and its chart: `make bench`."""

from __future__ import annotations

import argparse
import os
import time
from datetime import UTC, datetime

from . import chat, resources, streaming
from .machine import ROOT, describe, environment, raise_file_limit, versions
from .profiling import profile
from .report import Findings, write
from .rounds import Bench
from .table import show


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--peers", default="openai,azure,aiohttp", help="families to compare with (default: %(default)s)"
    )
    options = parser.parse_args()
    raise_file_limit()
    python = environment()
    began, load = time.monotonic(), os.getloadavg()[0]
    names = chat.names_of(options.peers)
    with Bench(names, python=python) as bench:
        found = chat.measure(bench, crowds=True)
        found |= streaming.measure(bench, lengths=True)
    with Bench(["aiohttp", "ours"], python=python, servers=2) as bench:
        doubled = bench.run(chat.CHAT)
    found[resources.IDLE] = resources.idle(
        python, [name for name in names if name in ("aiohttp", "ours", "openai-aiohttp")]
    )
    found[resources.CROWD] = resources.crowd(python)
    found[resources.UVLOOP] = resources.uvloop(python)
    for scenario, one in found.items():
        show(scenario, one)
    findings = Findings(
        when=datetime.now(UTC).date().isoformat(),
        machine=describe(),
        versions=versions(python),
        load=(load, os.getloadavg()[0]),
        found=found,
        doubled=doubled,
        starts=resources.starts(python),
        batch=resources.batch(),
        profiles={"chat": profile("chat", 4000), "stream": profile("stream", 200)},
    )
    write(findings, ROOT / "docs")
    print(f"\ndocs/performance.md written, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
