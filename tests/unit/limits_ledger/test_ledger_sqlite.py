"""What a file adds to the laws: it outlives the process, and knows when the wall clock lied."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ghmodels_async.clock import Clock
from ghmodels_async.limits.ledger import Block, Busy, Learned, Reserved, SlotWant, SqliteLedger, Want

DAY = Want("m|day", 1, 2, 86400.0)
MINUTE = Want("m|minute", 1, 2, 60.0)
HOUR = 3600.0

Maker = Callable[..., SqliteLedger]


async def spend(ledger: SqliteLedger, *wants: Want, at: float) -> str:
    id = ledger.new_id()
    assert isinstance(await ledger.reserve(id, wants), Reserved)
    ledger.sent(id, at)
    ledger.settle(id)
    await ledger.flush()
    return id


async def test_a_restart_finds_what_was_spent(ledger_at: Maker, hands) -> None:
    first = ledger_at()
    assert (await first.open()).grants == ()
    id = await spend(first, DAY, at=hands.wall)
    first.record(first.new_id(), [MINUTE], at=hands.wall + 1)
    first.block(Block("m|day", hands.wall + HOUR, "429"))
    first.learn(Learned("m|day", 2, 86400.0, hands.wall, "paced"))
    await first.aclose()

    opened = await ledger_at().open()
    assert [(grant.limit, grant.at) for grant in opened.grants] == [("m|day", hands.wall), ("m|minute", hands.wall + 1)]
    assert opened.grants[0].id == id
    assert opened.blocks == (Block("m|day", hands.wall + HOUR, "429"),)
    assert opened.learned == (Learned("m|day", 2, 86400.0, hands.wall, "paced"),)
    assert (opened.complete, opened.notice) == (True, "")
    assert opened.where.endswith("endpoint.sqlite3")


async def test_two_private_ledgers_never_overspend_a_day_together(ledger_at: Maker, hands) -> None:
    one, other = ledger_at(), ledger_at()
    await one.open()
    await other.open()
    await spend(one, DAY, at=hands.wall)
    await spend(other, DAY, at=hands.wall)

    for ledger in (one, other):
        assert await ledger.reserve(ledger.new_id(), [DAY]) == Busy("m|day", hands.wall + 86400.0)


async def test_only_the_user_can_read_the_file(ledger_at: Maker, path: Path, hands) -> None:
    ledger = ledger_at()
    await ledger.open()
    await spend(ledger, DAY, at=hands.wall)
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_waiting_requests_share_a_commit(ledger_at: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = ledger_at()
    await ledger.open()
    assert ledger._writer is not None
    batches: list[int] = []
    whole = ledger._writer._run
    monkeypatch.setattr(ledger._writer, "_run", lambda batch: batches.append(len(batch)) or whole(batch))
    wants = [Want("m|day", 1, 100, 86400.0)]
    answers = await asyncio.gather(*(ledger.reserve(ledger.new_id(), wants) for _ in range(50)))

    assert sorted(answer.used["m|day"] for answer in answers if isinstance(answer, Reserved)) == list(range(1, 51))
    assert len(batches) <= 3


async def test_an_impossible_wish_does_not_spoil_the_batch(ledger_at: Maker) -> None:
    ledger = ledger_at()
    await ledger.open()
    wishes = [Want("m|day", 1, 2, 86400.0), Want("m|day", 3, 2, 86400.0), Want("m|day", 1, 2, 86400.0)]
    answers = await asyncio.gather(
        *(ledger.reserve(ledger.new_id(), [wish]) for wish in wishes), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Reserved, ValueError, Reserved]


async def test_whoever_stops_waiting_gives_back_what_was_taken(ledger_at: Maker) -> None:
    ledger = ledger_at()
    await ledger.open()
    for delay in (0, 0, 0.001, 0.003):
        waiting = asyncio.create_task(ledger.reserve(ledger.new_id(), [DAY]))
        await asyncio.sleep(delay)
        if waiting.cancel():
            with suppress(asyncio.CancelledError):
                await waiting
        else:
            ledger.refund(waiting.result().id)
    await ledger.flush()
    assert await ledger.reserve("last", [DAY]) == Reserved("last", {"m|day": 1})


async def test_opening_may_be_cancelled_and_repeated(ledger_at: Maker) -> None:
    ledger = ledger_at()
    opening = asyncio.create_task(ledger.open())
    await asyncio.sleep(0)
    opening.cancel()
    with suppress(asyncio.CancelledError):
        await opening
    await ledger.open()
    assert isinstance(await ledger.reserve(ledger.new_id(), [DAY]), Reserved)


async def test_a_ledger_must_be_opened_first_and_ends_once(ledger_at: Maker) -> None:
    ledger = ledger_at()
    with pytest.raises(RuntimeError, match="open"):
        await ledger.reserve(ledger.new_id(), [DAY])
    ledger.refund("before it was opened")
    await ledger.aclose()
    await ledger.open()
    await ledger.aclose()
    await ledger.aclose()
    ledger.refund("after it was closed")
    with pytest.raises(RuntimeError, match="closed"):
        await ledger.reserve(ledger.new_id(), [DAY])


async def test_leaving_counts_open_grants_as_sent_and_frees_slots(ledger_at: Maker, hands) -> None:
    leaving, staying = ledger_at(shared=True), ledger_at(shared=True)
    await leaving.open()
    await staying.open()
    slots = [SlotWant("m|slots", 1)]
    await leaving.reserve(leaving.new_id(), [Want("m|minute", 1, 1, 60.0)], slots)
    await leaving.aclose()

    hands.pass_(1)
    assert isinstance(await staying.reserve(staying.new_id(), [], slots), Reserved)
    assert await staying.reserve(staying.new_id(), [Want("m|minute", 1, 1, 60.0)]) == Busy(
        "m|minute", hands.wall + 59.0
    )


async def test_leases_are_renewed_while_something_is_held(path: Path) -> None:
    # A lease of 0.15 s, really waited for: three renewals happen in time, and stop with the last holder.
    holder, other = (SqliteLedger(path, Clock(), shared=True, lease=0.15) for _ in range(2))
    await holder.open()
    await other.open()
    slots = [SlotWant("m|slots", 1)]
    await holder.reserve("held", [MINUTE], slots)
    holder.sent("held", 0.0)
    await asyncio.sleep(0.4)
    assert isinstance(await other.reserve("refused", [], slots), Busy)
    holder.settle("held")
    await holder.flush()
    assert isinstance(await other.reserve("granted", [], slots), Reserved)
    assert holder._held == {}
    await holder.aclose()
    await other.aclose()


class TestWhenTheWallClockIsSet:
    async def test_ahead_nothing_is_freed(self, ledger_at: Maker, hands) -> None:
        ledger = ledger_at()
        await ledger.open()
        for _ in range(2):
            await spend(ledger, DAY, at=hands.wall)
        hands.pass_(HOUR)
        hands.set(30 * HOUR)

        assert await ledger.reserve(ledger.new_id(), [DAY]) == Busy("m|day", hands.wall + 23 * HOUR)
        hands.pass_(23 * HOUR)
        assert isinstance(await ledger.reserve(ledger.new_id(), [DAY]), Reserved)

    async def test_back_nobody_waits_longer(self, ledger_at: Maker, hands) -> None:
        ledger = ledger_at(shared=True)
        await ledger.open()
        for _ in range(2):
            await spend(ledger, DAY, at=hands.wall)
        hands.pass_(HOUR)
        hands.set(-400 * 24 * HOUR)

        assert await ledger.reserve(ledger.new_id(), [DAY]) == Busy("m|day", hands.wall + 23 * HOUR)

    async def test_slots_and_blocks_keep_their_length(self, ledger_at: Maker, hands) -> None:
        ledger = ledger_at(shared=True)
        await ledger.open()
        await ledger.reserve(ledger.new_id(), [], [SlotWant("s", 1)])
        ledger.block(Block("m|minute", hands.wall + 40))
        await ledger.flush()
        hands.pass_(10)
        hands.set(5000)
        assert await ledger.reserve("r1", [], [SlotWant("s", 1)]) == Busy("s", hands.wall + 20, firm=False)
        assert await ledger.reserve("r2", [MINUTE]) == Busy("m|minute", hands.wall + 30)

    async def test_daylight_saving_is_no_step(self, ledger_at: Maker, hands) -> None:
        """Wall time is Unix time: the hour that a zone skips exists in no row. Only the period's edges move."""
        ledger = ledger_at()
        await ledger.open()
        spring_day = (hands.wall, hands.wall + 23 * HOUR)
        wish = Want("m|day", 1, 1, 86400.0, 2.0, spring_day)
        await spend(ledger, wish, at=hands.wall + 3)
        hands.pass_(22 * HOUR)
        assert await ledger.reserve("r", [wish]) == Busy("m|day", spring_day[1] + 2.0)
        hands.pass_(HOUR + 2.0)
        next_day = (spring_day[1], spring_day[1] + 24 * HOUR)
        assert isinstance(await ledger.reserve("r", [Want("m|day", 1, 1, 86400.0, 2.0, next_day)]), Reserved)

    async def test_after_a_boot_with_a_clock_from_the_past_a_day_is_still_a_day(self, ledger_at: Maker, hands) -> None:
        ledger = ledger_at()
        await ledger.open()
        for _ in range(2):
            await spend(ledger, DAY, at=hands.wall)
        await ledger.aclose()
        hands.reboot(off_for=-10 * 365 * 24 * HOUR)

        reborn = ledger_at()
        await reborn.open()
        assert await reborn.reserve(reborn.new_id(), [DAY]) == Busy("m|day", hands.wall + 24 * HOUR)

    async def test_a_night_switched_off_counts(self, ledger_at: Maker, hands) -> None:
        ledger = ledger_at()
        await ledger.open()
        for _ in range(2):
            await spend(ledger, DAY, at=hands.wall)
        await ledger.aclose()
        hands.reboot(off_for=10 * HOUR)

        reborn = ledger_at()
        await reborn.open()
        assert await reborn.reserve(reborn.new_id(), [DAY]) == Busy("m|day", hands.wall + 14 * HOUR)


