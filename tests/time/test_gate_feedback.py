"""What a 429 does: it pauses the limit it names, once for everybody, and teaches."""

from __future__ import annotations

import asyncio
import logging

import pytest
from gates import ACCOUNT_MINUTE, DAY, MINUTE, STREAM, account_minute, day, facts_of, gate_of, minute, refuse, take, use

from ghmodels_async.clock import Clock
from ghmodels_async.errors import QuotaExhaustedError, RateLimitFacts, RequestTooLargeError, WouldExceedDeadlineError
from ghmodels_async.limits import Gate, GateOptions, LimitState, Outcome
from ghmodels_async.limits.ledger import MemoryLedger
from ghmodels_async.limits.ledger.book import Book


def state(gate: Gate, limit: str, model: str | None = "m") -> LimitState:
    return next(row for row in gate.explain() if row.limit == limit and row.model == model)


async def waited(gate: Gate, clock: Clock, model: str = "m", **terms: object) -> float:
    asked = clock.now()
    await take(gate, clock, model, **terms)
    return clock.now() - asked


async def test_a_refusal_pauses_its_limit_for_everybody_and_nothing_else(clock: Clock) -> None:
    gate = gate_of(clock, minute(10), account_minute(24))
    await refuse(gate, clock, facts_of(MINUTE, 10, 60, 46), "m")
    assert await waited(gate, clock, "other") == pytest.approx(0, abs=1e-3)
    assert await waited(gate, clock, "m") == pytest.approx(47, abs=0.01)


async def test_an_account_wide_refusal_pauses_every_model(clock: Clock) -> None:
    gate = gate_of(clock, minute(10), account_minute(24))
    await refuse(gate, clock, facts_of(ACCOUNT_MINUTE, 24, 60, 9), "m")
    assert await waited(gate, clock, "other") == pytest.approx(10, abs=0.01)


