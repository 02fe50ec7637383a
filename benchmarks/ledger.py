"""What the ledger costs: per reservation, per note, per commit, and with eight processes on one file.

    python benchmarks/ledger.py            # all, about 40 s
    python benchmarks/ledger.py --quick    # a tenth of the work

Latency is what an `await reserve(...)` takes; CPU is that of the whole process, threads included. "At once" is how many
requests wait together and so share a commit. A limit gets 100 requests, then the next one is used, so that windows hold
what real ones hold. Every figure is from this run on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from ghmodels_async.clock import Clock
from ghmodels_async.limits.ledger import Ledger, MemoryLedger, Reserved, SlotWant, SqliteLedger, Want
from ghmodels_async.limits.ledger.store import Store
from ghmodels_async.limits.ledger.timebase import clock_reader

DAY = Want("m|day", 1, 10**9, 86400.0)
MINUTE = Want("m|minute", 1, 10**9, 60.0, 0.3)
ACCOUNT = Want("*|minute", 1, 10**9, 60.0, 0.3)
SLOTS = [SlotWant("m|slots", 10**9)]


async def timed(work: Callable[[], Awaitable[object]], count: int) -> list[float]:
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        await work()
        seconds.append(time.perf_counter() - start)
    return seconds


def line(name: str, seconds: list[float], cpu: float, count: int) -> None:
    seconds.sort()
    p50, p99 = statistics.median(seconds), seconds[int(len(seconds) * 0.99)]
    print(f"{name:58} {p50 * 1e6:8.0f} {p99 * 1e6:8.0f} {cpu / count * 1e6:8.0f}")


async def measure(
    name: str,
    ledger: Ledger,
    wants: list[Want],
    count: int,
    together: int = 1,
    slots: bool = False,
    spread: bool = True,
) -> None:
    await ledger.open()

    numbers = itertools.count()

    async def request() -> None:
        id, number = ledger.new_id(), next(numbers) // 100
        own = [replace(want, limit=f"{number}{want.limit}") for want in wants] if spread else wants
        answer = await ledger.reserve(id, own, SLOTS if slots else ())
        assert isinstance(answer, Reserved)
        ledger.sent(id, time.time())
        ledger.settle(id)

    async def group() -> None:
        await asyncio.gather(*(request() for _ in range(together)))

    cpu = time.process_time()
    seconds = await timed(request if together == 1 else group, count // together)
    await ledger.flush()
    cpu = time.process_time() - cpu
    await ledger.aclose()
    line(name, seconds, cpu, count)


def bare(path: Path, count: int) -> None:
    """The transaction itself, in this thread."""
    store = Store(path, clock_reader(Clock(), time.monotonic()), holder="bench", lease=30.0)
    seconds = []
    cpu = time.process_time()
    for n in range(count):
        start = time.perf_counter()
        with store.transaction():
            store.reserve(f"{n}", [replace(DAY, limit=f"{n // 100}")], ())
        seconds.append(time.perf_counter() - start)
    cpu = time.process_time() - cpu
    store.close()
    line("file: the transaction of a reservation alone, no thread", seconds, cpu, count)


async def refusals(ledger: Ledger, count: int) -> None:
    await ledger.open()
    full = Want("m|full", 1, 15, 60.0)
    for _ in range(15):
        id = ledger.new_id()
        await ledger.reserve(id, [full])
        ledger.sent(id, time.time())
    cpu = time.process_time()
    seconds = await timed(lambda: ledger.reserve(ledger.new_id(), [full, DAY]), count)
    cpu = time.process_time() - cpu
    await ledger.aclose()
    line("a refused reservation (15 of 15 spent)", seconds, cpu, count)


async def loaded(path: Path, rows: int, count: int) -> None:
    ledger = SqliteLedger(path, Clock())
    await ledger.open()
    for n in range(rows):
        ledger.record(f"old-{n}", [DAY], at=time.time() - n)
    await ledger.aclose()
    start = time.perf_counter()
    again = SqliteLedger(path, Clock())
    opened = await again.open()
    assert len(opened.grants) == rows
    took = time.perf_counter() - start
    await again.aclose()
    print(f"{f'opening a file with {rows} rows, all counted':58} {took * 1e6:8.0f}")
    await measure(
        f"a day write with {rows} rows in the window", SqliteLedger(path, Clock()), [DAY], count, spread=False
    )


WORKER = """
import asyncio, json, sys, time
from pathlib import Path
from ghmodels_async.clock import Clock
from ghmodels_async.limits.ledger import *
async def main(path, seconds):
    ledger = SqliteLedger(Path(path), Clock(), shared=True)
    await ledger.open()
    print("ready", flush=True); sys.stdin.readline()
    want, sent, waits, asked = Want("m", 1, 10, 2.0, 0.02), [], [], 0
    end = time.time() + seconds
    cpu = time.process_time()
    while time.time() < end:
        id = ledger.new_id()
        start = time.perf_counter()
        answer = await ledger.reserve(id, [want], [SlotWant("s", 100)])
        waits.append(time.perf_counter() - start); asked += 1
        if isinstance(answer, Reserved):
            sent.append(time.time()); ledger.sent(id, sent[-1]); ledger.settle(id)
        else:
            await asyncio.sleep(max(0, answer.until - time.time()))
    cpu = time.process_time() - cpu
    await ledger.aclose()
    print(json.dumps([sent, waits, asked, cpu]), flush=True)