async def test_processes_with_a_time_scale_agree_on_the_time(tmp_path: Path) -> None:
    """Each starts its own nominal time; a grant of one must mean the same instant to the other."""
    path = tmp_path / "file.sqlite3"
    early = Clock(1000.0)
    one = SqliteLedger(path, early, shared=True)
    await one.open()
    await one.reserve("r1", [Want("m", 1, 1, 600.0)])
    one.sent("r1", early.wall())
    await one.flush()
    await asyncio.sleep(0.05)
    late = Clock(1000.0)
    assert early.wall() - late.wall() > 40.0

    two = SqliteLedger(path, late, shared=True)
    opened = await two.open()
    assert opened.grants[0].at == pytest.approx(late.wall() - 50.0, abs=30.0)
    busy = await two.reserve("r2", [Want("m", 1, 1, 600.0)])
    assert isinstance(busy, Busy)
    assert busy.until == pytest.approx(opened.grants[0].at + 600.0, abs=1e-3)
    await one.aclose()
    await two.aclose()


async def test_a_permit_settled_after_its_loop_is_gone_is_still_written(path: Path, hands) -> None:
    def run(main):  # type: ignore[no-untyped-def]
        return asyncio.run(main())

    ledger = SqliteLedger(path, Clock(wall=lambda: hands.wall), read=hands.read)

    async def first() -> None:
        await ledger.open()
        await ledger.reserve("r1", [DAY])

    async def second() -> tuple[str, ...]:
        again = SqliteLedger(path, Clock(wall=lambda: hands.wall), read=hands.read)
        grants = (await again.open()).grants
        await again.aclose()
        return tuple(grant.id for grant in grants)

    await asyncio.to_thread(run, first)
    ledger.refund("r1")
    assert await asyncio.to_thread(run, second) == ()


