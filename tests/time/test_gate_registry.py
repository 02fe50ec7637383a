"""Gates that nobody needs any more are forgotten; those that still count are not."""

import pytest
from simulated import LOW, connect

from ghmodels_async.limits import registry
from ghmodels_async.simulator import Simulation


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(registry, "_gates", {})
    monkeypatch.setattr(registry, "_MANY", 4)
    monkeypatch.setattr(registry, "_look_at", 4)


async def served(simulation, clock, user, **more):
    async with connect(simulation, clock, account=user, **more) as gh:
        await gh.chat(LOW, "hi")


async def test_accounts_come_and_go_and_memory_stays_bounded(few, clock, tmp_path):
    simulation = Simulation(clock=clock, fast=True)
    for number in range(40):
        await served(simulation, clock, f"user {number}", ledger="sqlite")
        await clock.sleep(30)
    assert len(registry._gates) <= 8


async def test_a_gate_whose_minute_still_counts_is_kept(few, clock):
    simulation = Simulation(clock=clock, fast=True)
    for number in range(6):
        await served(simulation, clock, f"user {number}", ledger="sqlite")
    assert len(registry._gates) == 6


async def test_a_day_that_only_memory_knows_is_kept(few, clock):
    simulation = Simulation(clock=clock, fast=True)
    for number in range(10):
        await served(simulation, clock, f"user {number}")
        await clock.sleep(120)
    assert len(registry._gates) == 10
    await clock.sleep(2 * 86_400)
    for number in range(10, 20):
        await served(simulation, clock, f"user {number}")
    assert len(registry._gates) < 12


async def test_a_gate_with_a_client_is_kept(few, clock):
    simulation = Simulation(clock=clock, fast=True)
    async with connect(simulation, clock, account="stays", ledger="sqlite") as gh:
        await gh.chat(LOW, "hi")
        for number in range(10):
            await served(simulation, clock, f"user {number}", ledger="sqlite")
            await clock.sleep(120)
        assert gh._wiring.gate in [gate for gate, _ in registry._gates.values()]