async def test_a_wait_of_zero_seconds_is_less_than_one_second_not_none(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    await refuse(gate, clock, facts_of(MINUTE, 10, 60, 0))
    assert await waited(gate, clock) == pytest.approx(1, abs=0.01)


async def test_an_absurd_wait_is_no_longer_than_the_window(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    await refuse(gate, clock, facts_of(MINUTE, 10, 60, 40_403))
    assert await waited(gate, clock) == pytest.approx(61, abs=0.01)


async def test_a_refusal_that_says_nothing_pauses_the_fullest_limit_for_a_minute(clock: Clock) -> None:
    gate = gate_of(clock, minute(10), account_minute(24))
    await refuse(gate, clock, RateLimitFacts())
    assert state(gate, MINUTE).blocked_until is not None
    assert state(gate, ACCOUNT_MINUTE, None).blocked_until is None
    assert await waited(gate, clock) == pytest.approx(60, abs=0.01)


async def test_the_refused_request_gets_its_place_back(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    first = await refuse(gate, clock, facts_of(MINUTE, 10, 60, 20))
    order: list[str] = []

    async def ask(name: str, front: tuple[int, int] | None = None) -> None:
        permit = await gate.acquire("m", front=front)
        order.append(name)
        permit.sent(clock.now())
        permit.answered(clock.now(), 200, STREAM)
        permit.settle(Outcome.COMPLETED, at=clock.now())

    later = [asyncio.create_task(ask(name)) for name in "bcd"]
    await clock.sleep(1)
    again = asyncio.create_task(ask("a", first.position))
    await asyncio.gather(again, *later)
    assert order == ["a", "b", "c", "d"]


async def test_after_a_pause_one_request_goes_first_and_the_rest_after_its_answer(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    await refuse(gate, clock, facts_of(MINUTE, 10, 60, 20))
    grants: list[float] = []

    async def ask() -> None:
        permit = await gate.acquire("m")
        grants.append(clock.now())
        permit.sent(clock.now())
        await clock.sleep(2.0)
        permit.answered(clock.now(), 200, STREAM)
        permit.settle(Outcome.COMPLETED, at=clock.now())

    await asyncio.gather(*(ask() for _ in range(3)))
    assert grants[1] - grants[0] >= 2.0


async def test_a_canary_that_never_gets_an_answer_is_followed_by_another(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    await refuse(gate, clock, facts_of(MINUTE, 10, 60, 20))
    canary = await gate.acquire("m")
    next_one = asyncio.create_task(gate.acquire("m"))
    await clock.sleep(5)
    assert not next_one.done()
    canary.settle(Outcome.NOT_SENT, at=clock.now())
    assert await next_one


async def test_one_refusal_is_followed_by_at_most_one_more_before_the_reset(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    opens = clock.now() + 45.5
    refusals = 0

    async def ask() -> None:
        nonlocal refusals
        front = None
        while True:
            permit = await gate.acquire("m", front=front)
            permit.sent(clock.now())
            await clock.sleep(0.1)
            if clock.now() >= opens:
                permit.answered(clock.now(), 200, STREAM)
                permit.settle(Outcome.COMPLETED, at=clock.now())
                return
            refusals += 1
            permit.answered(clock.now(), 429, {})
            gate.rejected(permit, facts_of(MINUTE, 10, 60, float(int(opens - clock.now()))), clock.now())
            permit.settle(Outcome.REJECTED, at=clock.now())
            front = permit.position

    first = asyncio.create_task(ask())
    await clock.sleep(1)
    await asyncio.gather(first, *(ask() for _ in range(30)))
    assert refusals == 1


async def test_numbers_that_contradict_the_table_are_adopted_explained_and_kept(clock: Clock) -> None:
    ledger = MemoryLedger(clock)
    gate = gate_of(clock, minute(15), ledger=ledger)
    await refuse(gate, clock, facts_of(MINUTE, 10, 60, 5))
    learned = state(gate, MINUTE)
    assert learned.amount == 10 and learned.source.startswith("learned 20")
    assert learned.last_429 is not None and "10 per 60 s, wait 5 s" in learned.last_429
    await gate.aclose()
    again = gate_of(clock, minute(15), ledger=ledger)
    await use(again, clock)
    assert state(again, MINUTE).amount == 10


async def test_a_user_who_wants_less_than_allowed_gets_less(clock: Clock) -> None:
    options = GateOptions(limits={"m": {"requests_per_minute": 5}})
    gate = gate_of(clock, minute(15), options=options)
    await refuse(gate, clock, facts_of(MINUTE, 10, 60, 5))
    assert state(gate, MINUTE).amount == 5
    assert state(gate, MINUTE).source.startswith("user")


async def test_a_limit_nobody_knew_of_is_learned_with_what_was_sent_before(clock: Clock) -> None:
    ledger = MemoryLedger(clock)
    gate = gate_of(clock, minute(10), ledger=ledger)
    await use(gate, clock, "a")
    await use(gate, clock, "b")
    await refuse(gate, clock, facts_of("UserByHour", 30, 3600, 100), "a")
    new = state(gate, "UserByHour", None)
    assert (new.amount, new.window, new.scope) == (30, 3600, "account")
    assert new.used == 3
    assert await waited(gate, clock, "b") == pytest.approx(101, abs=0.01)
    await gate.aclose()
    again = gate_of(clock, minute(10), ledger=ledger)
    await use(again, clock, "a")
    assert state(again, "UserByHour", None).amount == 30


async def test_an_unknown_limit_on_tokens_weighs_the_estimates_of_later_requests(clock: Clock) -> None:
    gate = gate_of(clock, minute(100))
    kind = "UserByModelByMinuteUncachedInputTokens"
    await refuse(gate, clock, facts_of(kind, 1000, 60, 3, unit="input_tokens"), tokens_in=900)
    assert await waited(gate, clock, tokens_in=800) == pytest.approx(4, abs=0.01)
    assert await waited(gate, clock, tokens_in=800) == pytest.approx(60.02, abs=0.1)


async def test_too_many_at_once_lowers_the_cap_without_a_pause(clock: Clock) -> None:
    gate = gate_of(clock, minute(1000), concurrent=5)
    held = [await take(gate, clock) for _ in range(3)]
    crowd = RateLimitFacts("UserConcurrentRequests", 2, 0.0, 0.0, scope="account", concurrency=True)
    gate.rejected(held[2], crowd, clock.now())
    held[2].settle(Outcome.REJECTED, at=clock.now())
    assert state(gate, "concurrent").amount == 2
    assert state(gate, MINUTE).blocked_until is None
    third = asyncio.create_task(gate.acquire("m"))
    await clock.sleep(1)
    assert not third.done()
    held[0].settle(Outcome.COMPLETED, at=clock.now())
    await third


async def test_fewer_slots_of_the_account_than_ours_are_in_flight_are_the_accounts_and_remembered(clock: Clock) -> None:
    ledger = MemoryLedger(clock)
    for round_ in range(2):
        gate = gate_of(clock, minute(1000), concurrent=4, account_concurrent=9, ledger=ledger)
        await gate.open()
        if round_ == 0:
            held = [await take(gate, clock, model) for model in ("a", "a", "b", "b", "c", "c")]
            crowd = RateLimitFacts("UserConcurrentRequests", 5, 0.0, 0.0, scope="account", concurrency=True)
            gate.rejected(held[-1], crowd, clock.now())
            for permit in held:
                permit.settle(Outcome.COMPLETED, at=clock.now())
            assert state(gate, "concurrent", "c").amount == 4
        gate.explain("a")
        assert state(gate, "concurrent", None).amount == 5
        assert state(gate, "concurrent", None).source.startswith("learned")
        await gate.aclose()


async def test_a_slot_somebody_else_holds_costs_a_slot_until_fifty_replies_went_well(clock: Clock) -> None:
    gate = gate_of(clock, minute(1000), concurrent=3)
    held = [await take(gate, clock) for _ in range(2)]
    crowd = RateLimitFacts("UserConcurrentRequests", 3, 0.0, 0.0, scope="account", concurrency=True)
    gate.rejected(held[1], crowd, clock.now())
    for permit in held:
        permit.settle(Outcome.COMPLETED, at=clock.now())
    assert (state(gate, "concurrent").amount, state(gate, "concurrent").left) == (3, 1)
    assert state(gate, "concurrent").source.endswith("; going on with 1 of 3, something else holds slots")
    for _ in range(100):
        await use(gate, clock)
    assert state(gate, "concurrent").left == 3
    for _ in range(200):
        await use(gate, clock)
    assert state(gate, "concurrent").left == 3


async def test_a_spent_day_fails_at_once_for_all_who_do_not_want_to_wait(clock: Clock) -> None:
    gate = gate_of(clock, minute(2), day(50))
    await use(gate, clock)
    await use(gate, clock)
    impatient = [asyncio.create_task(gate.acquire("m")) for _ in range(3)]
    patient = asyncio.create_task(gate.acquire("m", on_exhausted="wait"))
    await clock.sleep(62)
    refused = await impatient[0]
    refused.sent(clock.now())
    refused.answered(clock.now(), 429, {})
    gate.rejected(refused, facts_of(DAY, 50, 86_400, 5631), clock.now())
    refused.settle(Outcome.REJECTED, at=clock.now())
    outcome = (await asyncio.gather(impatient[2], return_exceptions=True))[0]
    assert isinstance(outcome, QuotaExhaustedError)
    assert outcome.limit == DAY and outcome.status is None
    assert outcome.reset_at is not None and outcome.reset_at.tzinfo is not None
    assert outcome.reset_at.timestamp() == pytest.approx(clock.wall() + 5632, abs=0.1)
    with pytest.raises(QuotaExhaustedError):
        await gate.acquire("m")
    asked = clock.now()
    (await patient).settle(Outcome.NOT_SENT, at=clock.now())
    assert clock.now() - asked == pytest.approx(5632, abs=0.5)


async def test_a_pause_that_moves_the_wait_past_a_deadline_fails_the_waiter_at_once(clock: Clock) -> None:
    gate = gate_of(clock, minute(2))
    await use(gate, clock)
    one = await take(gate, clock)
    waiting = asyncio.create_task(gate.acquire("m", deadline=clock.now() + 70))
    await clock.sleep(1)
    assert not waiting.done()
    gate.rejected(one, facts_of(MINUTE, 2, 60, 59), clock.now())
    one.settle(Outcome.REJECTED, at=clock.now())
    moved = asyncio.create_task(gate.acquire("m", deadline=clock.now() + 69))
    await asyncio.sleep(0)
    gate.rejected(one, facts_of(MINUTE, 1, 120, 119), clock.now())
    asked = clock.now()
    for task in (waiting, moved):
        with pytest.raises(WouldExceedDeadlineError) as caught:
            await task
        assert caught.value.limit == MINUTE
        assert caught.value.eta > 70
    assert clock.now() - asked < 0.01


async def test_a_stranger_on_the_same_quota_is_warned_about_once_with_the_fix(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    gate = gate_of(clock, minute(10))
    with caplog.at_level(logging.WARNING):
        await refuse(gate, clock, facts_of(MINUTE, 10, 60, 1))
    assert "shared=True" in caplog.text and "share of 1 of 10" in caplog.text
    assert state(gate, MINUTE).source.endswith("; going on with 1 of 10, somebody else spends the rest")
    assert state(gate, MINUTE).left == 0


async def test_a_size_the_server_named_is_checked_before_the_next_request(clock: Clock) -> None:
    gate = gate_of(clock, minute(10), tokens_in=8000)
    await gate.open()
    gate.check_size("m", 7000, 0)
    gate.too_large("m", 4000)
    with pytest.raises(RequestTooLargeError) as caught:
        gate.check_size("m", 7000, 0)
    assert caught.value.maximum == 4000 and caught.value.size == 7000
    assert state(gate, "tokens_in").source.startswith("learned")


async def test_truthful_headers_tighten_and_never_loosen(clock: Clock) -> None:
    gate = gate_of(clock, minute(10), binding=True)
    told = {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "3",
        "x-ratelimit-reset-requests": "30s",
    }
    permit = await gate.acquire("m")
    permit.sent(clock.now())
    permit.answered(clock.now(), 200, told)
    permit.settle(Outcome.COMPLETED, at=clock.now())
    assert state(gate, MINUTE).left == 3
    permit = await gate.acquire("m")
    permit.sent(clock.now())
    permit.answered(clock.now(), 200, {**told, "x-ratelimit-remaining-requests": "9"})
    assert state(gate, MINUTE).left == 2
    await clock.sleep(31)
    assert state(gate, MINUTE).left == 8


async def test_headers_of_a_profile_that_does_not_vouch_for_them_are_ignored(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    permit = await gate.acquire("m")
    permit.sent(clock.now())
    permit.answered(
        clock.now(),
        200,
        {"x-ratelimit-limit-requests": "10", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "3"},
    )
    assert state(gate, MINUTE).left == 9


async def test_pacing_that_does_not_help_is_given_up(clock: Clock) -> None:
    """Two refusals in ten windows are paced; if they go on, the other program is real and even spacing only costs."""
    gate = gate_of(clock, minute(10))
    log = gate.desk.rigging.lane("m").logs[0]
    paced = []
    for _ in range(12):
        await refuse(gate, clock, facts_of(MINUTE, 10, 60, 5))
        paced.append(log.limit.paced)
    assert paced[0] is False and paced[1] is True
    assert paced[-1] is False


async def test_what_was_learned_binds_models_that_were_looked_at_before_the_ledger_was(clock: Clock) -> None:
    """A client checks the size of its first prompt before anything else."""
    book = Book()
    terms = {"concurrent": 5, "tokens_in": 8000}
    first = gate_of(clock, minute(10), ledger=MemoryLedger(clock, book=book), **terms)
    await refuse(first, clock, facts_of("UserByModelByHour", 7, 3600, 20))
    first.too_large("m", 4000)
    crowd = RateLimitFacts("UserConcurrentRequests", 2, 0.0, 0.0, scope="account", concurrency=True)
    await refuse(first, clock, crowd)
    await first.aclose()

    second = gate_of(clock, minute(10), ledger=MemoryLedger(clock, book=book), **terms)
    second.check_size("m", 100, 100)
    await second.open()
    known = {row.limit: row.amount for row in second.explain("m")}
    assert known == {MINUTE: 10, "UserByModelByHour": 7, "concurrent": 2, "tokens_in": 4000}
    assert second.desk.rigging.lane("m").places[0].cap == 2


async def test_a_lesson_is_forgotten_after_a_month(clock: Clock) -> None:
    book = Book()
    first = gate_of(clock, minute(10), ledger=MemoryLedger(clock, book=book))
    await refuse(first, clock, facts_of(MINUTE, 7, 60, 20))
    await first.aclose()
    for days, amount in ((29, 7), (2, 10)):
        await clock.sleep(days * 86_400)
        later = gate_of(clock, minute(10), ledger=MemoryLedger(clock, book=book))
        await later.open()
        assert next(row for row in later.explain("m") if row.limit == MINUTE).amount == amount
        await later.aclose()
