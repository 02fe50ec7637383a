"""The one timer of connect and head: it fires when it said, and only it turns a cancellation into a timeout."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from ghmodels_async.clock import Clock
from ghmodels_async.errors import RequestTimeoutError
from ghmodels_async.transport import PhaseTimeouts
from ghmodels_async.transport.phases import Lanes, Phases, Wait


@dataclass
class Outcome:
    """What one request with these phases saw."""

    sent: list[float] = field(default_factory=list)
    took: float = 0.0
    error: RequestTimeoutError | None = None


async def request(
    clock: Clock,
    connect: float | None,
    head: float | None,
    *,
    connecting: float,
    answering: float,
    lanes: Lanes | None = None,
) -> Outcome:
    outcome, began = Outcome(), clock.now()
    phases = Phases(lanes or Lanes(clock), PhaseTimeouts(connect, head), outcome.sent.append)
    try:
        await clock.sleep(connecting)
        phases.sent()
        phases.sent()
        await clock.sleep(answering)
    except asyncio.CancelledError:
        if not phases.timed_out():
            raise
        outcome.error = phases.error("endpoint: x")
    finally:
        phases.end()
    outcome.took = clock.now() - began
    return outcome


@pytest.mark.parametrize(
    ("connect", "head"), [(10.0, 60.0), (60.0, 10.0), (None, None), (5.0, None), (None, 5.0), (0.2, 5.0)]
)
async def test_a_request_within_its_phases_is_left_alone(
    clock: Clock, connect: float | None, head: float | None
) -> None:
    outcome = await request(clock, connect, head, connecting=0.1, answering=4.0)
    assert outcome.error is None
    assert len(outcome.sent) == 1
    await clock.sleep(100)  # no timer is left to cancel this task


async def test_a_connection_that_takes_too_long_ends_on_time(clock: Clock) -> None:
    outcome = await request(clock, 10.0, 60.0, connecting=30.0, answering=0.0)
    assert outcome.error is not None
    assert (outcome.error.phase, outcome.error.sent, outcome.sent) == ("connect", False, [])
    assert outcome.error.elapsed == pytest.approx(10.0, abs=0.001)
    assert outcome.took == pytest.approx(10.0, abs=0.001)


@pytest.mark.parametrize("connect", [1.0, 10.0, 500.0, None])
async def test_a_head_that_takes_too_long_ends_on_time_counted_from_sending(
    clock: Clock, connect: float | None
) -> None:
    outcome = await request(clock, connect, 60.0, connecting=0.5, answering=1_000.0)
    assert outcome.error is not None
    assert (outcome.error.phase, outcome.error.sent) == ("head", True)
    assert outcome.error.elapsed == pytest.approx(60.0, abs=0.001)
    assert outcome.took == pytest.approx(60.5, abs=0.001)


async def test_a_head_without_a_limit_outlives_the_connects(clock: Clock) -> None:
    assert (await request(clock, 1.0, None, connecting=0.5, answering=5_000.0)).error is None


async def test_seconds_are_nominal(clock: Clock) -> None:
    fast = Clock(60.0, wall=clock.wall)
    began = asyncio.get_running_loop().time()
    outcome = await request(fast, 10.0, 60.0, connecting=1.0, answering=1_000.0)
    assert outcome.error is not None
    assert outcome.error.elapsed == pytest.approx(60.0, abs=0.01)
    assert asyncio.get_running_loop().time() - began == pytest.approx(61.0 / 60.0, abs=0.001)


async def test_a_cancellation_from_outside_stays_one(clock: Clock) -> None:
    task = asyncio.ensure_future(request(clock, 10.0, 60.0, connecting=5.0, answering=5.0))
    await clock.sleep(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_in_the_same_instant_wins_over_the_timeout(clock: Clock) -> None:
    both: list[Phases] = []

    async def wait() -> None:
        phases = Phases(Lanes(clock), PhaseTimeouts(10.0, 60.0), None)
        both.append(phases)
        try:
            await clock.sleep(50.0)
        except asyncio.CancelledError:
            assert not phases.timed_out()
            raise

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    clock.call_at(both[0].began + 10.0, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelling() == 1, "the timer's own cancellation was taken back"


async def test_an_outer_timeout_is_not_mistaken_for_ours(clock: Clock) -> None:
    with pytest.raises(TimeoutError) as caught:
        async with clock.timeout(3.0):
            await request(clock, 10.0, 60.0, connecting=50.0, answering=5.0)
    assert not isinstance(caught.value, RequestTimeoutError)


async def test_our_timeout_inside_an_outer_one_leaves_that_one_intact(clock: Clock) -> None:
    with pytest.raises(TimeoutError):
        async with clock.timeout(20.0):
            outcome = await request(clock, 10.0, 60.0, connecting=50.0, answering=5.0)
            assert outcome.error is not None
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            await clock.sleep(100.0)


async def test_requests_on_shared_lanes_end_each_on_its_own_time(clock: Clock) -> None:
    lanes = Lanes(clock)

    async def later(start: float, connecting: float, answering: float) -> tuple[str | None, float]:
        await clock.sleep(start)
        outcome = await request(clock, 10.0, 10.0, connecting=connecting, answering=answering, lanes=lanes)
        return (outcome.error.phase if outcome.error else None), round(outcome.took, 2)

    rows = [(0.0, 1.0, 1.0), (1.0, 99.0, 1.0), (2.0, 3.0, 99.0), (3.0, 1.0, 2.0), (3.5, 99.0, 1.0), (40.0, 99.0, 1.0)]
    assert await asyncio.gather(*(later(*row) for row in rows)) == [
        (None, 2.0), ("connect", 10.0), ("head", 13.0), (None, 3.0), ("connect", 10.0), ("connect", 10.0),
    ]  # fmt: skip


async def test_many_requests_need_one_timer_for_each_limit(clock: Clock) -> None:
    lanes = Lanes(clock)
    loop = asyncio.get_running_loop()
    before = len(loop._scheduled)  # type: ignore[attr-defined]
    waiting = [Phases(lanes, PhaseTimeouts(10.0, 60.0), None) for _ in range(1_000)]
    for phases in waiting[:500]:
        phases.sent()
    assert len(loop._scheduled) - before == 2  # type: ignore[attr-defined]
    for phases in waiting:
        phases.end()
        phases.end()
    await clock.sleep(100.0)  # nobody is cancelled, the timers run out
    assert len(loop._scheduled) == before  # type: ignore[attr-defined]


async def test_a_cleared_lane_times_nobody_out(clock: Clock) -> None:
    lanes = Lanes(clock)
    phases = Phases(lanes, PhaseTimeouts(10.0, 60.0), None)
    lanes.clear()
    await clock.sleep(100.0)
    phases.end()
    assert not phases.timed_out()


async def test_bytes_that_leave_as_the_time_runs_out_are_reported_all_the_same(clock: Clock) -> None:
    sent: list[float] = []
    phases = Phases(Lanes(clock), PhaseTimeouts(10.0, 60.0), sent.append)
    with pytest.raises(asyncio.CancelledError):
        await clock.sleep(50.0)
    phases.sent()
    assert len(sent) == 1
    assert phases.timed_out()
    error = phases.error("endpoint: x")
    assert (error.phase, error.sent) == ("head", True)


async def test_a_wait_begun_anew_counts_from_then_on(clock: Clock) -> None:
    wait, began = Wait(Lanes(clock)), clock.now()
    with pytest.raises(asyncio.CancelledError):
        for _ in range(3):
            wait.begin(10.0, clock.now())
            await clock.sleep(6.0)
        wait.begin(10.0, clock.now())
        await clock.sleep(60.0)
    assert clock.now() - began == pytest.approx(28.0, abs=0.001)
    assert wait.timed_out()
    wait.end()
    await clock.sleep(100.0)  # no lane has it any more


async def test_a_wait_that_somebody_else_cancels_is_no_timeout(clock: Clock) -> None:
    async def watched() -> bool:
        wait = Wait(Lanes(clock))
        wait.begin(10.0, clock.now())
        try:
            await clock.sleep(60.0)
        except asyncio.CancelledError:
            return wait.timed_out()
        finally:
            wait.end()
        return False

    task = asyncio.ensure_future(watched())
    await clock.sleep(5.0)
    task.cancel()
    assert await task is False
