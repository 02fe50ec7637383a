"""How many requests `map` keeps under way where nobody says: enough for the quotas, no more than a reader can take."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from gates import day, gate_of, minute, take
from slow_service import SECONDS, SlowService

from ghmodels_async import Clock
from ghmodels_async.bulk import Run
from ghmodels_async.limits import Outcome


async def rate(amount: int | None, clock: Clock, *, warm: float, minutes: int) -> tuple[float, int]:
    """Requests per minute after `warm` seconds, and the most in flight, under a limit of `amount` a minute."""
    service = SlowService(clock)
    client = service.client(amount)
    end = clock.now() + warm + 60 * minutes
    async with client as gh, gh.map((f"row {n}" for n in range(10**6)), model="openai/gpt-4.1-mini") as run:
        async for outcome in run:
            assert outcome.ok, outcome.error
            if clock.now() > end:
                break
    return sum(end - 60 * minutes <= at < end for at in service.sent) / minutes, service.most


async def test_room_grows_until_the_quota_is_used(clock: Clock) -> None:
    """600 a minute of one minute each are 600 at once: more than the first room."""
    per_minute, most = await rate(600, clock, warm=180, minutes=1)
    assert per_minute >= 0.99 * 600
    assert most <= 1.02 * 600 * SECONDS / 60


async def test_where_no_limit_is_known_the_room_stays_as_it_is(clock: Clock) -> None:
    _, most = await rate(None, clock, warm=0, minutes=3)
    assert most == 256


async def test_a_slow_reader_does_not_get_more_than_he_can_take() -> None:
    under_way = finished = 0

    async def work(ordinal: int, item: int) -> SimpleNamespace:
        nonlocal under_way, finished
        under_way += 1
        await asyncio.sleep(1)
        finished += 1
        return SimpleNamespace(ordinal=ordinal)

    def numbers() -> Iterator[int]:
        yield from range(1_000)

    taken = 0
    async with Run(numbers(), work, concurrency=4, more=lambda: True) as run:
        async for _ in run:
            taken += 1
            assert under_way - taken <= 6
            if taken == 100:
                break
            await asyncio.sleep(1)


@pytest.mark.parametrize("ordered", [False, True])
async def test_room_doubles_in_the_time_of_one_item_while_it_is_too_small(ordered: bool) -> None:
    started: list[float] = []

    async def work(ordinal: int, item: int) -> SimpleNamespace:
        started.append(asyncio.get_running_loop().time())
        await asyncio.sleep(10 + ordinal % 4)
        return SimpleNamespace(ordinal=ordinal)

    async with Run(iter(range(10_000)), work, concurrency=4, ordered=ordered, more=lambda: len(started) < 64) as run:
        async for outcome in run:
            if outcome.ordinal > 64:
                break
    assert len(started) >= 64


async def test_quota_is_idle_only_where_requests_could_go_and_nobody_wants_to(clock: Clock) -> None:
    gate = gate_of(clock, minute(10), concurrent=3)
    assert not gate.idle("m")  # before any loop is known
    await gate.open()
    assert gate.idle("m")
    permits = [await take(gate, clock) for _ in range(3)]
    assert not gate.idle("m")  # no slot
    for permit in permits:
        permit.settle(Outcome.COMPLETED, at=clock.now())
    assert gate.idle("m")
    for _ in range(7):
        (await take(gate, clock)).settle(Outcome.COMPLETED, at=clock.now())
    assert not gate.idle("m")  # no place in the minute
    unlimited = gate_of(clock)
    await unlimited.open()
    assert not unlimited.idle("m")
    spent = gate_of(clock, minute(10), day(1))
    await take(spent, clock)
    assert not spent.idle("m")
