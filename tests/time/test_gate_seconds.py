"""Windows of a second, where the way to the server is not small: what is reached, and how near that is to the most.

A server that slides needs W between an arrival and the one `amount` later. A request can arrive as early as the way
allows, so it may leave W less the shortest way after that arrival; on average it arrives later than it might by the
mean excess J of the way. Nobody gets more than W / (W + J). And all a client sees of an arrival is the head, which
comes by a way back with an excess of its own: then it is W / (W + J there + J back).
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from gates import gate_of, minute
from quota_oracle import KINDS, Judge, Network, Window, drive
from virtual_time import run_virtual, virtual_clock

from ghmodels_async.clock import Clock
from ghmodels_async.profiles import Rate

HOURS = 10

Way = Callable[[random.Random], float]


def second(amount: int) -> Rate:
    return Rate(amount=amount, window=1.0, type="PerSecond")


def between(least: float, most: float) -> Way:
    return lambda luck: luck.uniform(least, most)


def full_queue(
    way: Callable[[Clock], Way],
    *,
    kind: str = "sliding",
    hours: float = HOURS,
    amount: int = 1,
    streamed: bool = True,
    priority: str = "default",
) -> tuple[float, Judge]:
    """The part of the quota that was used by a queue that is never empty, there and back the same way."""

    async def run() -> Judge:
        clock = virtual_clock()
        gate = gate_of(clock, second(amount), minute(1_000))
        judge = Judge([Window("PerSecond", amount, 1.0, kind, phase=0.3, model="m")])
        network = Network(random.Random(7), way(clock), lambda luck: luck.uniform(1, 4), way(clock), streamed)
        until = clock.now() + hours * 3600
        await drive(gate, judge, network, clock, model="m", until=until, workers=8 * amount, priority=priority)
        return judge

    judge = run_virtual(run())
    return judge.accepted / (hours * 3600 * amount), judge


@pytest.mark.parametrize("kind", KINDS)
def test_ten_hours_over_a_home_uplink_meet_no_429(kind: str) -> None:
    use, judge = full_queue(lambda clock: between(0.02, 0.25), kind=kind)
    assert judge.refusals == []
    assert 0.79 <= use <= 1 / 1.23  # seen by heads: 0.115 s of excess there and 0.115 s back


@pytest.mark.parametrize(
    ("least", "most", "reached"),
    [
        (0.005, 0.02, 0.975),  # of 0.985; with the way itself for a margin: 0.957
        (0.1, 0.13, 0.955),  # of 0.971; 0.801
        (0.04, 0.04, 0.99),  # of 1; 0.909
    ],
)
def test_ten_hours_over_a_steady_way_come_close_to_the_most(least: float, most: float, reached: float) -> None:
    use, judge = full_queue(lambda clock: between(least, most))
    assert judge.refusals == []
    assert reached <= use <= 1 / (1 + most - least)


def test_several_per_second_do_as_well() -> None:
    use, judge = full_queue(lambda clock: between(0.005, 0.02), amount=5, hours=2)
    assert judge.refusals == []
    assert use >= 0.97


def test_a_batch_is_not_spread_over_a_second() -> None:
    use, judge = full_queue(lambda clock: between(0.005, 0.02), priority="batch", hours=2)
    assert judge.refusals == []
    assert use >= 0.97  # at one per window and margin: 0.769


def test_whole_replies_say_nothing_of_their_way_and_keep_the_whole_margin() -> None:
    use, judge = full_queue(lambda clock: between(0.02, 0.25), streamed=False)
    assert judge.refusals == []
    assert use == pytest.approx(1 / (1 + 0.3 + 0.005), abs=0.002)


def test_a_way_that_becomes_shorter_costs_a_refusal_and_not_the_trust(caplog: pytest.LogCaptureFixture) -> None:
    def way(clock: Clock) -> Way:
        begun = clock.now()
        return lambda luck: luck.uniform(0.1, 0.13) - (0.05 if clock.now() > begun + 3600 else 0.0)

    use, judge = full_queue(way, hours=4)
    assert 1 <= len(judge.refusals) <= 3
    assert use >= 0.90
    assert "another program" not in caplog.text