async def test_a_ledger_goes_on_under_the_next_loop(path: Path, hands) -> None:
    ledger = SqliteLedger(path, Clock(wall=lambda: hands.wall), read=hands.read, lease=0.3)

    async def first() -> None:
        await ledger.open()
        await ledger.reserve("r1", [DAY])
        ledger.sent("r1", hands.wall)  # and the loop ends at once

    async def second() -> None:
        assert await ledger.reserve("r2", [DAY]) == Reserved("r2", {"m|day": 2})
        await ledger.flush()

    async def third() -> None:
        await ledger.aclose()

    for main in (first, second, third):
        await asyncio.to_thread(asyncio.run, main())


async def test_a_lapsed_lease_is_not_renewed(ledger_at: Maker, hands) -> None:
    asleep, awake = ledger_at(shared=True), ledger_at(shared=True)
    await asleep.open()
    await awake.open()
    await asleep.reserve("r1", [Want("m", 1, 1, 60.0)], [SlotWant("s", 1)])
    hands.pass_(30.0)
    asleep.heartbeat()
    await asleep.flush()
    assert isinstance(await awake.reserve("r2", [], [SlotWant("s", 1)]), Reserved)
    assert await awake.reserve("r3", [Want("m", 1, 1, 60.0)]) == Busy("m", hands.wall + 60.0)
