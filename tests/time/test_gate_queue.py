"""Waiting: exact estimates, deadlines, order, classes, slots, tokens, full queues, and leaving at any point."""

from __future__ import annotations

import asyncio
import random

import pytest
from gates import MINUTE, STREAM, account_minute, day, gate_of, minute, take, use

from ghmodels_async.clock import Clock
from ghmodels_async.errors import (
    PlanError,
    QueueFullError,
    QuotaExhaustedError,
    RequestTimeoutError,
    RequestTooLargeError,
    WouldExceedDeadlineError,
)
from ghmodels_async.limits import Gate, GateOptions, Outcome, Permit, open_gate
from ghmodels_async.profiles import Profile, Quota, Rate, load


def used(gate: Gate, limit: str = MINUTE) -> int:
    return next(row.used for row in gate.explain() if row.limit == limit)


async def test_a_wait_ends_exactly_when_it_said(clock: Clock) -> None:
    gate = gate_of(clock, minute(3), day(8))
    errors = []

    async def ask() -> None:
        said, asked = gate.eta("m"), clock.now()
        await take(gate, clock, on_exhausted="wait")
        errors.append(abs(clock.now() - asked - said))

    await gate.open()
    tasks = []
    for _ in range(20):
        tasks.append(asyncio.create_task(ask()))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert max(errors) < 0.001


