from __future__ import annotations

import asyncio
import time

import pytest

from ghmodels_async.clock import Clock
from ghmodels_async.limits.ledger import timebase
from ghmodels_async.limits.ledger.timebase import Reading, clock_reader, step_between


@pytest.mark.parametrize(
    ("before", "now", "step"),
    [
        (None, Reading("boot", 50.0, 1.0), 0.0),
        (Reading("boot", 1000.0, 10.0), Reading("boot", 1100.0, 110.0), 0.0),
        (Reading("boot", 1000.0, 10.0), Reading("boot", 1101.9, 110.0), 0.0),
        (Reading("boot", 1000.0, 10.0), Reading("boot", 8300.0, 110.0), 7200.0),
        (Reading("boot", 1000.0, 10.0), Reading("boot", -2500.0, 110.0), -3600.0),
        (Reading("boot", 1000.0, 10.0), Reading("next boot", 400.0, 2.0), -600.0),
        (Reading("boot", 1000.0, 10.0), Reading("next boot", 5000.0, 2.0), 0.0),
        (Reading("boot", 1000.0, None), Reading("boot", 999.0, None), 0.0),
        (Reading("boot", 1000.0, None), Reading("boot", 900.0, None), -100.0),
    ],
    ids=[
        "the first reading proves nothing",
        "both clocks agree",
        "a slew is tolerated",
        "set two hours ahead",
        "set an hour back",
        "after a boot: before the last reading",
        "after a boot: ahead is believed",
        "no steady clock, a moment back is tolerated",
        "no steady clock, set back",
    ],
)
def test_a_step_of_the_wall_clock_is_what_the_steady_one_does_not_explain(
    before: Reading | None, now: Reading, step: float
) -> None:
    assert step_between(before, now) == pytest.approx(step)


async def test_processes_of_one_boot_read_comparable_clocks() -> None:
    now = asyncio.get_running_loop().time()
    one, other = clock_reader(Clock(), now)(), clock_reader(Clock(), now)()
    assert one.base == other.base
    assert one.steady is not None
    assert step_between(one, other) == 0.0
    assert clock_reader(Clock(60.0), now)().base != one.base, "another scale is another time"


async def test_scaled_readings_agree_with_their_wall() -> None:
    read = clock_reader(Clock(1000.0), asyncio.get_running_loop().time())
    before = read()
    await asyncio.sleep(0.01)
    assert abs(step_between(before, read())) == 0.0


@pytest.mark.virtual_time
async def test_virtual_time_has_no_steady_clock(clock: Clock) -> None:
    now = asyncio.get_running_loop().time()
    assert clock_reader(clock, now)().steady is None
    assert clock_reader(clock, now)().base != clock_reader(clock, now)().base


def test_without_a_named_boot_only_this_process_is_comparable(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(self: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(timebase.Path, "read_text", absent)
    assert clock_reader(Clock(), time.monotonic())().base.startswith("process-")


def test_macos_sleep_counts_as_elapsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    reading = clock_reader(Clock(), time.monotonic())()
    assert reading.steady == pytest.approx(time.clock_gettime(time.CLOCK_MONOTONIC), abs=1.0)
