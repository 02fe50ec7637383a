"""What the gate costs, beside aiolimiter in the same run: `python -m benchmarks.limiter [--quick]`.

Every number is process CPU time (the machine may be busy), the median over interleaved rounds: one round measures each
contender once, so that a slow minute hits all alike. Waiting happens on virtual time. Targets: docs/limits.md.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from aiolimiter import AsyncLimiter

from ghmodels_async.clock import Clock
from ghmodels_async.errors import WouldExceedDeadlineError
from ghmodels_async.limits import Gate, GateOptions, Outcome, Permit, open_gate
from ghmodels_async.profiles import Profile, Quota, Rate

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))
from virtual_time import VirtualTimeLoop  # the tests' event loop

MODEL = "m"
HEADERS = {"content-type": "text/event-stream"}

#: What each row should cost at most, from the design: (value, unit).
TARGETS: dict[str, float] = {
    "acquire, 1 rate": 1.5,
    "acquire, 3 rates + slots": 2.0,
    "enqueue incl. task": 6.0,
    "grant": 5.0,
    "CPU per minute of waiting": 0.2,
    "eta": 10.0,
    "fail fast": 10.0,
    "cancel": 3.0,
    "memory per waiter": 1100.0,
}


def gate_with(rates: list[Rate], concurrent: int | None, clock: Clock) -> Gate:
    """A gate of its own with these limits and nothing kept on disk."""
    quota = Quota(row="r", plan="free", rates=tuple(rates), concurrent=concurrent)
    profile = Profile(name="bench", title="bench", default_row="r", rows={"r": {"free": quota}})
    options = GateOptions(queue_limit=1_000_000)
    return open_gate(
        profile=profile, account=str(time.perf_counter_ns()), clock=clock, options=options, ledger="memory"
    )


def three_rates(amount: int, window: float) -> list[Rate]:
    """A model's short and longer window and one over all models, as GitHub has them; none outlives a process."""
    return [
        Rate(amount=amount, window=window, type="UserByModelByMinute"),
        Rate(amount=amount * 40, window=window * 30, type="UserByModelByHour"),
        Rate(amount=amount * 2, window=window, scope="account", type="UserByMinute"),
    ]


def on_virtual_time(main: Callable[[Clock], Awaitable[Any]]) -> Any:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualTimeLoop)

        async def body() -> Any:
            return await main(Clock(wall=loop.wall))

        return runner.run(body())


class Cpu:
    """Process CPU of a block, microseconds, garbage collection kept out."""

    def __enter__(self) -> Cpu:
        gc.collect()
        gc.disable()
        self.began = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.microseconds = (time.process_time() - self.began) * 1e6
        gc.enable()


# --- nobody waits ---


async def uncontended_gate(clock: Clock, rates: int, calls: int) -> float:
    many = three_rates(10_000_000, 60.0)[:rates]
    gate = gate_with(many, 10_000_000 if rates > 1 else None, clock)
    await gate.acquire(MODEL)
    with Cpu() as cpu:
        for _ in range(calls):
            await gate.acquire(MODEL)
    return cpu.microseconds / calls


async def uncontended_aiolimiter(clock: Clock, calls: int) -> float:
    limiter = AsyncLimiter(10_000_000, 60)
    await limiter.acquire()
    with Cpu() as cpu:
        for _ in range(calls):
            await limiter.acquire()
    return cpu.microseconds / calls


async def whole_life(clock: Clock, calls: int) -> float:
    gate = gate_with(three_rates(10_000_000, 60.0), 10_000_000, clock)
    await gate.acquire(MODEL)
    with Cpu() as cpu:
        for _ in range(calls):
            permit = await gate.acquire(MODEL)
            at = clock.now()
            permit.sent(at)
            permit.answered(at, 200, HEADERS)
            permit.settle(Outcome.COMPLETED, at=at)
    return cpu.microseconds / calls


# --- many wait ---


