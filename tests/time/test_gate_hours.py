"""Ten hours per window kind, two days of the free tier, urgent calls beside a batch: the promises in numbers."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Callable

import pytest
from gates import account_minute, gate_of, minute
from quota_oracle import KINDS, Judge, Network, Window, drive, exchange, heavy_tail, jitter
from virtual_time import run_virtual, virtual_clock

from ghmodels_async import profiles
from ghmodels_async.clock import Clock
from ghmodels_async.limits import GateOptions, open_gate

HOURS = 10


def prompt_reply(luck: random.Random) -> float:
    return luck.uniform(1, 4)


def full_queue(
    kind: str,
    up: Callable[[random.Random], float],
    *,
    streamed: bool = True,
    hours: float = HOURS,
    amount: int = 10,
    options: GateOptions | None = None,
    priority: str = "default",
) -> Judge:
    """A queue that is never empty in front of one minute limit of the given kind."""

    async def run() -> Judge:
        clock = virtual_clock()
        gate = gate_of(clock, minute(amount), options=options)
        judge = Judge([Window("UserByModelByMinute", amount, 60.0, kind, model="m")])
        network = Network(random.Random(7), up, prompt_reply, jitter, streamed)
        await drive(
            gate, judge, network, clock, model="m", until=clock.now() + hours * 3600, workers=40, priority=priority
        )
        return judge

    return run_virtual(run())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("up", [jitter, heavy_tail])
def test_ten_hours_of_a_full_queue_meet_no_429_and_waste_nothing(
    kind: str, up: Callable[[random.Random], float]
) -> None:
    judge = full_queue(kind, up)
    assert judge.refusals == []
    assert judge.accepted >= 0.99 * HOURS * 60 * 10


@pytest.mark.parametrize("kind", ["sliding", "aligned"])
def test_paced_batch_is_as_fast_and_as_safe(kind: str) -> None:
    judge = full_queue(kind, heavy_tail, priority="batch")
    assert judge.refusals == []
    assert judge.accepted >= 0.99 * HOURS * 60 * 10


def test_whole_replies_are_safe_while_travel_stays_within_the_margin() -> None:
    judge = full_queue("sliding", jitter, streamed=False)
    assert judge.refusals == []
    assert judge.accepted >= 0.99 * HOURS * 60 * 10


def test_whole_replies_over_a_bad_uplink_teach_caution_after_the_first_surprise() -> None:
    judge = full_queue("sliding", heavy_tail, streamed=False)
    assert 1 <= len(judge.refusals) <= 6  # without it: fifty
    assert judge.accepted >= 0.95 * HOURS * 60 * 10


def test_a_late_arrival_of_one_model_explains_the_refusal_of_another(caplog: pytest.LogCaptureFixture) -> None:
    """Four models under the account's minute: the packet that was late need not be of the model that is refused."""

    async def run() -> Judge:
        clock = virtual_clock()
        gate = gate_of(clock, minute(15), account_minute(24))
        judge = Judge([Window("UserByMinute", 24, 60.0)])
        network = Network(random.Random(7), heavy_tail, prompt_reply, jitter, streamed=False)
        until = clock.now() + 4 * 3600
        models = ("a", "b", "c", "d")
        await asyncio.gather(
            *(drive(gate, judge, network, clock, model=model, until=until, workers=8) for model in models)
        )
        return judge

    judge = run_virtual(run())
    assert 1 <= len(judge.refusals) <= 5  # each model on its own: ten, some of them put down to another program
    assert judge.accepted >= 0.95 * 4 * 60 * 24
    assert "another program" not in caplog.text


def test_a_sliding_counter_is_found_out_and_paced() -> None:
    judge = full_queue("counter", jitter)
    assert all(t < 240 for t, _, _ in judge.refusals)
    assert judge.accepted >= 0.88 * HOURS * 60 * 10  # nine of ten per minute are all it ever lets in


def test_two_days_of_the_free_tier_use_every_daily_slot_without_a_429() -> None:
    async def run() -> tuple[Judge, float]:
        clock = virtual_clock()
        gate = open_gate(profile=profiles.load("github"), account="two days", plan="free", clock=clock, ledger="memory")
        model = "openai/gpt-4o-mini"
        judge = Judge(
            [
                Window("UserByModelByMinute", 15, 60.0, model=model),
                Window("UserByModelByDay", 150, 86_400.0, model=model),
                Window("UserByMinute", 24, 60.0),
            ],
            concurrent=5,
        )
        network = Network(random.Random(3), jitter, prompt_reply, jitter)
        began = clock.now()
        await drive(
            gate,
            judge,
            network,
            clock,
            model=model,
            until=began + 2 * 86_400 + 3600,
            workers=20,
            priority="batch",
            on_exhausted="wait",
        )
        return judge, began

    judge, began = run_virtual(run())
    assert judge.refusals == []
    days = [sum(began + 86_400 * n <= t < began + 86_400 * (n + 1) for t, _, _ in judge.log) for n in range(2)]
    assert days == [150, 150]
    assert judge.most_in_flight <= 5


