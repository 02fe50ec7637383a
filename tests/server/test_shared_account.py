"""Four real processes on one account with `shared=True`, before a simulated service on a real socket."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ghmodels_async import Clock
from ghmodels_async.limits.ledger import Busy, Reserved, SlotWant, account_key, ledger_for
from ghmodels_async.simulator import Simulation

WORKER = Path(__file__).parents[1] / "support" / "shared_client.py"
MODEL = "openai/gpt-4.1-mini"
SLOTS = f"{MODEL}|concurrent"
TOKEN = "ghp_simulated0000000000000000000000"
SCALE = 15.0
MARGIN = 1.5
"""Nominal seconds: 100 ms real, because five processes on two cores are not punctual; costs 2.4 % of a minute."""

Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    started: list[Process] = []

    async def run(verb: str, **order: Any) -> Process:
        order = {"verb": verb, "token": TOKEN, "model": MODEL, "scale": SCALE, "margin": MARGIN, **order}
        process = await asyncio.create_subprocess_exec(
            sys.executable, WORKER, json.dumps(order), stdin=PIPE, stdout=PIPE
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.communicate()


async def test_four_processes_spend_one_quota_and_survive_a_kill(start: Start) -> None:
    clock = Clock(SCALE)
    simulation = Simulation(plan="free", window="sliding", clock=clock, fast=True, latency=(0.02, 0.25), seed=7)
    async with simulation.serve() as server:
        about = {"base_url": server.base_url, "plan": "free"}
        doomed = await start("hold_streams", inflight=4, **about)
        assert doomed.stdout is not None
        assert [await doomed.stdout.readline() for _ in range(4)] == [b"holding\n"] * 4
        callers = [await start("call_away", inflight=6, priority="default", **about) for _ in range(3)]
        await clock.sleep(150)
        doomed.kill()
        await doomed.wait()
        killed_at = clock.wall()

        account = account_key(TOKEN)
        judge = ledger_for("sqlite", account=account, base_url=server.base_url, clock=clock, shared=True)
        await judge.open()
        held = await judge.reserve("early", [], [SlotWant(SLOTS, 4)])
        assert isinstance(held, Busy), "the dead hold four of five slots until their lease ends"
        assert held.until <= killed_at + judge.lease + 1.0
        await clock.sleep(310)
        said = [(await caller.communicate(b""))[0].decode().splitlines() for caller in callers]
        for n in range(5):
            assert isinstance(await judge.reserve(f"late-{n}", [], [SlotWant(SLOTS, 5)]), Reserved)
        await judge.aclose()

    arrivals = list(simulation.log)
    assert [arrival.limit for arrival in arrivals if arrival.status != 200] == []
    assert [line for lines in said for line in lines if line.startswith("error")] == []
    assert [lines[-1] for lines in said] == ["refused {}"] * 3
    assert all(lines.count("reply") >= 5 for lines in said), "there is no order between processes, but nobody starves"
    assert utilisation([arrival.at for arrival in arrivals]) >= 0.95


@pytest.mark.parametrize("killed", [False, True], ids=["ended", "killed"])
async def test_the_next_process_knows_what_the_last_minute_held(killed: bool, start: Start) -> None:
    """Without sharing, one after the other: what a shell script does that calls a program in a loop."""
    clock = Clock(SCALE)
    simulation = Simulation(plan="free", window="sliding", clock=clock, fast=True, seed=7)
    async with simulation.serve() as server:
        about = {"base_url": server.base_url, "plan": "free", "shared": False}
        first = await start("call_times", inflight=10, stay=3600 if killed else 0, **about)
        assert first.stdout is not None
        assert [await first.stdout.readline() for _ in range(10)] == [b"reply 1\n"] * 10
        if killed:
            await asyncio.sleep(0.3)  # real: notes of a minute are gathered for an instant before they are written
            first.kill()
        await first.wait()
        second = await start("call_times", inflight=10, **about)
        output, _ = await second.communicate()
        assert output.decode().splitlines() == ["reply 1"] * 10 + ["refused {}"]

    at = [arrival.at for arrival in simulation.log]
    assert [arrival.status for arrival in simulation.log] == [200] * 20
    assert 60.0 <= at[15] - at[0] <= 75.0


def utilisation(arrivals: list[float], amount: int = 15, window: float = 60.0, windows: int = 6) -> float:
    """The time the quota needs for `windows` windows of requests over the longest time any such run took."""
    count = amount * windows
    assert len(arrivals) > count
    longest = max(later - earlier for earlier, later in zip(arrivals, arrivals[count:], strict=False))
    return windows * window / longest
