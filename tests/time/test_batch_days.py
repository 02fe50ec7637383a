"""Batches over daily quotas against the simulated service, in virtual time: nothing refused, and done when foretold."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from simulated import HIGH, LOW, connect

from ghmodels_async.batch import BatchRun, Summary, margins_of, plan_rows, run_batch
from ghmodels_async.clock import Clock
from ghmodels_async.profiles import load
from ghmodels_async.simulator import Simulation

DAY = 86_400.0


def simulated(clock: Clock, **options: Any) -> Simulation:
    return Simulation(clock=clock, latency=(0.02, 0.25), fast=True, seed=7, **{"plan": "free", **options})


def foretold(simulation: Simulation, clock: Clock, rows: int, *models: str) -> float:
    choice = plan_rows(
        simulation.profile, simulation.plan, {models[0]: rows}, spread=models, seconds_per_call=0.2, **margins_of(clock)
    )
    return choice.forecast.duration


def answered_once(run_dir: Path, rows: int, summary: Summary) -> None:
    ids = [json.loads(line)["custom_id"] for line in (run_dir / "output.jsonl").read_text().splitlines()]
    assert ids == [f"r{n}" for n in range(rows)]
    assert summary.progress.done == rows


def prompts(count: int) -> list[dict[str, Any]]:
    return [{"id": f"r{n}", "prompt": f"Say {n}."} for n in range(count)]


@pytest.mark.parametrize("window", ["sliding", "fixed", "rejects", "bucket"])
async def test_two_days_of_a_low_tier_model_end_when_foretold(tmp_path: Path, clock: Clock, window: str) -> None:
    simulation = simulated(clock, window=window)
    rows = 2 * 150 + 40
    async with connect(simulation, clock) as gh:
        summary = await run_batch(gh, prompts(rows), run_dir=tmp_path, models=(LOW,))
    answered_once(tmp_path, rows, summary)
    assert simulation.log.statuses[429] == 0, simulation.log.limits
    assert simulation.log.most_in_window(DAY, admitted=True) <= 150
    assert summary.makespan == pytest.approx(foretold(simulation, clock, rows, LOW), abs=60.3)


async def test_two_days_of_a_high_tier_model_end_when_foretold(tmp_path: Path, clock: Clock) -> None:
    simulation = simulated(clock)
    rows = 3 * 50 - 5
    async with connect(simulation, clock) as gh:
        summary = await run_batch(gh, prompts(rows), run_dir=tmp_path, models=(HIGH,))
    answered_once(tmp_path, rows, summary)
    assert simulation.log.statuses[429] == 0, simulation.log.limits
    assert summary.makespan == pytest.approx(foretold(simulation, clock, rows, HIGH), abs=60.3)


EIGHT = (
    LOW,
    "openai/gpt-4.1-nano",
    "openai/gpt-4o-mini",
    "cohere/cohere-command-a",
    "mistral-ai/codestral-2501",
    "mistral-ai/ministral-3b",
    "microsoft/phi-4",
    "microsoft/phi-4-mini-instruct",
)


@pytest.mark.parametrize(("account", "minutes"), [(True, 41.3), (False, 8.3)])
async def test_a_thousand_rows_spilled_over_eight_models(
    tmp_path: Path, clock: Clock, account: bool, minutes: float
) -> None:
    """With the account's 24 a minute, which were observed but never documented, and without; one model takes 6 days."""
    profile = load("github") if account else load("github").model_copy(update={"account": ()})
    simulation = simulated(clock, profile=profile)
    async with connect(simulation, clock) as gh:
        summary = await run_batch(gh, prompts(1000), run_dir=tmp_path, models=EIGHT)
    answered_once(tmp_path, 1000, summary)
    assert simulation.log.statuses[429] == 0, simulation.log.limits
    assert simulation.log.most_in_window(60.0, admitted=True) <= (24 if account else 15 * 8)
    assert summary.makespan == pytest.approx(foretold(simulation, clock, 1000, *EIGHT), abs=60.3)
    assert summary.makespan / 60 == pytest.approx(minutes, abs=1.0)
    served = [json.loads(line)["model"] for line in (tmp_path / "output.jsonl").read_text().splitlines()]
    assert set(served) == set(EIGHT)


async def test_a_restart_in_the_middle_of_the_day_still_meets_no_429(tmp_path: Path, clock: Clock) -> None:
    """The ledger remembers what the first start spent."""
    simulation = simulated(clock)
    rows = prompts(200)
    ledger = {"ledger": "sqlite"}
    async with connect(simulation, clock, **ledger) as gh:
        await run_batch(gh, rows[:70], run_dir=tmp_path / "one", models=(LOW,))
    await clock.sleep(3600)
    async with connect(simulation, clock, **ledger) as gh:
        summary = await run_batch(gh, rows, run_dir=tmp_path / "two", models=(LOW,))
    answered_once(tmp_path / "two", 200, summary)
    assert simulation.log.statuses[429] == 0, simulation.log.limits
    # 80 are left of the first day; 70 more free up a day after the first start, 50 a day after the second
    assert DAY - 3600 < summary.makespan < DAY + 3600


async def test_a_drained_run_does_not_wait_for_quota(tmp_path: Path, clock: Clock) -> None:
    """The minute is used up: five calls wait for the next one. They were never sent, and need not be."""
    simulation = simulated(clock)
    async with connect(simulation, clock) as gh, BatchRun(gh, prompts(100), run_dir=tmp_path, models=(LOW,)) as batch:

        async def drain_in_the_middle() -> float:
            while batch.progress.done < 15:
                await clock.sleep(1)
            batch.runner.drain()
            return clock.now()

        drained = asyncio.ensure_future(drain_in_the_middle())
        summary = await batch.go()
    assert summary.stopped == "interrupted"
    assert clock.now() - await drained < 3
    assert simulation.log.total == summary.progress.done, "what was sent ended well"


@pytest.mark.parametrize("hour", [1, 20])
async def test_a_day_that_ends_at_midnight_opens_when_foretold(tmp_path: Path, clock: Clock, hour: int) -> None:
    """OpenRouter's free models: 50 a day over the whole account, until midnight UTC."""
    model = "meta-llama/llama-3.3-70b-instruct:free"
    simulation = simulated(clock, profile="openrouter")
    await clock.sleep((hour * 3600 - clock.wall()) % DAY)
    async with connect(simulation, clock, token="simulated-token") as gh:
        wall = clock.wall()
        choice = plan_rows(
            simulation.profile, "free", {model: 120}, seconds_per_call=0.2, wall=wall, **margins_of(clock)
        )
        summary = await run_batch(gh, prompts(120), run_dir=tmp_path, models=(model,))
    answered_once(tmp_path, 120, summary)
    assert simulation.log.statuses[429] == 0, simulation.log.limits
    assert [reset.after / 3600 for reset in choice.forecast.resets] == pytest.approx([24 - hour, 48 - hour], abs=0.01)
    assert summary.makespan == pytest.approx(choice.forecast.duration, abs=60.3)
