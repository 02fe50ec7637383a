"""`Watch`: one timer for many waits, and a cancellation that is always taken back."""

from __future__ import annotations

import asyncio

import pytest

from ghmodels_async.clock import Clock
from ghmodels_async.stream.watch import Cut, Watch


async def wait(watch: Watch, seconds: float, due: float | None) -> Cut | None:
    """Wait the way the reader does; None: it was worth waiting."""
    watch.start(due)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        why = watch.taken_back()
        if why is None:
            raise
        return why
    finally:
        watch.stop()
    return None


async def test_a_wait_ends_exactly_when_it_said(clock: Clock) -> None:
    watch = Watch(clock)
    assert await wait(watch, 100, 10) == "expired"
    assert clock.now() == pytest.approx(10, abs=1e-4)
    assert not watch.waiting


async def test_a_later_deadline_moves_the_timer_and_an_earlier_one_replaces_it(clock: Clock) -> None:
    watch = Watch(clock)
    assert await wait(watch, 1, 10) is None
    assert await wait(watch, 100, 20) == "expired"
    assert clock.now() == pytest.approx(20, abs=1e-4)
    assert await wait(watch, 1, 1000) is None
    assert await wait(watch, 100, 30) == "expired"
    assert clock.now() == pytest.approx(30, abs=1e-4)


async def test_a_timer_that_rings_while_nobody_waits_is_quiet(clock: Clock) -> None:
    watch = Watch(clock)
    assert await wait(watch, 1, 10) is None
    await asyncio.sleep(50)
    assert await wait(watch, 1, None) is None
    assert await wait(watch, 50, 60) == "expired"


async def test_a_timer_of_an_earlier_wait_does_not_end_one_without_a_deadline(clock: Clock) -> None:
    watch = Watch(clock)
    assert await wait(watch, 1, 10) is None
    assert await wait(watch, 100, None) is None


async def test_cutting_ends_the_wait_in_progress_and_nothing_else(clock: Clock) -> None:
    watch = Watch(clock)
    watch.cut()
    waiter = asyncio.create_task(wait(watch, 100, None))
    await asyncio.sleep(1)
    watch.cut()
    watch.cut()
    assert await waiter == "closed"
    assert waiter.cancelling() == 0


async def test_a_foreign_cancellation_stays_one(clock: Clock) -> None:
    watch = Watch(clock)
    waiter = asyncio.create_task(wait(watch, 100, 50))
    await asyncio.sleep(1)
    waiter.cancel()
    await asyncio.wait([waiter])
    assert waiter.cancelled()
    watch.close()
    watch.close()


async def test_a_cancellation_from_before_the_wait_is_not_taken_back(clock: Clock) -> None:
    async def main() -> tuple[Cut | None, int]:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            pass
        return await wait(Watch(clock), 100, 5), task.cancelling()

    assert await asyncio.create_task(main()) == ("expired", 1)


async def test_a_second_wait_at_the_same_time_is_refused(clock: Clock) -> None:
    watch = Watch(clock)
    waiter = asyncio.create_task(wait(watch, 5, None))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="another task"):
        watch.start(None)
    assert await waiter is None
