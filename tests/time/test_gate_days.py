"""Days: rolling and by the calendar, across sleep, set clocks and daylight saving; parked models; leased blocks."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import pytest
from gates import DAY, day, minute, profile_of, use
from virtual_time import EPOCH, VirtualTimeLoop

from ghmodels_async.clock import Clock
from ghmodels_async.errors import QuotaExhaustedError
from ghmodels_async.limits import Gate, GateOptions, Outcome
from ghmodels_async.limits.gate import Gate as PlainGate
from ghmodels_async.limits.ledger import Ledger, MemoryLedger
from ghmodels_async.limits.ledger.book import Book
from ghmodels_async.limits.timeline import TimeLine
from ghmodels_async.profiles import Rate


class Host:
    """A host whose wall clock can be set and which can sleep. Its monotonic clock stands still meanwhile."""

    def __init__(self, loop: VirtualTimeLoop, *, wall: float = EPOCH, knows_sleep: bool = True) -> None:
        self._loop = loop
        self._knows_sleep = knows_sleep
        self.offset = wall
        self.asleep = 0.0
        self.clock = Clock(wall=self.wall)

    def wall(self) -> float:
        return self.offset + self.asleep + self._loop.time()

    def sleeping(self) -> float | None:
        return self.asleep if self._knows_sleep else None

    def gate(self, *rates: Rate, options: GateOptions | None = None, ledger: Ledger | None = None) -> Gate:
        return PlainGate(
            profile_of(*rates),
            plan="free",
            clock=self.clock,
            options=options or GateOptions(),
            ledger=ledger or MemoryLedger(self.clock),
            line=TimeLine(self.clock, sleep=self.sleeping),
        )


class Forgetful(MemoryLedger):
    """No ledger: only the gate's own logs count."""

    def covers(self, window: float) -> bool:
        return False


def host_at(wall: float = EPOCH, *, knows_sleep: bool = True) -> Host:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    return Host(loop, wall=wall - loop.time(), knows_sleep=knows_sleep)


def left(gate: Gate) -> int | None:
    return next(row.left for row in gate.explain("m") if row.limit == DAY)


@pytest.mark.parametrize("knows_sleep", [True, False])
async def test_a_laptop_that_slept_all_night_has_its_quota_back(knows_sleep: bool) -> None:
    host = host_at(knows_sleep=knows_sleep)
    gate = host.gate(day(3), minute(100))
    for _ in range(3):
        await use(gate, host.clock)
    parked = asyncio.create_task(gate.acquire("m", on_exhausted="wait"))
    await host.clock.sleep(600)
    host.asleep += 86_400
    began = host.clock.now()
    await parked
    assert host.clock.now() - began <= 61  # it looks once a minute


async def test_a_call_after_a_sleep_does_not_ask_the_clock_of_yesterday() -> None:
    host = host_at()
    gate = host.gate(day(3))
    for _ in range(3):
        await use(gate, host.clock)
    host.asleep += 86_500
    asked = host.clock.now()
    await gate.acquire("m", on_exhausted="wait")
    assert host.clock.now() - asked < 1


@pytest.mark.parametrize("step", [86_400.0 * 2, -86_400.0 * 2])
async def test_setting_the_wall_clock_neither_frees_nor_takes_quota(
    step: float, caplog: pytest.LogCaptureFixture
) -> None:
    host = host_at()
    gate = host.gate(day(3), ledger=Forgetful(host.clock))
    for _ in range(3):
        await use(gate, host.clock)
    parked = asyncio.create_task(gate.acquire("m", on_exhausted="wait"))
    await host.clock.sleep(600)
    host.offset += step
    with caplog.at_level(logging.WARNING):
        await host.clock.sleep(3600)
    assert not parked.done()
    assert "wall clock was set" in caplog.text
    await host.clock.sleep(86_400)
    assert parked.done()


async def test_what_is_written_down_is_dated_by_the_later_clock_until_the_step_is_known() -> None:
    host = host_at()
    line = TimeLine(host.clock, sleep=host.sleeping)
    line.bind(asyncio.get_running_loop())
    before = line.dated(line.now())
    host.offset -= 7200
    assert line.dated(line.now()) == pytest.approx(before, abs=1)
    assert line.check() == pytest.approx(-7200)
    assert line.dated(line.now()) == pytest.approx(before - 7200, abs=1)
    host.offset += 3600
    assert line.dated(line.now()) == pytest.approx(before - 3600, abs=1)


async def test_a_utc_day_starts_at_midnight_and_requests_near_it_count_on_both_sides() -> None:
    host = host_at(datetime(2026, 5, 1, 23, 50, tzinfo=UTC).timestamp())
    gate = host.gate(day(4, anchor="utc"))
    await use(gate, host.clock)
    await host.clock.sleep(599)  # one second to midnight
    await use(gate, host.clock)
    await host.clock.sleep(10)
    assert left(gate) == 3
    for _ in range(3):
        await use(gate, host.clock)
    asked = host.clock.wall()
    with pytest.raises(QuotaExhaustedError) as caught:
        await gate.acquire("m")
    assert caught.value.reset_at is not None
    assert caught.value.reset_at.timestamp() == pytest.approx(datetime(2026, 5, 3, tzinfo=UTC).timestamp(), abs=3)
    await gate.acquire("m", on_exhausted="wait")
    assert host.clock.wall() - asked == pytest.approx(86_400 - 8, abs=4)


