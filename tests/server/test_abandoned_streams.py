"""Ten thousand streams opened and left in every way there is: nothing stays open, nothing grows."""

import asyncio
import gc
import resource
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from ghmodels_async import GitHubModels
from ghmodels_async.simulator import Simulation

STREAMS = 10_000
AT_ONCE = 40
MODEL = "any/model"


async def by_break(gh: GitHubModels) -> None:
    async with gh.stream(MODEL, "hi") as stream:
        async for _ in stream:
            break


async def by_error(gh: GitHubModels) -> None:
    try:
        async with gh.stream(MODEL, "hi") as stream:
            await anext(stream)
            raise LookupError
    except LookupError:
        pass


async def by_cancellation(gh: GitHubModels) -> None:
    task = asyncio.create_task(gh.stream(MODEL, "hi").final())
    await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def by_forgetting(gh: GitHubModels) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        async for _ in gh.stream(MODEL, "hi"):
            break


async def by_never_starting(gh: GitHubModels) -> None:
    gh.stream(MODEL, "hi")


WAYS = (by_break, by_error, by_cancellation, by_forgetting, by_never_starting)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def leave(gh: GitHubModels, ways: list[Callable[[GitHubModels], Coroutine[Any, Any, None]]]) -> None:
    for way in ways:
        await way(gh)


@pytest.mark.timeout(400)
@pytest.mark.filterwarnings("ignore:the ChatStream created at:ResourceWarning")
def test_streams_that_are_left_leave_nothing_behind() -> None:
    async def main() -> None:
        simulation = Simulation("local", fast=True, keep=0)
        async with simulation.serve() as server:
            async with GitHubModels(
                profile="local", base_url=server.base_url, ledger="memory", limits={"account": {"concurrent": None}}
            ) as gh:
                files, tasks, memory = open_files(), len(asyncio.all_tasks()), 0
                for round_ in range(10):
                    ways = [WAYS[n % len(WAYS)] for n in range(STREAMS // 10 // AT_ONCE)]
                    await asyncio.gather(*(leave(gh, ways) for _ in range(AT_ONCE)))
                    gc.collect()
                    await asyncio.sleep(0.1)
                    if round_ == 2:  # caches are warm
                        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                assert len(gh._wiring.calls) == 0
                assert open_files() <= files + 2 * AT_ONCE + 8  # both ends of the connections kept for the next call
                assert len(asyncio.all_tasks()) <= tasks + AT_ONCE  # the server's own, one per kept connection
                assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 8_192  # KiB
            await asyncio.sleep(0.1)
            assert server.connections == 0
            assert simulation.log.open == 0

    asyncio.run(main())
