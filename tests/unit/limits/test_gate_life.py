"""A gate across event loops and clients, and on disk: real loops, no waiting."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from gates import DAY, MINUTE, day, facts_of, gate_of, minute, profile_of, refuse, take, use

from ghmodels_async.clock import Clock
from ghmodels_async.errors import ConfigurationError, RateLimitFacts, WouldExceedDeadlineError
from ghmodels_async.limits import Gate, GateOptions, Outcome, Permit, open_gate

_accounts = itertools.count()


def used(gate: Gate, limit: str = MINUTE) -> int:
    return next(row.used for row in gate.explain("m") if row.limit == limit)


def test_successive_loops_share_what_was_spent() -> None:
    clock = Clock()
    gate = gate_of(clock, minute(10), concurrent=3)

    async def two() -> int:
        for _ in range(2):
            await use(gate, clock)
        return used(gate)

    assert asyncio.run(two()) == 2
    assert asyncio.run(two()) == 4


def test_what_a_dead_loop_left_behind_counts_as_sent_and_its_slots_linger() -> None:
    clock = Clock()
    gate = gate_of(clock, minute(10), concurrent=3, options=GateOptions(linger=0.05))

    async def leave() -> None:
        await gate.acquire("m")
        await take(gate, clock)
        asyncio.get_running_loop().call_later(60, lambda: None)

    async def look() -> tuple[int, int]:
        await gate.acquire("m")
        held = used(gate, "concurrent")
        await asyncio.sleep(0.1)
        return used(gate), used(gate, "concurrent") - held

    asyncio.run(leave())
    assert asyncio.run(look()) == (3, -2)


def test_a_permit_of_a_dead_loop_has_no_say_any_more() -> None:
    clock = Clock()
    gate = gate_of(clock, minute(10), concurrent=3)

    async def acquire() -> Permit:
        return await gate.acquire("m")

    async def settle(old: Permit) -> int:
        await use(gate, clock)
        old.settle(Outcome.NOT_SENT, at=clock.now())
        return used(gate)

    old = asyncio.run(acquire())
    assert asyncio.run(settle(old)) == 2


async def test_two_live_loops_are_refused_with_a_clear_error() -> None:
    clock = Clock()
    gate = gate_of(clock, minute(10))
    await use(gate, clock)

    with pytest.raises(RuntimeError, match="another event loop"):
        await asyncio.to_thread(lambda: asyncio.run(gate.acquire("m")))


async def test_clients_of_one_account_share_one_gate_and_its_memory() -> None:
    account = f"shared {next(_accounts)}"
    terms = {"profile": profile_of(minute(10)), "account": account, "ledger": "memory"}
    one, two = (open_gate(**terms, clock=Clock()) for _ in range(2))  # type: ignore[arg-type]
    assert one is two
    await use(one, Clock())
    await one.aclose()
    await use(two, Clock())
    await two.aclose()
    again = open_gate(**terms, clock=Clock())  # type: ignore[arg-type]
    await use(again, Clock())
    assert used(again) == 3
    await again.aclose()


async def test_another_account_or_endpoint_is_another_gate() -> None:
    profile = profile_of(minute(10))
    clock = Clock()
    gates = {
        id(open_gate(profile=profile, account=account, base_url=url, clock=clock, ledger="memory"))
        for account in ("x", "y")
        for url in ("http://a", "http://b")
    }
    assert len(gates) == 4


@pytest.mark.parametrize(
    ("other", "warning"),
    [
        ({"plan": "dear"}, "open on plan 'free': it stays in force, 'dear' is not used"),
        ({"ledger": "sqlite"}, "ledger 'memory': it stays in force, 'sqlite' is not used"),
        ({"options": GateOptions(limits={"*": {"requests_per_minute": 99}})}, "other limit options: those stay"),
    ],
    ids=["plan", "ledger", "limits"],
)
async def test_one_account_has_one_gate_whatever_its_clients_want(
    other: dict[str, Any], warning: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    profile = profile_of(minute(10))
    rows = {"r": dict.fromkeys(("free", "dear"), profile.rows["r"]["free"])}
    profile = profile.model_copy(update={"plans": ("free", "dear"), "rows": rows})
    terms: dict[str, Any] = {"profile": profile, "account": f"agreed {next(_accounts)}", "directory": tmp_path}
    terms |= {"plan": "free", "ledger": "memory"}
    first = open_gate(**terms)
    second = open_gate(**terms | other)
    assert second is first
    assert warning in caplog.text
    await use(first, Clock())
    assert used(second) == 1
    await first.aclose()
    await second.aclose()
    third = open_gate(**terms | other)
    assert (third is not first) and used(third) == 1  # an heir, on the terms that nobody else objects to now
    await third.aclose()


async def test_a_client_that_shares_with_other_processes_does_not_join_one_that_does_not(tmp_path: Path) -> None:
    terms: dict[str, Any] = {"profile": profile_of(minute(10)), "account": f"sharing {next(_accounts)}"}
    terms |= {"directory": tmp_path}
    alone = open_gate(**terms)
    with pytest.raises(ConfigurationError, match="does not share its limits"):
        open_gate(**terms, shared=True)
    await alone.aclose()
    shared = open_gate(**terms, shared=True)
    assert open_gate(**terms) is shared  # sharing more than was asked for harms nobody
    await shared.aclose()
    await shared.aclose()


async def test_a_file_remembers_day_and_minute_for_the_next_process(tmp_path: Path) -> None:
    def process() -> Gate:
        return open_gate(
            profile=profile_of(minute(10), day(50)),
            account="disk",
            clock=Clock(wall=Clock().wall),  # a clock of its own: the registry takes it for another process
            ledger="sqlite",
            directory=tmp_path,
        )

    first = process()
    for _ in range(4):
        await use(first, first.clock)
    await first.aclose()
    second = process()
    assert second is not first
    await second.open()
    assert used(second) == 4
    assert used(second, "UserByModelByDay") == 4
    await second.aclose()


async def test_a_gate_opened_again_counts_its_own_file_once(tmp_path: Path) -> None:
    terms = {"profile": profile_of(minute(10), day(50)), "account": "again", "ledger": "sqlite", "directory": tmp_path}
    clock = Clock()
    for round_ in range(1, 4):
        gate = open_gate(**terms, clock=clock)  # type: ignore[arg-type]
        await use(gate, clock)
        assert used(gate) == round_
        assert used(gate, "UserByModelByDay") == round_
        await gate.aclose()


def amounts(gate: Gate) -> dict[str, int | None]:
    return {state.limit: state.amount for state in gate.explain("m")}


@pytest.mark.parametrize("ledger", ["memory", "sqlite"])
async def test_after_the_last_client_has_closed_the_next_one_brings_its_own_limits(ledger: str, tmp_path: Path) -> None:
    profile = profile_of(minute(10), day(50), concurrent=4)
    terms = {"profile": profile, "account": f"heirs {ledger}", "ledger": ledger, "directory": tmp_path}
    clock = Clock()

    def client(**metrics: int | None) -> Gate:
        return open_gate(**terms, clock=clock, options=GateOptions(limits={"*": metrics} if metrics else {}))  # type: ignore[arg-type]

    first = client(requests_per_minute=8, concurrent=3)
    straggler = await first.acquire("m")
    straggler.sent(clock.now())
    await use(first, clock)
    assert client(requests_per_minute=2) is first  # while it is open, its options stay
    await first.aclose()
    await first.aclose()

    second = client(requests_per_minute=2)
    await second.open()
    assert amounts(second) == {MINUTE: 2, DAY: 50, "concurrent": 4}
    assert (used(second), used(second, DAY)) == (2, 2)
    assert (await second.acquire("n")).model == "n"  # another model is not touched
    straggler.settle(Outcome.COMPLETED, at=clock.now())
    assert [state.used for state in second.explain("m") if state.limit == "concurrent"] == [0]
    with pytest.raises(WouldExceedDeadlineError):
        await second.acquire("m", deadline=clock.now() + 30)
    await second.aclose()

    third = client(requests_per_minute=None)
    await third.open()
    assert MINUTE not in amounts(third)
    assert used(third, DAY) == 2
    await third.aclose()
    fourth = client()
    await fourth.open()
    assert amounts(fourth) == {MINUTE: 10, DAY: 50, "concurrent": 4}
    assert (used(fourth), used(fourth, DAY)) == (2, 2)
    await fourth.aclose()


async def test_an_heir_knows_what_answers_have_taught() -> None:
    terms = {"profile": profile_of(minute(10)), "account": f"taught {next(_accounts)}", "ledger": "memory"}
    clock = Clock()
    gate = open_gate(**terms, clock=clock)  # type: ignore[arg-type]
    await refuse(gate, clock, facts_of(MINUTE, 7, 60.0, 20.0))
    nameless = RateLimitFacts("UserByModelByFortnight", None, None, 30.0, scope="model")
    await refuse(gate, clock, nameless, model="n")
    await gate.aclose()
    heir = open_gate(**terms, clock=clock, options=GateOptions(limits={"*": {"tokens_in": 9}}))  # type: ignore[arg-type]
    await heir.open()
    assert heir is not gate
    states = {state.limit: state for state in heir.explain("m")}
    assert states[MINUTE].amount == 7
    assert states[MINUTE].blocked_until is not None and states[MINUTE].last_429 is not None
    assert [state.limit for state in heir.explain("n") if state.blocked_until] == ["UserByModelByFortnight"]
    await heir.aclose()