async def crowd_at_gate(
    clock: Clock, waiters: int, amount: int, window: float, batch: bool = False
) -> dict[str, float]:
    """Enqueue cost, then cost per grant while the queue drains by `amount` per `window`."""
    gate = gate_with(three_rates(amount, window), 10_000_000, clock)
    granted = 0

    async def one() -> None:
        nonlocal granted
        permit: Permit = await gate.acquire(MODEL, on_exhausted="wait", priority="batch" if batch else "default")
        granted += 1
        permit.sent(clock.now())

    with Cpu() as enqueue:
        tasks = [asyncio.create_task(one()) for _ in range(waiters)]
        await asyncio.sleep(0)
    before = granted
    with Cpu() as drain:
        await clock.sleep(10 * window)
    served = granted - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"enqueue": enqueue.microseconds / waiters, "grant": drain.microseconds / max(1, served), "served": served}


async def crowd_at_aiolimiter(clock: Clock, waiters: int, amount: int, window: float) -> dict[str, float]:
    limiter = AsyncLimiter(amount, window)
    granted = 0

    async def one() -> None:
        nonlocal granted
        await limiter.acquire()
        granted += 1

    with Cpu() as enqueue:
        tasks = [asyncio.create_task(one()) for _ in range(waiters)]
        await asyncio.sleep(0)
    before = granted
    with Cpu() as drain:
        await clock.sleep(10 * window)
    served = granted - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"enqueue": enqueue.microseconds / waiters, "grant": drain.microseconds / max(1, served), "served": served}


async def idle_minutes(clock: Clock, waiters: int, at_gate: bool) -> float:
    """CPU milliseconds per minute while all of them wait for ten requests a minute, grants not counted out."""
    gate = gate_with(three_rates(10, 60.0), 10_000_000, clock)
    limiter = AsyncLimiter(10, 60)

    async def one() -> None:
        if at_gate:
            (await gate.acquire(MODEL, on_exhausted="wait")).sent(clock.now())
        else:
            await limiter.acquire()

    tasks = [asyncio.create_task(one()) for _ in range(waiters)]
    await asyncio.sleep(0)
    with Cpu() as cpu:
        await clock.sleep(600)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return cpu.microseconds / 1000 / 10


async def questions(clock: Clock, waiters: int) -> dict[str, float]:
    """ETA, fail-fast and cancellation with a full queue."""
    gate = gate_with(three_rates(10, 60.0), 10_000_000, clock)
    tasks = [asyncio.create_task(gate.acquire(MODEL, on_exhausted="wait")) for _ in range(waiters)]
    await asyncio.sleep(0)
    calls = 2000
    with Cpu() as eta:
        for _ in range(calls):
            gate.eta(MODEL)
    with Cpu() as refuse:
        for _ in range(calls):
            try:
                await gate.acquire(MODEL, deadline=clock.now() + 5)
            except WouldExceedDeadlineError:
                continue
            raise AssertionError("there is no room")
    waiting = [task for task in tasks if not task.done()]
    with Cpu() as cancel:
        for task in waiting:
            task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "eta": eta.microseconds / calls,
        "fail fast": refuse.microseconds / calls,
        "cancel": cancel.microseconds / len(waiting),
    }


async def cancel_bare(clock: Clock, waiters: int) -> float:
    """What asyncio itself takes to cancel a task that waits for a future."""
    loop = asyncio.get_running_loop()

    async def one() -> None:
        await loop.create_future()

    tasks = [asyncio.create_task(one()) for _ in range(waiters)]
    await asyncio.sleep(0)
    with Cpu() as cpu:
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    return cpu.microseconds / waiters


async def memory(clock: Clock, waiters: int, kind: str) -> float:
    """Bytes per waiter, its task included."""
    gate = gate_with(three_rates(10, 60.0), 10_000_000, clock)
    limiter = AsyncLimiter(10, 60)
    loop = asyncio.get_running_loop()

    async def bare() -> None:
        await loop.create_future()

    def one() -> Coroutine[Any, Any, Any]:
        if kind == "gate":
            return gate.acquire(MODEL, on_exhausted="wait")
        return limiter.acquire() if kind == "aiolimiter" else bare()

    first = [asyncio.create_task(one()) for _ in range(20)]
    await asyncio.sleep(0)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tasks = [asyncio.create_task(one()) for _ in range(waiters)]
    await asyncio.sleep(0)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for task in (*first, *tasks):
        task.cancel()
    await asyncio.gather(*first, *tasks, return_exceptions=True)
    return (after - before) / waiters


