"""Calls that need not queue: with a deadline, and batch calls as far as their pace allows."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from gates import day, gate_of, minute, take, use

from ghmodels_async.clock import Clock
from ghmodels_async.errors import WouldExceedDeadlineError
from ghmodels_async.limits import Gate, GateOptions, Outcome


def goes_at_once(gate: Gate, **terms: Any) -> bool:
    """Whether `acquire` ends without a single turn of the event loop."""
    step = gate.acquire("m", **terms)
    try:
        step.send(None)
    except StopIteration:
        return True
    step.close()
    return False


async def test_a_deadline_that_lies_ahead_costs_no_turn_of_the_loop(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    await use(gate, clock)
    assert goes_at_once(gate, deadline=clock.now() + 5)


async def test_a_deadline_that_has_passed_is_refused_though_there_is_room(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    await use(gate, clock)
    with pytest.raises(WouldExceedDeadlineError):
        await gate.acquire("m", deadline=clock.now() - 1)
    assert gate.explain("m")[0].used == 1


async def test_a_batch_call_nobody_waits_before_goes_at_once_and_the_next_one_at_its_pace(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    await use(gate, clock)
    assert goes_at_once(gate, priority="batch")
    assert not goes_at_once(gate, priority="batch")
    began = clock.now()
    await take(gate, clock, priority="batch")
    assert clock.now() - began == pytest.approx(60.3 / 10, abs=0.01)
    await clock.sleep(60.3 / 10)
    assert goes_at_once(gate, priority="batch")


async def test_a_batch_call_alone_is_never_faster_than_its_pace(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    times = []
    for pause in (0, 1, 7, 0, 13, 2, 6.03, 0, 0, 20, 0):
        await clock.sleep(pause)
        await use(gate, clock, priority="batch")
        times.append(clock.now())
    assert min(b - a for a, b in pairwise(times)) == pytest.approx(6.03, abs=0.01)


async def test_a_batch_call_that_was_not_sent_leaves_its_turn_to_the_next(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    await use(gate, clock)
    permit = await gate.acquire("m", priority="batch")
    permit.settle(Outcome.NOT_SENT, at=clock.now())
    assert goes_at_once(gate, priority="batch")


async def test_a_batch_call_that_has_to_ask_the_ledger_keeps_its_turn(clock: Clock) -> None:
    gate = gate_of(clock, minute(10), day(50))  # fifty a day are reserved one by one
    await use(gate, clock)
    began = clock.now()
    await take(gate, clock, priority="batch")
    assert clock.now() - began == pytest.approx(0, abs=0.01)
    await take(gate, clock, priority="batch")
    assert clock.now() - began == pytest.approx(6.03, abs=0.01)


async def test_what_is_kept_from_batch_is_kept_from_it_at_once_too(clock: Clock) -> None:
    gate = gate_of(clock, minute(2), options=GateOptions(headroom=1))
    await use(gate, clock)
    assert not goes_at_once(gate, priority="batch")
    assert goes_at_once(gate)


async def test_a_batch_call_does_not_pass_one_that_waits(clock: Clock) -> None:
    gate = gate_of(clock, minute(10))
    await use(gate, clock)
    order: list[str] = []

    async def ask(name: str, pause: float) -> None:
        await clock.sleep(pause)
        await take(gate, clock, priority="batch")
        order.append(name)

    await asyncio.gather(ask("first", 0), ask("second", 1), ask("third", 6.029), ask("fourth", 6.031))
    assert order == ["first", "second", "third", "fourth"]