def test_urgent_calls_beside_a_batch_wait_seconds_and_the_batch_keeps_its_share() -> None:
    async def run() -> tuple[list[float], int]:
        clock = virtual_clock()
        gate = gate_of(clock, minute(10))
        judge = Judge([Window("UserByModelByMinute", 10, 60.0, model="m")])
        network = Network(random.Random(5), jitter, prompt_reply, jitter)
        waits: list[float] = []
        batch = 0

        async def row() -> None:
            nonlocal batch
            permit = await gate.acquire("m", priority="batch", on_exhausted="wait")
            await exchange(permit, gate, judge, network, clock)
            batch += 1

        async def urgent() -> None:
            asked = clock.now()
            permit = await gate.acquire("m", priority="interactive")
            waits.append(clock.now() - asked)
            await exchange(permit, gate, judge, network, clock)

        rows = [asyncio.create_task(row()) for _ in range(400)]
        calls = []
        for _ in range(60):
            await clock.sleep(30)
            calls.append(asyncio.create_task(urgent()))
        served = batch
        await asyncio.gather(*calls)
        for task in rows:
            task.cancel()
        await asyncio.gather(*rows, return_exceptions=True)
        assert judge.refusals == []
        return waits, served

    waits, served = run_virtual(run())
    assert statistics.median(waits) <= 3.0
    assert max(waits) <= 10.0
    assert served >= 0.98 * 30 * 10 - len(waits)  # of thirty minutes of ten, all that nobody urgent wanted


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (GateOptions(), {"interactive": 0.7, "default": 0.2, "batch": 0.1}),
        (GateOptions(batch_share=0.4), {"interactive": 0.6, "batch": 0.4}),
    ],
    ids=["by default", "as wanted"],
)
def test_every_class_keeps_its_share_under_endless_pressure_from_above(
    options: GateOptions, expected: dict[str, float]
) -> None:
    async def run() -> dict[str, int]:
        clock = virtual_clock()
        gate = gate_of(clock, minute(10), options=options)
        judge = Judge([Window("UserByModelByMinute", 10, 60.0, model="m")])
        network = Network(random.Random(5), jitter, lambda luck: 0.5, jitter)
        counts = dict.fromkeys(expected, 0)

        async def work(priority: str) -> None:
            while True:
                permit = await gate.acquire("m", priority=priority, on_exhausted="wait")  # type: ignore[arg-type]
                counts[priority] += 1
                await exchange(permit, gate, judge, network, clock)

        tasks = [asyncio.create_task(work(priority)) for priority in counts for _ in range(30)]
        await clock.sleep(3 * 3600)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return counts

    counts = run_virtual(run())
    shares = {priority: count / sum(counts.values()) for priority, count in counts.items()}
    assert shares == pytest.approx(expected, abs=0.02)


def test_a_second_program_on_the_same_quota_is_noticed_and_shared_with() -> None:
    """Two gates that know nothing of each other: few 429s, most of the quota used, one warning that names the fix."""

    async def run() -> Judge:
        clock = virtual_clock()
        judge = Judge([Window("UserByModelByMinute", 10, 60.0, model="m")])
        network = Network(random.Random(11), jitter, prompt_reply, jitter)

        async def program() -> None:
            gate = gate_of(clock, minute(10))
            await drive(gate, judge, network, clock, model="m", until=clock.now() + 2 * 3600, workers=20)

        await asyncio.gather(program(), program())
        return judge

    judge = run_virtual(run())
    assert judge.accepted >= 0.75 * 2 * 60 * 10
    assert len(judge.refusals) <= 0.25 * len(judge.log)


def test_models_do_not_hold_each_other_up() -> None:
    async def run() -> list[float]:
        clock: Clock = virtual_clock()
        gate = gate_of(clock, minute(1))
        for _ in range(1):
            (await gate.acquire("slow")).sent(clock.now())
        stuck = [asyncio.create_task(gate.acquire("slow")) for _ in range(20)]
        await clock.sleep(1)
        waits = []
        for n in range(5):
            asked = clock.now()
            await gate.acquire(f"idle {n}")
            waits.append(clock.now() - asked)
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
        return waits

    assert run_virtual(run()) == [pytest.approx(0, abs=1e-3)] * 5