# --- the table ---


def row(name: str, target: str, unit: str, gate: float, other: float | None) -> None:
    limit = TARGETS.get(target)
    verdict = "" if limit is None else ("ok" if gate <= limit else "OVER")
    beside = "" if other is None else f"{other:10.2f}"
    wanted = "" if limit is None else f"{limit:8.1f}"
    print(f"{name:44} {gate:10.2f} {beside:>10} {wanted:>8} {unit:8} {verdict}")


def median_of(rounds: list[dict[str, float]], key: str) -> float:
    return statistics.median(one[key] for one in rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and no queue of 100,000")
    quick = parser.parse_args().quick
    rounds, calls = (3, 20_000) if quick else (7, 100_000)
    print(f"{'median of ' + str(rounds):44} {'gate':>10} {'aiolimiter':>10} {'target':>8}")
    free: list[dict[str, float]] = []
    for _ in range(rounds):
        free.append(
            {
                "one": on_virtual_time(lambda clock: uncontended_gate(clock, 1, calls)),
                "three": on_virtual_time(lambda clock: uncontended_gate(clock, 3, calls)),
                "life": on_virtual_time(lambda clock: whole_life(clock, calls // 4)),
                "other": on_virtual_time(lambda clock: uncontended_aiolimiter(clock, calls)),
            }
        )
    row("acquire, nobody waits, 1 rate", "acquire, 1 rate", "us", median_of(free, "one"), median_of(free, "other"))
    row("acquire, nobody waits, 3 rates + slots", "acquire, 3 rates + slots", "us", median_of(free, "three"), None)
    row("acquire + sent + answered + settle", "", "us", median_of(free, "life"), None)
    for waiters in (1_000, 10_000) if quick else (1_000, 10_000, 100_000):
        crowd(waiters, rounds if waiters < 100_000 else 3)


def crowd(waiters: int, rounds: int) -> None:
    """One block of the table: everything with `waiters` in the queue."""
    gates, others, asked, spare = [], [], [], []
    per_window = max(1, waiters // 20)
    for _ in range(rounds):
        gates.append(on_virtual_time(lambda clock: crowd_at_gate(clock, waiters, per_window, 60.0)))
        others.append(on_virtual_time(lambda clock: crowd_at_aiolimiter(clock, waiters, per_window, 60.0)))
        asked.append(on_virtual_time(lambda clock: questions(clock, waiters)))
        spare.append(
            {
                "gate": on_virtual_time(lambda clock: idle_minutes(clock, waiters, True)),
                "aiolimiter": on_virtual_time(lambda clock: idle_minutes(clock, waiters, False)),
                "bare": on_virtual_time(lambda clock: cancel_bare(clock, waiters)),
            }
        )
    few = min(waiters, 20_000)
    sizes = {kind: on_virtual_time(partial(memory, waiters=few, kind=kind)) for kind in _KINDS}
    print(f"--- {waiters:,} waiters")
    row("enqueue incl. task", "enqueue incl. task", "us", median_of(gates, "enqueue"), median_of(others, "enqueue"))
    row("grant incl. task switch", "grant", "us", median_of(gates, "grant"), median_of(others, "grant"))
    idle = "CPU per minute of waiting"
    row(f"{idle}, 10/min", idle, "ms", median_of(spare, "gate"), median_of(spare, "aiolimiter"))
    row("eta", "eta", "us", median_of(asked, "eta"), None)
    row("fail fast", "fail fast", "us", median_of(asked, "fail fast"), None)
    row("cancel incl. task", "", "us", median_of(asked, "cancel"), None)
    own = median_of(asked, "cancel") - median_of(spare, "bare")
    row("cancel, beyond asyncio's own", "cancel", "us", own, None)
    row("memory per waiter incl. task", "memory per waiter", "bytes", sizes["gate"], sizes["aiolimiter"])
    row("memory of a bare task and future", "", "bytes", sizes["bare"], None)


_KINDS = ("gate", "aiolimiter", "bare")


if __name__ == "__main__":
    main()
