"""Sessions and the loop they live in: one at a time, closed with it, forgotten by a forked child."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator

import pytest

from ghmodels_async.transport.loops import LoopSessions


class Thing:
    def __init__(self) -> None:
        self.closed = 0

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1


def new() -> LoopSessions[Thing]:
    return LoopSessions(Thing.close)


async def use(sessions: LoopSessions[Thing], key: object = "x") -> Thing:
    if sessions.loop is not asyncio.get_running_loop():
        await sessions.adopt()
    return sessions.sessions.setdefault(key, Thing())


async def test_closing_closes_everything_once() -> None:
    sessions, forgotten = new(), []
    sessions.on_change(lambda: forgotten.append(1))
    thing = await use(sessions)
    await sessions.aclose()
    await sessions.aclose()
    assert (thing.closed, sessions.sessions, sessions.loop) == (1, {}, None)
    assert forgotten


async def test_closing_goes_on_when_its_caller_is_cancelled() -> None:
    sessions = new()
    things = [await use(sessions, key) for key in range(3)]
    closing = asyncio.ensure_future(sessions.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await asyncio.sleep(0.01)
    assert [thing.closed for thing in things] == [1, 1, 1]


async def test_it_may_be_used_again_after_closing() -> None:
    sessions = new()
    first = await use(sessions)
    await sessions.aclose()
    second = await use(sessions)
    assert first is not second
    await sessions.aclose()
    assert second.closed == 1


def test_successive_runs_get_new_sessions_and_close_the_old_ones() -> None:
    sessions = new()
    first = asyncio.run(use(sessions))
    assert first.closed == 1, "the end of the loop closes what is in it"
    second = asyncio.run(use(sessions))
    assert second is not first
    assert second.closed == 1
    assert sessions.loop is None


def test_a_second_live_loop_is_an_error_in_words() -> None:
    sessions = new()
    one, two = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        thing = one.run_until_complete(use(sessions))
        with pytest.raises(RuntimeError, match="another event loop that is still open"):
            two.run_until_complete(use(sessions))
        assert thing.closed == 0
        one.run_until_complete(sessions.aclose())
    finally:
        one.close()
        two.close()


def test_a_loop_closed_without_farewell_is_taken_over() -> None:
    sessions = new()
    one = asyncio.new_event_loop()
    thing = one.run_until_complete(use(sessions))
    one.close()
    asyncio.run(use(sessions))
    assert thing.closed == 1


async def test_tasks_that_come_first_together_share_one_adoption() -> None:
    sessions = new()
    things = await asyncio.gather(*(use(sessions) for _ in range(10)))
    assert len(set(map(id, things))) == 1
    await sessions.aclose()


def test_tasks_that_take_over_a_closed_loop_together_share_one_adoption() -> None:
    sessions = new()
    one = asyncio.new_event_loop()
    left = one.run_until_complete(use(sessions))
    one.close()

    async def together() -> list[Thing]:
        things = await asyncio.gather(*(use(sessions) for _ in range(5)))
        gc.collect()
        await asyncio.sleep(0.01)
        assert [thing.closed for thing in things] == [0] * 5, "nobody closes what the others use"
        return things

    things = asyncio.run(together())
    assert len(set(map(id, things))) == 1
    assert (left.closed, things[0].closed) == (1, 1)


async def test_dropping_it_in_a_running_loop_closes_quietly() -> None:
    sessions = new()
    thing = await use(sessions)
    del sessions
    gc.collect()
    await asyncio.sleep(0.01)
    assert thing.closed == 1


def test_dropping_it_after_its_loop_was_closed_is_said_once() -> None:
    sessions = new()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(use(sessions))
    loop.close()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del sessions
        gc.collect()
    assert [str(w.message) for w in caught if "left open" in str(w.message)] == [
        "Connections were left open: use `async with` or aclose()"
    ]


async def test_a_child_of_a_fork_forgets_without_closing() -> None:
    sessions = new()
    thing = await use(sessions)
    sentinel = sessions._sentinel
    sessions._after_fork()
    assert (thing.closed, sessions.sessions, sessions.loop) == (0, {}, None)
    other = await use(sessions)
    assert other is not thing
    await sessions.aclose()
    assert (thing.closed, other.closed) == (0, 1)
    assert sentinel is not None
    await sentinel.aclose()


async def test_a_generator_using_it_while_the_loop_ends_still_closes() -> None:
    sessions = new()

    async def numbers() -> AsyncIterator[int]:
        await use(sessions)
        yield 1
        yield 2

    async for _ in numbers():
        break
    await sessions.aclose()
    assert sessions.sessions == {}