async def test_the_estimate_for_a_batch_includes_its_pacing(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    tasks = [asyncio.create_task(take(gate, clock, priority="batch")) for _ in range(5)]
    await clock.sleep(0.01)
    assert gate.eta("m") == pytest.approx(0, abs=0.01)
    asked, said = clock.now(), gate.eta("m", "batch")
    assert said > 4 * 6.0
    await take(gate, clock, priority="batch")
    assert clock.now() - asked == pytest.approx(said, abs=0.05)
    await asyncio.gather(*tasks)


async def test_a_deadline_that_cannot_be_met_is_refused_before_waiting(clock: Clock) -> None:
    gate = gate_of(clock, minute(1))
    await use(gate, clock)
    asked = clock.now()
    with pytest.raises(WouldExceedDeadlineError) as caught:
        await gate.acquire("m", deadline=clock.now() + 5)
    assert clock.now() - asked < 0.01
    assert caught.value.limit == MINUTE
    assert caught.value.eta == pytest.approx(60.02, abs=0.01)
    assert caught.value.retry_at == pytest.approx(clock.wall() + 60.02, abs=0.01)
    assert await gate.acquire("m", deadline=clock.now() + 61)


async def test_a_deadline_that_passes_in_the_queue_ends_the_wait_then(clock: Clock) -> None:
    gate = gate_of(clock, minute(100), concurrent=1)
    await take(gate, clock)
    asked = clock.now()
    with pytest.raises(RequestTimeoutError) as caught:
        await gate.acquire("m", deadline=clock.now() + 30)
    assert caught.value.phase == "queue" and caught.value.sent is False
    assert clock.now() - asked == pytest.approx(30, abs=0.01)


async def test_calls_of_one_class_go_in_the_order_they_came(clock: Clock) -> None:
    gate = gate_of(clock, minute(2))
    order: list[int] = []

    async def ask(number: int) -> None:
        await take(gate, clock)
        order.append(number)

    await asyncio.gather(*(ask(number) for number in range(11)))
    assert order == list(range(11))


async def test_classes_go_in_order_and_lower_ones_keep_a_share(clock: Clock) -> None:
    gate = gate_of(clock, minute(1), options=GateOptions(batch_share=0.25, default_share=0.0))
    await use(gate, clock)
    order: list[str] = []

    async def ask(priority: str) -> None:
        await take(gate, clock, priority=priority)
        order.append(priority[0])

    await asyncio.gather(*(ask(priority) for priority in ["batch"] * 2 + ["default"] * 3 + ["interactive"] * 4))
    assert order[:3] == ["i", "i", "i"]
    assert order.index("b") in (3, 4)
    assert "".join(order).replace("b", "") == "iiiiddd"


async def test_slots_are_held_to_the_end_and_linger_when_we_leave_first(clock: Clock) -> None:
    gate = gate_of(clock, minute(100), concurrent=1)
    first = await take(gate, clock)
    second = asyncio.create_task(gate.acquire("m"))
    await clock.sleep(10)
    assert not second.done()
    first.settle(Outcome.COMPLETED, at=clock.now())
    permit = await second
    permit.sent(clock.now())
    permit.answered(clock.now(), 200, STREAM)
    left = clock.now()
    permit.settle(Outcome.ABANDONED, at=clock.now())
    await gate.acquire("m")
    assert clock.now() - left == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(
    ("outcome", "sent", "spent"),
    [
        (Outcome.COMPLETED, True, 1),
        (Outcome.FAILED, True, 1),
        (Outcome.REJECTED, True, 1),
        (Outcome.UNKNOWN, True, 1),
        (Outcome.ABANDONED, True, 1),
        (Outcome.NOT_SENT, True, 1),  # it was: nothing is given back
        (Outcome.NOT_SENT, False, 0),
        (Outcome.UNKNOWN, False, 0),
        (Outcome.ABANDONED, False, 0),
        (Outcome.COMPLETED, False, 1),  # an answer proves that it was sent
    ],
)
async def test_every_outcome_costs_what_the_table_says(clock: Clock, outcome: Outcome, sent: bool, spent: int) -> None:
    gate = gate_of(clock, minute(10), concurrent=2)
    permit = await gate.acquire("m")
    if sent:
        permit.sent(clock.now())
    permit.settle(outcome, at=clock.now())
    permit.settle(Outcome.NOT_SENT, at=clock.now())
    await clock.sleep(3)
    assert used(gate) == spent
    assert used(gate, "concurrent") == 0


async def test_a_request_whose_fate_is_unknown_may_have_arrived_until_its_end(clock: Clock) -> None:
    gate = gate_of(clock, minute(1))
    permit = await gate.acquire("m")
    permit.sent(clock.now())
    await clock.sleep(10)
    permit.settle(Outcome.UNKNOWN, at=clock.now())
    assert gate.eta("m") == pytest.approx(60.02, abs=0.01)


async def test_a_granted_request_counts_until_it_is_sent_however_long_that_takes(clock: Clock) -> None:
    gate = gate_of(clock, minute(1))
    permit = await gate.acquire("m")
    waiting = asyncio.create_task(gate.acquire("m"))
    await clock.sleep(300)
    assert not waiting.done()
    permit.sent(clock.now())
    permit.answered(clock.now(), 200, STREAM)
    sent = clock.now()
    await waiting
    assert clock.now() - sent == pytest.approx(60.02, abs=0.01)


async def test_tokens_are_reserved_by_estimate_and_settled_by_usage(clock: Clock) -> None:
    tokens = Rate(amount=1000, unit="tokens", window=60.0, type="UserByModelByMinuteTokens")
    gate = gate_of(clock, minute(100), tokens)
    first = await gate.acquire("m", tokens_in=300, tokens_out=600)
    first.sent(clock.now())
    first.answered(clock.now(), 200, STREAM)
    heavy = asyncio.create_task(gate.acquire("m", tokens_in=400, tokens_out=100))
    light = asyncio.create_task(gate.acquire("m", tokens_in=10, tokens_out=10))
    await clock.sleep(1)
    assert not heavy.done() and not light.done()  # nobody passes the heavy one
    first.settle(Outcome.COMPLETED, at=clock.now(), usage_tokens_in=300, usage_tokens_out=100)
    await asyncio.gather(heavy, light)
    assert used(gate, "UserByModelByMinuteTokens") == 920


async def test_a_request_heavier_than_the_whole_limit_goes_alone(clock: Clock) -> None:
    tokens = Rate(amount=1000, unit="tokens", window=60.0, type="UserByModelByMinuteTokens")
    gate = gate_of(clock, tokens)
    small = await take(gate, clock, tokens_in=10)
    asked = clock.now()
    await take(gate, clock, tokens_in=5000)
    assert clock.now() - asked == pytest.approx(60, abs=0.1)
    small.settle(Outcome.COMPLETED, at=clock.now())


async def test_a_full_queue_says_so(clock: Clock) -> None:
    gate = gate_of(clock, minute(1), options=GateOptions(queue_limit=2))
    await use(gate, clock)
    waiting = [asyncio.create_task(gate.acquire("m")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError) as caught:
        await gate.acquire("m")
    assert caught.value.queued == 2 and caught.value.retry_after == pytest.approx(180, abs=2)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_more_than_a_day_holds_is_refused_at_once_or_parked(clock: Clock) -> None:
    gate = gate_of(clock, minute(100), day(3))
    for _ in range(3):
        await use(gate, clock)
    with pytest.raises(QuotaExhaustedError) as caught:
        await gate.acquire("m")
    assert caught.value.reset_at is not None
    assert caught.value.reset_at.timestamp() == pytest.approx(clock.wall() + 86_402.3, abs=1)
    asked = clock.now()
    await gate.acquire("m", on_exhausted="wait")
    assert clock.now() - asked == pytest.approx(86_402.3, abs=1)


async def test_account_wide_quota_is_shared_in_turns_between_models(clock: Clock) -> None:
    gate = gate_of(clock, minute(100), account_minute(4))
    grants: list[str] = []

    async def ask(model: str) -> None:
        await take(gate, clock, model)
        grants.append(model)

    await asyncio.gather(*(ask("a") for _ in range(20)), *(ask("b") for _ in range(20)))
    later = grants[8:24]
    assert abs(later.count("a") - later.count("b")) <= 2


async def test_a_model_that_is_not_on_the_plan_is_refused_before_anything_is_spent(clock: Clock) -> None:
    gate = open_gate(profile=load("github"), account="plan", plan="free", clock=clock, ledger="memory")
    with pytest.raises(PlanError) as caught:
        await gate.acquire("openai/o1-preview")
    assert caught.value.plans == ("pro", "business", "enterprise")


async def test_sizes_are_checked_before_anything_is_spent(clock: Clock) -> None:
    gate = gate_of(clock, minute(10), tokens_in=4000, tokens_out=100)
    await gate.open()
    with pytest.raises(RequestTooLargeError):
        gate.check_size("m", 4001, 0)
    with pytest.raises(RequestTooLargeError):
        gate.check_size("m", 1, 101)
    gate.check_size("m", 4000, 100)


async def test_names_of_one_model_share_its_limits(clock: Clock) -> None:
    gate = open_gate(profile=load("github"), account="names", plan="free", clock=clock, ledger="memory")
    await use(gate, clock, "gpt-4o")
    await use(gate, clock, "openai/gpt-4o")
    assert used(gate) == 2


async def test_cancelling_at_every_step_loses_nothing(clock: Clock) -> None:
    """Tasks are cancelled after every possible number of loop iterations; afterwards a full burst must be there."""
    for steps in range(12):
        gate = gate_of(clock, minute(4), concurrent=4)
        first = [await gate.acquire("m") for _ in range(4)]
        tasks = [asyncio.create_task(take(gate, clock)) for _ in range(6)]
        await clock.sleep(1)
        for permit in first[:3]:
            permit.settle(Outcome.NOT_SENT, at=clock.now())
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        for permit in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(permit, Permit):
                permit.settle(Outcome.COMPLETED, at=clock.now())
        first[3].settle(Outcome.NOT_SENT, at=clock.now())
        await clock.sleep(61)
        asked = clock.now()
        await asyncio.gather(*(gate.acquire("m") for _ in range(4)))
        assert clock.now() - asked < 0.01, steps
        assert used(gate, "concurrent") == 4


async def test_cancelling_at_random_loses_nothing_and_cancellation_is_always_seen(clock: Clock) -> None:
    luck = random.Random(4)
    gate = gate_of(clock, minute(5), concurrent=3)

    async def ask(priority: str) -> None:
        permit = await gate.acquire("m", priority=priority)  # type: ignore[arg-type]
        try:
            await clock.sleep(luck.uniform(0, 0.2))
            permit.sent(clock.now())
            await clock.sleep(luck.uniform(0, 1))
            permit.answered(clock.now(), 200, STREAM)
            permit.settle(Outcome.COMPLETED, at=clock.now())
        finally:
            permit.settle(Outcome.UNKNOWN, at=clock.now())

    tasks = [asyncio.create_task(ask(luck.choice(["interactive", "default", "batch"]))) for _ in range(300)]
    for task in luck.sample(tasks, 250):
        if luck.random() < 0.3:
            await clock.sleep(luck.uniform(0, 5))
        if task.cancel():
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert task.done()
    await asyncio.gather(*tasks, return_exceptions=True)
    await clock.sleep(65)
    assert used(gate) == 0 and used(gate, "concurrent") == 0
    asked = clock.now()
    await asyncio.gather(*(gate.acquire("m") for _ in range(3)))
    assert clock.now() - asked < 0.01


async def test_a_waiter_cancelled_in_the_tick_of_its_grant_gives_the_permit_to_the_next(clock: Clock) -> None:
    gate = gate_of(clock, minute(100), concurrent=1)
    holder = await take(gate, clock)
    first, second = (asyncio.create_task(gate.acquire("m")) for _ in range(2))
    await asyncio.sleep(0)
    holder.settle(Outcome.COMPLETED, at=clock.now())
    first.cancel()
    permit = await second
    with pytest.raises(asyncio.CancelledError):
        await first
    assert permit.model == "m"


async def test_a_waiter_cancelled_in_the_tick_before_its_grant_is_passed_over(clock: Clock) -> None:
    """Its future is cancelled at once, but its task has not run yet and still stands in the queue."""
    gate = gate_of(clock, minute(100), concurrent=1)
    holder = await take(gate, clock)
    first, second = (asyncio.create_task(gate.acquire("m")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    holder.settle(Outcome.COMPLETED, at=clock.now())
    permit = await second
    with pytest.raises(asyncio.CancelledError):
        await first
    permit.settle(Outcome.NOT_SENT, at=clock.now())
    assert next(row.used for row in gate.explain("m") if row.limit == "concurrent") == 0


async def test_a_ticket_of_a_cancelled_batch_row_is_used_by_the_next(clock: Clock) -> None:
    gate = gate_of(clock, minute(10), concurrent=1)
    holder = await take(gate, clock)
    rows = [asyncio.create_task(gate.acquire("m", priority="batch")) for _ in range(2)]
    await clock.sleep(30)
    rows[0].cancel()
    await asyncio.gather(rows[0], return_exceptions=True)
    asked = clock.now()
    holder.settle(Outcome.COMPLETED, at=clock.now())
    await rows[1]
    assert clock.now() - asked < 0.01


async def test_headroom_is_never_given_to_batch(clock: Clock) -> None:
    gate = gate_of(clock, minute(10), options=GateOptions(headroom=2))
    rows = [asyncio.create_task(take(gate, clock, priority="batch")) for _ in range(40)]
    await clock.sleep(300)
    asked = clock.now()
    await take(gate, clock, priority="interactive")
    await take(gate, clock, priority="interactive")
    assert clock.now() - asked < 0.01
    for row in rows:
        row.cancel()
    await asyncio.gather(*rows, return_exceptions=True)


async def test_the_forecast_and_the_lower_bound_follow_the_quota(clock: Clock) -> None:
    gate = gate_of(clock, minute(15), day(300))
    await gate.open()
    assert gate.lower_bound(164, "m") == 600
    assert gate.lower_bound(301, "m") == 86_400
    assert gate.lower_bound(0, "m") == 0
    assert gate.forecast({"m": 31}) == pytest.approx(30 * 60.3 / 15, rel=0.02)


async def test_a_profile_without_any_limit_lets_everything_through(clock: Clock) -> None:
    bare = Profile(name="x", title="x", default_row="r", rows={"r": {"free": Quota(row="r", plan="free")}})
    gate = open_gate(profile=bare, account="bare", clock=clock, ledger="memory")
    permits = await asyncio.gather(*(gate.acquire("m", priority="batch") for _ in range(100)))
    assert len(permits) == 100


async def test_a_token_limit_decides_an_estimate_and_names_itself(clock: Clock) -> None:
    tokens = Rate(amount=1000, unit="tokens", window=60.0, type="UserByModelByMinuteTokens")
    gate = gate_of(clock, minute(100), tokens)
    await take(gate, clock, tokens_in=1000)
    waiting = [asyncio.create_task(gate.acquire("m", tokens_in=500)) for _ in range(4)]
    await asyncio.sleep(0)
    assert gate.eta("m") == pytest.approx(3 * 60.02, abs=0.1)
    with pytest.raises(WouldExceedDeadlineError) as caught:
        await gate.acquire("m", tokens_in=500, deadline=clock.now() + 100)
    assert caught.value.limit == "UserByModelByMinuteTokens"
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert gate.eta("m") == pytest.approx(60.02, abs=0.1)


async def test_slots_decide_an_estimate_by_their_mean_service_time(clock: Clock) -> None:
    gate = gate_of(clock, minute(1000), concurrent=1)
    first = await take(gate, clock)
    await clock.sleep(20)
    first.settle(Outcome.COMPLETED, at=clock.now())
    await take(gate, clock)
    assert gate.eta("m") == pytest.approx(10.0)
    with pytest.raises(WouldExceedDeadlineError) as caught:
        await gate.acquire("m", deadline=clock.now() + 5)
    assert caught.value.limit == "concurrency"


async def test_models_that_wait_for_the_account_are_part_of_the_estimate(clock: Clock) -> None:
    gate = gate_of(clock, minute(100), account_minute(2))
    waiting = [asyncio.create_task(take(gate, clock, "other")) for _ in range(4)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert gate.eta("m") == pytest.approx(60.02, abs=0.1)
    await asyncio.gather(*waiting)


async def test_a_head_without_a_send_is_a_send(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    permit = await gate.acquire("m")
    permit.answered(clock.now(), 200, STREAM)
    permit.answered(clock.now() + 50, 200, STREAM)  # only the first head counts
    permit.settle(Outcome.NOT_SENT, at=clock.now())
    assert used(gate) == 1
    assert "settled" in repr(permit)


async def test_every_refusal_of_a_burst_names_the_limit_and_who_waits_before_it(clock: Clock) -> None:
    gate = gate_of(clock, minute(15), account_minute(24))
    calls = [gate.acquire("m", deadline=clock.now() + 3.0) for _ in range(30)]
    found = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [one for one in found if isinstance(one, WouldExceedDeadlineError)]
    assert len(refusals) == 15
    assert {refusal.limit for refusal in refusals} == {MINUTE}
    assert "3.0 s left, 0 calls wait before this one" in refusals[0].checked
