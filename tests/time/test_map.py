"""`map`: lazy, bounded, each request with its own outcome; and every way a run can end."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from simulated import LOW, connect

from ghmodels_async import Clock, GitHubModels
from ghmodels_async import errors as e
from ghmodels_async.simulator import Fault, Simulation


@pytest.fixture
def simulation(clock: Clock) -> Simulation:
    return Simulation(clock=clock, seed=1, plan="enterprise")


@pytest.fixture
async def gh(simulation: Simulation, clock: Clock) -> Any:
    async with connect(simulation, clock) as client:
        await client.limits.open()
        yield client
        await clock.sleep(5)
        assert simulation.log.open == 0
        assert len(client._wiring.calls) == 0
        assert [state.used for state in client.limits.explain(LOW) if state.limit == "concurrent"] in ([0], [])


def prompts(count: int, *, then: BaseException | None = None, pulled: list[int] | None = None) -> Iterator[str]:
    for n in range(count):
        if pulled is not None:
            pulled.append(n)
        yield f"question {n}"
    if then is not None:
        raise then


async def slowly(count: int, then: BaseException | None = None) -> AsyncIterator[str]:
    for prompt in prompts(count, then=then):
        await asyncio.sleep(0.1)
        yield prompt


async def tasks_end() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]  # type: ignore[union-attr]
    assert not [name for name in names if "_Flow" in name]


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("source", [prompts, slowly])
async def test_every_request_has_its_outcome(gh: GitHubModels, source: Any, ordered: bool) -> None:
    outcomes = [outcome async for outcome in gh.map(source(30), model=LOW, ordered=ordered)]
    keys = [outcome.key for outcome in outcomes]
    assert (keys if ordered else sorted(keys)) == list(range(30))
    assert all(outcome.ok and outcome.error is None for outcome in outcomes)


async def test_a_request_that_fails_is_an_outcome_and_the_others_go_on(
    gh: GitHubModels, simulation: Simulation
) -> None:
    simulation.script([None, Fault.retired(), None])
    outcomes = [o async for o in gh.map(["a", "b", "c"], model=LOW, concurrency=1)]
    assert [o.ok for o in outcomes] == [True, False, True]
    assert isinstance(outcomes[1].error, e.ServiceRetiredError) and outcomes[1].request == "b"


async def test_no_more_is_pulled_than_there_is_room(gh: GitHubModels) -> None:
    pulled: list[int] = []
    async with gh.map(prompts(1_000, pulled=pulled), model=LOW, concurrency=7) as run:
        await anext(run)
        assert len(pulled) <= 8
        await asyncio.sleep(100)
        assert len(pulled) <= 8


@pytest.mark.parametrize("concurrency", [0, -1])
async def test_a_bound_below_one_is_refused(gh: GitHubModels, concurrency: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        gh.map(["hi"], model=LOW, concurrency=concurrency)


async def test_an_empty_source_is_an_empty_run(gh: GitHubModels) -> None:
    assert [outcome async for outcome in gh.map([], model=LOW)] == []


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("source", [prompts, slowly])
async def test_a_source_that_fails_is_heard_after_what_it_gave(gh: GitHubModels, source: Any, ordered: bool) -> None:
    run = gh.map(source(12, then=LookupError("line 13")), model=LOW, ordered=ordered)
    keys = []
    with pytest.raises(LookupError, match="line 13"):
        async for outcome in run:
            assert outcome.ok
            keys.append(outcome.key)
    assert sorted(keys) == list(range(12))
    with pytest.raises(StopAsyncIteration):
        await anext(run)


async def test_a_source_that_is_cancelled_does_not_look_like_the_end(gh: GitHubModels) -> None:
    keys = []
    with pytest.raises(RuntimeError, match="source"):
        async for outcome in gh.map(slowly(3, asyncio.CancelledError()), model=LOW):
            keys.append(outcome.key)
    assert sorted(keys) == [0, 1, 2]


@pytest.mark.parametrize("ordered", [False, True])
async def test_a_request_cancelled_from_outside_is_not_lost_in_silence(
    simulation: Simulation, clock: Clock, ordered: bool
) -> None:
    async def cuts_its_own_throat(request: Any, call_next: Any) -> Any:
        if b"question 1" in request.body:
            raise asyncio.CancelledError
        return await call_next(request)

    async with connect(simulation, clock, middleware=[cuts_its_own_throat]) as gh:
        with pytest.raises(RuntimeError, match="cancelled from outside"):
            async for _ in gh.map(prompts(3), model=LOW, ordered=ordered):
                pass
        await tasks_end()


async def test_a_bug_in_the_users_code_ends_the_run_and_what_is_in_flight(simulation: Simulation, clock: Clock) -> None:
    async def breaks(request: Any, call_next: Any) -> Any:
        if b"question 3" in request.body:
            raise LookupError("mine")
        return await call_next(request)

    async with connect(simulation, clock, middleware=[breaks]) as gh:
        with pytest.raises(LookupError, match="mine"):
            async for _ in gh.map(prompts(50), model=LOW):
                pass
        await tasks_end()
        assert len(gh._wiring.calls) == 0


async def test_break_inside_async_with_ends_what_is_in_flight(gh: GitHubModels) -> None:
    async with gh.map(prompts(50), model=LOW, concurrency=5) as run:
        async for _ in run:
            break
    await tasks_end()
    assert len(gh._wiring.calls) == 0


async def test_break_without_async_with_ends_it_when_the_run_is_collected(gh: GitHubModels) -> None:
    async for _ in gh.map(prompts(50), model=LOW, concurrency=5):
        break
    gc.collect()
    await tasks_end()
    assert len(gh._wiring.calls) == 0


async def test_an_asynchronous_source_is_closed_with_the_run(gh: GitHubModels) -> None:
    closed = False

    async def source() -> AsyncIterator[str]:
        nonlocal closed
        try:
            while True:
                yield "hi"
        finally:
            closed = True

    async with gh.map(source(), model=LOW, concurrency=2) as run:
        await anext(run)
    assert closed


async def test_cancelling_the_consumer_loses_nothing(gh: GitHubModels) -> None:
    keys: list[int] = []
    run = gh.map(prompts(20), model=LOW, concurrency=4)

    async def consume() -> None:
        async for outcome in run:
            keys.append(outcome.key)

    while True:
        task = asyncio.create_task(consume())
        await asyncio.sleep(0.05)
        if task.done():
            break
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert sorted(keys) == list(range(20))


async def test_closing_from_another_task_ends_the_iteration(gh: GitHubModels) -> None:
    run = gh.map(prompts(1_000), model=LOW, concurrency=4)

    async def consume() -> int:
        return len([outcome async for outcome in run])

    task = asyncio.create_task(consume())
    await asyncio.sleep(2)
    await run.aclose()
    async with asyncio.timeout(1):
        assert await task < 1_000
    await run.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(run)


async def test_a_run_closed_before_it_began_pulls_and_sends_nothing(gh: GitHubModels, simulation: Simulation) -> None:
    pulled: list[int] = []
    run = gh.map(prompts(5, pulled=pulled), model=LOW)
    await run.aclose()
    assert [outcome async for outcome in run] == []
    assert pulled == [] and simulation.log.total == 0


async def test_a_source_may_close_its_own_run(gh: GitHubModels) -> None:
    async def source() -> AsyncIterator[str]:
        yield "one"
        await asyncio.sleep(20)
        await run.aclose()
        yield "not sent"

    run = gh.map(source(), model=LOW)
    async with asyncio.timeout(60):
        assert [outcome.key async for outcome in run] == [0]


@pytest.mark.parametrize("ordered", [False, True])
async def test_several_tasks_may_share_a_run(gh: GitHubModels, ordered: bool) -> None:
    run = gh.map(prompts(40), model=LOW, ordered=ordered)

    async def consume() -> list[int]:
        return [outcome.key async for outcome in run]

    async with asyncio.timeout(600):
        shares = await asyncio.gather(*(consume() for _ in range(4)))
    assert sorted(key for share in shares for key in share) == list(range(40))