asyncio.run(main(sys.argv[1], float(sys.argv[2])))
"""


def crowd(path: Path, processes: int, seconds: float) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [json.loads(process.communicate()[0]) for process in started]
    sent = sorted(at for result in results for at in result[0])
    waits = sorted(wait for result in results for wait in result[1])
    asked, cpu = sum(result[2] for result in results), sum(result[3] for result in results)
    worst = max(sum(at - 2.0 < other <= at for other in sent) for at in sent)
    possible = 10 * (int((sent[-1] - sent[0]) / 2.02) + 1)
    print(f"\n{processes} processes, 10 per 2 s together, {seconds:g} s: {len(sent)} granted of {possible} possible,")
    print(f"  at most {worst} in any 2 s; {asked / len(sent):.1f} questions per grant;", end=" ")
    print(
        f"question p50 {waits[len(waits) // 2] * 1e6:.0f} us, p99 {waits[int(len(waits) * 0.99)] * 1e6:.0f} us;",
        end=" ",
    )
    print(f"CPU {cpu / asked * 1e6:.0f} us per question")


async def main(scale: float) -> None:
    count = int(5000 * scale)
    print(f"{'us':58} {'p50':>8} {'p99':>8} {'CPU/req':>8}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        await measure("memory: a day write (reserve, sent, settle)", MemoryLedger(), [DAY], count // 4)
        bare(place / "z", count)
        await measure("file: a day write", SqliteLedger(place / "a", Clock()), [DAY], count)
        await measure("file: the same, 10 at once", SqliteLedger(place / "b", Clock()), [DAY], count, 10)
        await measure("file: the same, 100 at once", SqliteLedger(place / "c", Clock()), [DAY], count, 100)
        shared = [MINUTE, ACCOUNT, DAY]
        ledger = SqliteLedger(place / "d", Clock(), shared=True)
        await measure("shared: minute, account minute, day and a slot", ledger, shared, count, slots=True)
        ledger = SqliteLedger(place / "e", Clock(), shared=True)
        await measure("shared: the same, 10 at once", ledger, shared, count, 10, slots=True)
        await refusals(SqliteLedger(place / "f", Clock(), shared=True), count)
        for rows in (450, 14_400):
            await loaded(place / f"g{rows}", rows, count // 5)
        crowd(place / "h", 8, max(4.0, 20 * scale))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    asyncio.run(main(0.1 if parser.parse_args().quick else 1.0))