@pytest.mark.parametrize(
    ("noon", "hours"),
    [
        (datetime(2026, 3, 6, 20, tzinfo=UTC), 24),
        (datetime(2026, 3, 7, 20, tzinfo=UTC), 23),  # the next day is the one when clocks go forward
        (datetime(2026, 10, 31, 20, tzinfo=UTC), 25),  # and back
    ],
)
async def test_a_west_coast_day_is_as_long_as_it_is_there(noon: datetime, hours: int) -> None:
    host = host_at(noon.timestamp())
    gate = host.gate(day(1, anchor="us-pacific"))
    midnights = []
    for _ in range(3):
        await use(gate, host.clock, on_exhausted="wait")
        midnights.append(host.clock.wall())
    assert datetime.fromtimestamp(midnights[1], UTC).hour in (7, 8)
    assert midnights[2] - midnights[1] == pytest.approx(hours * 3600, abs=1)


async def test_a_calendar_day_ends_when_it_has_ended_by_the_old_and_by_the_new_clock() -> None:
    host = host_at(datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp())
    gate = host.gate(day(1, anchor="utc"), ledger=Forgetful(host.clock))
    await use(gate, host.clock)
    parked = asyncio.create_task(gate.acquire("m", on_exhausted="wait"))
    await host.clock.sleep(600)
    host.offset += 13 * 3600  # if the new time is right, the request was sent at one in the morning
    await host.clock.sleep(12 * 3600)
    assert not parked.done()  # midnight by the old clock
    await host.clock.sleep(11 * 3600)
    assert parked.done()


async def test_a_parked_model_costs_one_look_a_minute() -> None:
    host = host_at()
    gate = host.gate(day(1))
    await use(gate, host.clock)
    looks = 0
    check = gate.desk.wake

    def counted() -> None:
        nonlocal looks
        looks += 1
        check()

    gate.desk.queue.woken = counted
    parked = [asyncio.create_task(gate.acquire("m", on_exhausted="wait")) for _ in range(100)]
    await host.clock.sleep(3600)
    assert 59 <= looks <= 62
    for task in parked:
        task.cancel()
    await asyncio.gather(*parked, return_exceptions=True)


async def test_what_a_day_has_spent_survives_the_gate() -> None:
    host, book = host_at(), Book()
    first = host.gate(day(5), ledger=MemoryLedger(host.clock, book=book))
    for _ in range(4):
        await use(first, host.clock)
    unsent = await first.acquire("m")
    unsent.settle(Outcome.NOT_SENT, at=host.clock.now())
    await first.aclose()
    second = host.gate(day(5), ledger=MemoryLedger(host.clock, book=book))
    await second.open()
    assert left(second) == 1
    await use(second, host.clock)
    with pytest.raises(QuotaExhaustedError):
        await second.acquire("m")


async def test_a_block_the_server_set_survives_the_gate() -> None:
    from gates import facts_of, refuse

    host, book = host_at(), Book()
    first = host.gate(day(50), ledger=MemoryLedger(host.clock, book=book))
    await refuse(first, host.clock, facts_of(DAY, 50, 86_400, 5000))
    await first.aclose()
    second = host.gate(day(50), ledger=MemoryLedger(host.clock, book=book))
    with pytest.raises(QuotaExhaustedError) as caught:
        await second.acquire("m")
    assert caught.value.reset_at is not None
    assert caught.value.reset_at.timestamp() == pytest.approx(host.wall() + 5001, abs=1)


async def test_two_private_gates_on_one_book_never_overspend_a_day() -> None:
    host, book = host_at(), Book()
    gates = [host.gate(day(10), ledger=MemoryLedger(host.clock, book=book)) for _ in range(2)]
    granted = 0

    async def work(gate: Gate) -> None:
        nonlocal granted
        while True:
            try:
                await use(gate, host.clock)
            except QuotaExhaustedError:
                return
            granted += 1

    await asyncio.gather(*(work(gate) for gate in gates))
    assert granted == 10


async def test_a_large_day_is_leased_in_blocks_and_the_rest_comes_back() -> None:
    host, book = host_at(), Book()
    asked = 0

    class Counting(MemoryLedger):
        async def reserve(self, *args: object, **more: object) -> object:  # type: ignore[override]
            nonlocal asked
            asked += 1
            return await super().reserve(*args, **more)  # type: ignore[arg-type]

    gate = host.gate(day(2000), ledger=Counting(host.clock, book=book))
    for _ in range(95):
        await use(gate, host.clock)
    returned = await gate.acquire("m")
    returned.settle(Outcome.NOT_SENT, at=host.clock.now())
    assert asked == 10
    await gate.aclose()
    again = host.gate(day(2000), ledger=MemoryLedger(host.clock, book=book))
    await again.open()
    assert left(again) == 2000 - 95


async def test_a_crash_forfeits_a_block_and_never_more_is_sent_than_the_day_holds() -> None:
    host, book = host_at(), Book()
    sent = 0
    for _ in range(3):  # each of these gates is dropped without being closed
        gate = host.gate(day(1000), ledger=MemoryLedger(host.clock, book=book))
        for _ in range(298):
            await use(gate, host.clock)
            sent += 1
    gate = host.gate(day(1000), ledger=MemoryLedger(host.clock, book=book))
    with pytest.raises(QuotaExhaustedError):
        while True:
            await use(gate, host.clock)
            sent += 1
    assert sent == 1000 - 3 * 2
