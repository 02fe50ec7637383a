"""Real processes on one ledger file: killed, stopped, started at once."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sqlite3
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from ghmodels_async.clock import Clock
from ghmodels_async.limits.ledger import Busy, Reserved, SlotWant, SqliteLedger, Want

WORKER = Path(__file__).parents[1] / "support" / "ledger_worker.py"
Start = Callable[..., Awaitable[Process]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
async def start(path: Path) -> AsyncIterator[Start]:
    """Start workers on the file; whatever still runs at the end is killed."""
    started: list[Process] = []

    async def run(verb: str, **order: Any) -> Process:
        order = {"path": str(path), **order}
        process = await asyncio.create_subprocess_exec(sys.executable, WORKER, verb, json.dumps(order), stdout=PIPE)
        started.append(process)
        return process

    yield run
    for process in started:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        assert process.stdout is not None
        await process.stdout.read()
        await process.wait()


async def lines_of(process: Process) -> list[str]:
    assert process.stdout is not None
    output = (await process.stdout.read()).decode()
    await process.wait()
    return output.split("\n")[:-1]  # a line cut by a kill is no line


async def line_of(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


async def granted(ledger: SqliteLedger, id: str, slots: list[SlotWant]) -> None:
    """Ask until it is granted; the first answer must be a refusal."""
    assert isinstance(await ledger.reserve(id, [], slots), Busy)
    for _ in range(500):
        await asyncio.sleep(0.01)
        if isinstance(await ledger.reserve(id, [], slots), Reserved):
            return
    raise AssertionError("never granted")


def sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as database:
        return bool(database.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


async def test_kill_9_at_any_point_loses_permits_in_flight_and_never_overspends(start: Start, path: Path) -> None:
    maximum, inflight, luck = 600, 3, random.Random(7)
    sent: list[str] = []
    kills = 0
    while True:
        worker = await start("spend_a_day", maximum=maximum, inflight=inflight)
        assert (await line_of(worker)).startswith("open")
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(worker.wait(), luck.uniform(0.01, 0.06))
        if worker.returncode is None:
            worker.kill()
            kills += 1
        lines = await lines_of(worker)
        sent += [line for line in lines if line.startswith("sent")]
        assert sound(path)
        if "exhausted" in lines:
            break

    assert kills >= 2
    assert len(set(sent)) == len(sent)
    assert maximum - kills * inflight <= len(sent) <= maximum


async def test_four_processes_share_a_window_and_its_slots(start: Start) -> None:
    order = {"maximum": 10, "window": 1.0, "margin": 0.02, "slots": 3, "hold": 0.01, "seconds": 5.0, "inflight": 3}
    workers = [await start("share_a_window", shared=True, lease=2.0, **order) for _ in range(4)]
    said = [line.split() for worker in workers for line in await lines_of(worker)]
    sent = sorted(float(words[1]) for words in said if words[0] == "sent")
    spans = [(float(words[1]), float(words[2])) for words in said if words[0] == "over"]

    for at in sent:
        assert sum(at - 1.0 < other <= at for other in sent) <= 10
        assert sum(begin <= at < end for begin, end in spans) <= 3
    # A loose bound: real time on a busy machine. How little is wasted is shown in test_shared_account.py.
    assert (len(sent) - 10) / (sent[-1] - sent[0]) >= 0.8 * 10


async def test_the_slots_of_a_killed_process_come_back_with_its_lease(start: Start, path: Path) -> None:
    holder = await start("hold_slots", shared=True, lease=0.6, slots=2, count=2)
    assert [await line_of(holder) for _ in range(3)] == ["open 0 True", "Reserved", "Reserved"]
    for _ in range(20):
        await line_of(holder)  # a second: the lease has been renewed
    ledger = SqliteLedger(path, Clock(), shared=True, lease=0.6)
    await ledger.open()
    slots = [SlotWant("m|slots", 2)]
    assert isinstance(await ledger.reserve("r1", [], slots), Busy), "it lives, and holds both"
    holder.kill()
    await holder.wait()
    loop = asyncio.get_running_loop()
    died = loop.time()

    await granted(ledger, "r1", slots)
    assert 0.35 <= loop.time() - died <= 1.0, "a third of the lease was used up at most"
    assert isinstance(await ledger.reserve("r2", [], slots), Reserved)
    await ledger.aclose()


async def test_a_lease_that_lapsed_while_its_process_was_stopped_does_not_resurrect(start: Start, path: Path) -> None:
    stopped = await start("hold_slots", shared=True, lease=0.3, slots=1, count=1)
    assert [await line_of(stopped) for _ in range(2)] == ["open 0 True", "Reserved"]
    stopped.send_signal(signal.SIGSTOP)
    ledger = SqliteLedger(path, Clock(), shared=True, lease=5.0)
    await ledger.open()
    slots = [SlotWant("m|slots", 1)]
    await granted(ledger, "mine", slots)
    stopped.send_signal(signal.SIGCONT)
    for _ in range(10):
        await line_of(stopped)  # half a second: it has tried to renew

    ledger.settle("mine")
    assert isinstance(await ledger.reserve("mine again", [], slots), Reserved)
    await ledger.aclose()


async def test_processes_that_meet_a_new_file_at_once_all_get_in(start: Start, path: Path) -> None:
    rounds, begin = 8, time.time() + 3.0
    workers = [await start("meet_new_files", rounds=rounds, start=begin) for _ in range(6)]
    said = [await lines_of(worker) for worker in workers]
    assert [lines[1:] for lines in said] == [["Reserved"] * rounds] * 6
    for number in range(rounds):
        ledger = SqliteLedger(path.with_name(f"new-{number}.sqlite3"), Clock())
        assert len((await ledger.open()).grants) == 6
        await ledger.aclose()


async def test_four_processes_that_find_a_damaged_file_put_it_aside_once(start: Start, path: Path) -> None:
    def spoil() -> None:
        path.write_bytes(b"rubbish " * 1000)

    spoil()
    workers = [await start("just_open") for _ in range(4)]
    said = [await lines_of(worker) for worker in workers]
    assert [lines[1] for lines in said] == ["Reserved"] * 4
    assert len([file for file in path.parent.iterdir() if ".damaged-" in file.name]) == 1
    ledger = SqliteLedger(path, Clock())
    assert len((await ledger.open()).grants) == 4
    reserved = await ledger.reserve("next", [Want("m|day", 96, 100, 86400.0)])
    assert isinstance(reserved, Reserved)
    await ledger.aclose()
