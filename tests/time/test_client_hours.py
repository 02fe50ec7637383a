"""Whole clients against every kind of window: nothing is refused, nothing is wasted."""

import pytest
from simulated import LOW, connect
from virtual_time import run_virtual, virtual_clock

from ghmodels_async.profiles import Profile, load
from ghmodels_async.simulator import WINDOW_KINDS, Simulation

HOUR = 3600.0


def minutes_only() -> Profile:
    """The github profile without its daily limits, which would end the hour early."""
    profile = load("github")
    rows = {
        row: {
            plan: quota.model_copy(update={"rates": tuple(rate for rate in quota.rates if rate.window < HOUR)})
            for plan, quota in plans.items()
        }
        for row, plans in profile.rows.items()
    }
    return profile.model_copy(update={"rows": rows})


@pytest.mark.parametrize("window", [kind for kind in WINDOW_KINDS if kind != "counter"])
def test_an_hour_with_a_full_queue_meets_no_429_and_wastes_no_window(window: str) -> None:
    async def main() -> tuple[Simulation, int]:
        clock = virtual_clock()
        simulation = Simulation(
            minutes_only(), plan="enterprise", window=window, clock=clock, latency=(0.02, 0.25), fast=True, seed=3
        )
        done = 0
        async with connect(simulation, clock) as gh:
            began = clock.now()
            async with gh.map((f"row {n}" for n in range(10_000)), model=LOW) as outcomes:
                async for outcome in outcomes:
                    assert outcome.ok, outcome.error
                    done += 1
                    if clock.now() - began > HOUR:
                        break
        return simulation, done

    simulation, done = run_virtual(main())
    assert simulation.log.statuses[429] == 0, simulation.log.limits
    # 20 in each 60.3 s of the hour, less the one window that pacing may hold back at the start
    assert done >= HOUR / 60.3 * 20 - 20
    assert simulation.log.most_in_window(60.0, admitted=True) <= 20
