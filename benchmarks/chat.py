"""One reply per call, over sockets: `python -m benchmarks.chat [--peers openai,azure,aiohttp] [--quick]`.

64 calls at once; with `--all` also 1,000 and 5,000 at once, where the server takes half a second and a second to
answer, so that they really are open together.
"""

from __future__ import annotations

import argparse

from .machine import describe, environment, versions
from .rounds import Bench, Found, Scenario
from .table import show

#: `--peers` by family; the floor and ours always run.
FAMILIES = {"openai": ["openai-aiohttp", "openai"], "azure": ["azure"], "aiohttp": ["bytes"]}

CHAT = Scenario("64 chats at once", "chat-0")
CROWD = Scenario("1,000 chats at once", "chat-500", count=3000, in_flight=1000, rounds=3)
FLOOD = Scenario("5,000 chats at once", "chat-1000", count=5000, in_flight=5000, rounds=1)


def names_of(peers: str) -> list[str]:
    """Clients to run, from the families named."""
    chosen = [name for family in peers.split(",") if family for name in FAMILIES.get(family, [family])]
    return list(dict.fromkeys(["aiohttp", "ours", *chosen]))


def measure(bench: Bench, *, crowds: bool) -> dict[Scenario, dict[str, Found]]:
    """All scenarios of this file; the dearest peers are spared the crowds."""
    found = {CHAT: bench.run(CHAT)}
    if crowds:
        found[CROWD] = bench.run(CROWD)
        found[FLOOD] = bench.run(FLOOD, ["aiohttp", "ours"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--peers", default="openai,azure,aiohttp", help="families to compare with (default: %(default)s)"
    )
    parser.add_argument("--all", action="store_true", help="1,000 and 5,000 at once too")
    options = parser.parse_args()
    python = environment()
    print(describe(), versions(python), sep="\n")
    with Bench(names_of(options.peers), python=python) as bench:
        for scenario, found in measure(bench, crowds=options.all).items():
            show(scenario, found)


if __name__ == "__main__":
    main()
