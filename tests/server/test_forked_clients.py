"""A client in the child of a fork: its own gate, ledger and connections, and the parent's go on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parents[1] / "support"
PROGRAM = """
import asyncio, json, os, signal, sys
sys.path.insert(0, {support!r})
from simulated import LOW, TOKEN
from ghmodels_async import GitHubModels
from ghmodels_async.limits.books import GATHER
from ghmodels_async.simulator import Simulation

inside, ledger = {inside!r}, {ledger!r}
read, write = os.pipe()
server = os.fork()
if server == 0:
    async def serve():
        async with Simulation(fast=True).serve() as server:
            os.write(write, server.base_url.encode())
            await asyncio.sleep(60)
    signal.alarm(60)
    asyncio.run(serve())

gh = GitHubModels(TOKEN, base_url=os.read(read, 200).decode(), ledger=ledger)

def used():
    return {{state.limit: state.used for state in gh.limits.explain(LOW)}}

async def in_child():
    reply = await gh.chat(LOW, "child")
    told = [reply.meta.attempts, used(), len(gh._wiring.calls)]
    await gh.aclose()
    return told

def forked():
    back, forth = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        asyncio._set_running_loop(None)  # as multiprocessing's children do not have one
        os.write(forth, json.dumps(asyncio.run(in_child())).encode())
        os._exit(0)
    os.close(forth)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, os.read(back, 2000).decode()

async def noted():
    await asyncio.sleep(2 * GATHER)  # notes of short windows are gathered that long
    if ledger == "sqlite":
        await gh._wiring.gate.desk.books.ledger.flush()

async def parent():
    await gh.chat(LOW, "before")
    if inside:
        stream = gh.stream(LOW, "in flight while forking")
        await anext(stream)
    await noted()
    if inside:
        told = forked()
        await stream.final()
        return told

told = asyncio.run(parent()) or forked()
asyncio.run(gh.chat(LOW, "after"))
print(json.dumps([*told, used()]))
asyncio.run(gh.aclose())
os.kill(server, signal.SIGKILL)
"""


@pytest.mark.skipif(
    not hasattr(os, "fork") or sys.version_info >= (3, 12), reason="3.12 warns about forks with threads"
)
@pytest.mark.parametrize("inside", [False, True], ids=["between two loops", "inside a loop"])
@pytest.mark.parametrize("ledger", ["memory", "sqlite"])
def test_a_client_works_in_the_child_of_a_fork_and_goes_on_in_the_parent(ledger: str, inside: bool) -> None:
    program = PROGRAM.format(support=str(SUPPORT), inside=inside, ledger=ledger)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50)
    assert done.stderr == ""
    status, child, parent = json.loads(done.stdout)
    assert status == 0
    attempts, used, in_flight = json.loads(child)
    assert attempts == 1 and in_flight == 0
    before = 2 if inside else 1
    known = before + 1 if ledger == "sqlite" else 1  # what the parent spent is in the file
    assert used["UserByModelByDay"] == used["UserByModelByMinute"] == known
    assert parent["UserByModelByMinute"] == before + 1
