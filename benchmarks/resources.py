"""Memory of open streams, start-up, uvloop, and a row of a batch: `python -m benchmarks.resources`."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .contenders import LIMITS, MODEL, PROMPT, TOKEN
from .machine import CLIENT_CORE, ROOT, describe, environment, pin, raise_file_limit, versions
from .profiling import cpu_each
from .rounds import Bench, Found, Scenario
from .server import Server
from .table import show

IDLE = Scenario("an open, idle stream", "idle", "idle", count=2000, in_flight=1, rounds=1, unit="bytes per open stream")
CROWD = Scenario(
    "10,000 open streams", "idle", "idle", count=10_000, in_flight=1, rounds=1, unit="bytes per open stream"
)

#: What is started, each in a fresh interpreter.
STARTS = {
    "import aiohttp, pydantic": [sys.executable, "-c", "import aiohttp, pydantic"],
    "import ghmodels_async": [sys.executable, "-c", "import ghmodels_async"],
    "from ghmodels_async import GitHubModels": [sys.executable, "-c", "from ghmodels_async import GitHubModels"],
    "ghmodels --help": [sys.executable, "-m", "ghmodels_async", "--help"],
}


def idle(python: str, names: list[str], rounds: int = 3) -> dict[str, Found]:
    """Resident memory per idle stream; fresh processes each round, as freed memory would hide the next round's."""
    found: dict[str, list[Found]] = {name: [] for name in names}
    for _ in range(rounds):
        with Bench(names, python=python) as bench:
            for name, one in bench.run(IDLE).items():
                found[name].append(one)
    return {
        name: Found(tuple(one.median for one in all), 0, 0, sum(one.errors for one in all), all[0].error, 0)
        for name, all in found.items()
        if all
    }


def starts(python: str, rounds: int = 9) -> dict[str, tuple[float, float]]:
    """CPU and wall milliseconds of each start, medians of interleaved rounds."""
    values: dict[str, list[tuple[float, float]]] = {name: [] for name in STARTS}
    # An installed package has its bytecode: the first round, which does not count, writes it.
    caching = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for number in range(rounds + 1):
        for name, command in STARTS.items():
            before, began = os.times(), time.perf_counter()
            subprocess.run([python, *command[1:]], cwd=ROOT, env=caching, check=True, stdout=subprocess.DEVNULL)
            after, wall = os.times(), time.perf_counter() - began
            cpu = after.children_user + after.children_system - before.children_user - before.children_system
            if number:
                values[name].append((cpu * 1e3, wall * 1e3))
    return {
        name: (statistics.median(cpu for cpu, _ in all), statistics.median(wall for _, wall in all))
        for name, all in values.items()
    }


async def _batch_row(root: str, rows: int) -> dict[str, float]:
    """CPU microseconds per chat, per short stream read to its end, and per row of a batch that does just that."""
    from ghmodels_async import GitHubModels
    from ghmodels_async.batch import run_batch
    from ghmodels_async.config import resolve

    with tempfile.TemporaryDirectory(prefix="bench-batch-") as folder:

        def client(path: str) -> GitHubModels:
            settings = resolve(profile="github", base_url=root + path, plan="free", state_dir=folder, env={})
            return GitHubModels(TOKEN, settings=settings, limits=LIMITS)

        async with client("/chat-0") as chats, client("/stream-6-0-1") as streams:
            found: dict[str, list[float]] = {"chat": [], "stream": [], "row": []}
            for number in range(4):
                found["chat"].append(await cpu_each(lambda: chats.chat(MODEL, PROMPT), rows))
                found["stream"].append(await cpu_each(lambda: streams.stream(MODEL, PROMPT).final(), rows))
                lines = [{"prompt": f"{PROMPT} {row}"} for row in range(rows)]
                began = time.process_time()
                run = Path(folder) / f"run-{number}"
                summary = await run_batch(streams, lines, run_dir=run, models=(MODEL,), concurrency=64)
                found["row"].append((time.process_time() - began) / rows * 1e6)
                assert summary.stopped is None, summary
            return {name: statistics.median(values[1:]) for name, values in found.items()}


def batch(rows: int = 2000) -> dict[str, float]:
    """See `_batch_row`."""
    pin(CLIENT_CORE)
    with Server() as server:
        return asyncio.run(_batch_row(server.root, rows))


def uvloop(python: str) -> dict[str, Found]:
    """A chat on asyncio's own loop and on uvloop."""
    names = ["aiohttp", "ours", "aiohttp+uvloop", "ours+uvloop"]
    with Bench(names, python=python) as bench:
        return bench.run(UVLOOP)


UVLOOP = Scenario("64 chats at once, by event loop", "chat-0", rounds=5)


def crowd(python: str) -> dict[str, Found]:
    """Ten thousand open streams, of the floor and of this library."""
    found: dict[str, Any] = {}
    for name in ("aiohttp", "ours"):
        with Bench([name], python=python) as bench:
            found |= bench.run(CROWD)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    python = environment()
    raise_file_limit()
    print(describe(), versions(python), sep="\n")
    show(IDLE, idle(python, ["aiohttp", "ours", "openai-aiohttp"]))
    show(CROWD, crowd(python))
    show(UVLOOP, uvloop(python))
    for name, (cpu, wall) in starts(python).items():
        print(f"{name:45}{cpu:8.0f} ms CPU{wall:8.0f} ms")
    found = batch()
    print("CPU µs:", ", ".join(f"{name} {value:.0f}" for name, value in found.items()))


if __name__ == "__main__":
    main()
