"""Several gates on one shared ledger, as several processes are, before an independent judge; on virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from gates import ACCOUNT_MINUTE, MINUTE, STREAM, account_minute, day, gate_of, minute, take, use
from quota_oracle import Judge, Network, Window, drive, heavy_tail, jitter
from virtual_time import run_virtual, virtual_clock

from ghmodels_async.clock import Clock
from ghmodels_async.limits import Gate, Outcome
from ghmodels_async.limits.ledger import Busy, MemoryLedger, Opened, Reserved, SlotWant, Want
from ghmodels_async.limits.ledger.book import Book


class Counted(MemoryLedger):
    """A shared ledger that counts what it is asked, and can be made to fail."""

    asked = 0
    locked_until = 0.0
    complete = True

    async def open(self) -> Opened:
        return replace(await super().open(), complete=self.complete)

    async def reserve(self, id: str, wants: Sequence[Want], slots: Sequence[SlotWant] = ()) -> Reserved | Busy:
        self.asked += 1
        if self._now() < self.locked_until:
            return Busy("ledger", self._now() + 1.0, firm=False, reason="locked")
        return await super().reserve(id, wants, slots)


def on(book: Book, clock: Clock) -> Counted:
    return Counted(clock, shared=True, book=book)


def gates_on_one_book(count: int, clock: Clock, *rates: Any, **more: Any) -> list[Gate]:
    book = Book()
    return [gate_of(clock, *rates, ledger=on(book, clock), **more) for _ in range(count)]


def quick(luck: random.Random) -> float:
    return luck.uniform(1, 4)


def slow(luck: random.Random) -> float:
    return luck.uniform(10, 20)


@pytest.mark.parametrize("kind", ["sliding", "fixed"])
@pytest.mark.parametrize("priority", ["default", "batch"])
def test_four_gates_spend_one_minute_limit_and_waste_nothing(kind: str, priority: str) -> None:
    async def run() -> Judge:
        clock = virtual_clock()
        judge = Judge([Window(MINUTE, 10, 60.0, kind, model="m")])
        network = Network(random.Random(7), heavy_tail, quick, jitter)
        until = clock.now() + 3 * 3600
        terms = {"model": "m", "until": until, "workers": 12, "priority": priority}
        gates = gates_on_one_book(4, clock, minute(10))
        await asyncio.gather(*(drive(gate, judge, network, clock, **terms) for gate in gates))
        return judge

    judge = run_virtual(run())
    assert judge.refusals == []
    assert judge.accepted >= 0.99 * 180 * 10


def test_an_account_wide_limit_is_shared_over_models_and_gates() -> None:
    async def run() -> Judge:
        clock = virtual_clock()
        judge = Judge([Window(ACCOUNT_MINUTE, 12, 60.0), *(Window(MINUTE, 10, 60.0, model=m) for m in "ab")])
        network = Network(random.Random(7), jitter, quick, jitter)
        gates = gates_on_one_book(2, clock, minute(10), account_minute(12))
        until = clock.now() + 3600
        calls = [(gate, model) for gate in gates for model in "ab"]
        await asyncio.gather(
            *(drive(gate, judge, network, clock, model=model, until=until, workers=8) for gate, model in calls)
        )
        return judge

    judge = run_virtual(run())
    assert judge.refusals == []
    assert judge.accepted >= 0.99 * 60 * 12
    assert {model for _, model, _ in judge.log} == {"a", "b"}


def test_four_gates_share_two_slots_and_keep_them_busy() -> None:
    async def run() -> tuple[Judge, float]:
        clock = virtual_clock()
        judge = Judge(concurrent=2)
        network = Network(random.Random(7), jitter, slow, jitter)
        terms = {"model": "m", "until": clock.now() + 1200, "workers": 4}
        gates = gates_on_one_book(4, clock, minute(1000), concurrent=2)
        await asyncio.gather(*(drive(gate, judge, network, clock, **terms) for gate in gates))
        return judge, 1200 / 15.3

    judge, possible = run_virtual(run())
    assert judge.refusals == []
    assert judge.most_in_flight == 2
    assert judge.accepted >= 0.95 * 2 * possible


async def test_order_is_kept_although_the_ledger_refuses(clock: Clock) -> None:
    one, other = gates_on_one_book(2, clock, minute(2))
    served: list[int] = []

    async def call(number: int) -> None:
        await use(one, clock)
        served.append(number)

    async def compete() -> None:
        while True:
            await use(other, clock)

    rival = asyncio.create_task(compete())
    await asyncio.sleep(0)
    await asyncio.gather(*(call(number) for number in range(12)))
    rival.cancel()
    assert served == list(range(12))


async def test_urgent_calls_go_first_in_front_of_a_shared_ledger(clock: Clock) -> None:
    one, other = gates_on_one_book(2, clock, minute(2))
    for _ in range(2):
        await use(other, clock)
    served: list[str] = []

    async def call(priority: Any) -> None:
        await use(one, clock, priority=priority)
        served.append(priority)

    await asyncio.gather(*(call(priority) for priority in ("default", "default", "interactive", "interactive")))
    assert served == ["interactive", "interactive", "default", "default"]


async def test_a_refused_gate_asks_again_when_told_and_not_before(clock: Clock) -> None:
    book = Book()
    mine, others = on(book, clock), on(book, clock)
    gate, rival = gate_of(clock, minute(2), ledger=mine), gate_of(clock, minute(2), ledger=others)
    for _ in range(2):
        await use(rival, clock)
    start = clock.now()
    await asyncio.gather(*(use(gate, clock) for _ in range(2)))

    assert 60.0 <= clock.now() - start <= 60.7
    assert mine.asked <= 5


async def test_a_locked_ledger_is_not_stormed(clock: Clock) -> None:
    ledger = on(Book(), clock)
    gate = gate_of(clock, minute(10), ledger=ledger)
    ledger.locked_until = clock.wall() + 10.0
    start = clock.now()
    await asyncio.gather(*(use(gate, clock) for _ in range(5)))

    assert 10.0 <= clock.now() - start <= 12.0
    assert ledger.asked <= 20, "once a second, then once per call"


async def test_a_deadline_holds_while_the_ledger_is_locked(clock: Clock) -> None:
    ledger = on(Book(), clock)
    gate = gate_of(clock, minute(10), ledger=ledger)
    ledger.locked_until = clock.wall() + 1e6
    start = clock.now()
    with pytest.raises(TimeoutError):
        await gate.acquire("m", deadline=clock.now() + 5.0)
    assert clock.now() - start <= 5.1


async def test_ones_own_slot_is_asked_for_at_once_and_others_within_a_poll(clock: Clock) -> None:
    one, other = gates_on_one_book(2, clock, minute(100), concurrent=2)
    mine, theirs = await take(one, clock), await take(other, clock)
    waiting = [asyncio.create_task(take(one, clock)) for _ in range(2)]
    await clock.sleep(1.01)
    assert not any(task.done() for task in waiting)

    mine.settle(Outcome.COMPLETED, at=clock.now())
    await clock.sleep(0.001)
    assert waiting[0].done()
    theirs.settle(Outcome.COMPLETED, at=clock.now())
    await clock.sleep(0.06)
    assert waiting[1].done()


async def test_a_cancelled_waiter_leaves_nothing_in_the_ledger(clock: Clock) -> None:
    one, other = gates_on_one_book(2, clock, minute(1))
    await use(one, clock)
    waiting = [asyncio.create_task(use(other, clock)) for _ in range(3)]
    await clock.sleep(5)
    for task in waiting[:2]:
        task.cancel()
    await clock.sleep(60)
    assert waiting[2].done()
    assert (await other.acquire("m", deadline=clock.now() + 61)).state


async def test_slots_of_a_gate_that_died_come_back_with_its_lease(clock: Clock) -> None:
    dead, alive = gates_on_one_book(2, clock, minute(100), concurrent=2)
    await take(dead, clock)
    await take(dead, clock)
    start = clock.now()
    await use(alive, clock)
    assert 29.9 <= clock.now() - start <= 30.1


async def test_late_evidence_reaches_the_others_while_the_stream_still_runs(clock: Clock) -> None:
    """A request that arrived five seconds late counts five seconds longer, for everybody, before it is over."""
    one, other = gates_on_one_book(2, clock, minute(1))
    permit = await one.acquire("m")
    permit.sent(clock.now())
    await clock.sleep(5.0)
    permit.answered(clock.now(), 200, STREAM)
    arrived = clock.now()
    await use(other, clock)
    assert clock.now() - arrived >= 60.0


async def test_a_ledger_that_lost_rows_starts_a_day_with_one_request(clock: Clock) -> None:
    ledger = Counted(clock)
    ledger.complete = False
    gate = gate_of(clock, minute(10), day(50), ledger=ledger)
    first = await gate.acquire("m")
    waiting = [asyncio.create_task(gate.acquire("m")) for _ in range(4)]
    await clock.sleep(3)
    assert not any(task.done() for task in waiting)
    first.sent(clock.now())
    first.answered(clock.now(), 200, STREAM)
    await clock.sleep(0.01)
    assert all(task.done() for task in waiting)


async def test_tokens_that_were_estimated_too_high_come_back_to_the_others(clock: Clock) -> None:
    one, other = gates_on_one_book(2, clock, minute(100, unit="tokens", type="TokensByMinute"))
    permit = await one.acquire("m", tokens_in=30, tokens_out=50)
    permit.sent(clock.now())
    permit.answered(clock.now(), 200, STREAM)
    waiting = asyncio.create_task(take(other, clock, tokens_in=40))
    await clock.sleep(5.0)
    assert not waiting.done()

    permit.settle(Outcome.COMPLETED, at=clock.now(), usage_tokens_in=30, usage_tokens_out=10)
    await clock.sleep(0.26)
    assert waiting.done()
