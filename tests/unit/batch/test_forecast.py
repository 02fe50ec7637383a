"""How long a batch takes, from limits alone."""

from __future__ import annotations

import time
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghmodels_async.batch import ModelQuota, Window, forecast

MINUTE, DAY = 60.3, 86_400.3


def model(name: str, per_minute: int, per_day: int) -> ModelQuota:
    windows = (Window(per_minute, MINUTE, name="minute"), Window(per_day, DAY, name="day"))
    return ModelQuota(name, windows, pace=MINUTE / per_minute)


HIGH, LOW = model("high", 10, 50), [model(f"low{n}", 15, 150) for n in range(8)]


@pytest.mark.parametrize(
    ("models", "account", "minutes"),
    [
        ([HIGH], [], 19 * 1440 + 5),
        (LOW[:1], [], 6 * 1440 + 7),
        (LOW, [], 8.4),
        (LOW, [Window(24, MINUTE)], 41),
    ],
)
def test_a_thousand_rows_take_what_the_paper_says(
    models: list[ModelQuota], account: list[Window], minutes: float
) -> None:
    found = forecast(models, 1000, account=account, seconds_per_call=4.0)
    assert found.duration / 60 == pytest.approx(minutes, abs=0.05 if minutes < 10 else 0.5)
    assert sum(found.by_model.values()) == 1000


def test_each_reset_is_told_with_the_row_that_runs_then() -> None:
    found = forecast([HIGH], 1000)
    assert [reset.row for reset in found.resets] == list(range(51, 1000, 50))
    assert [reset.after for reset in found.resets[:2]] == [DAY, 2 * DAY]
    assert {reset.limit for reset in found.resets} == {"day"}


def test_what_is_used_already_is_missing_now() -> None:
    quota = ModelQuota("m", (Window(10, 60.0, held=(5.0, 20.0)),))
    assert forecast([quota], 8).duration == 0.0
    assert forecast([quota], 9).duration == 5.0
    assert forecast([quota], 10).duration == 20.0
    assert forecast([quota], 11).duration == 60.0


def test_a_block_delays_everything() -> None:
    assert forecast([ModelQuota("m", (Window(10, 60.0),), blocked=100.0)], 1).duration == 100.0


def test_rows_go_to_whoever_can_take_them_first() -> None:
    blocked = ModelQuota("a", (Window(1, 60.0),), blocked=90.0)
    other = ModelQuota("b", (Window(1, 60.0),))
    found = forecast([blocked, other], 3)
    assert (found.by_model, found.duration) == ({"a": 1, "b": 2}, 90.0)


def test_calls_in_flight_count_when_their_duration_is_known() -> None:
    quota = ModelQuota("m", concurrent=2)
    assert forecast([quota], 100, seconds_per_call=3.0).duration == pytest.approx(50 * 3.0)
    assert forecast([quota], 100).duration == 0.0


@pytest.mark.parametrize("rows", [0, -1])
def test_no_rows_take_no_time(rows: int) -> None:
    assert forecast([HIGH], rows).duration == 0.0
    assert forecast([], 5).duration == 0.0


@pytest.mark.parametrize(
    ("quota", "days"),
    [
        (HIGH, 10_000_000 / 50),
        (model("groq", 30, 14_400), 10_000_000 / 14_400),
        (model("large", 1000, 1_000_000), 10.0),
        (ModelQuota("huge", (Window(3000, 1.0), Window(5_000_000, DAY))), 1.0),
    ],
)
def test_ten_million_rows_are_forecast_in_a_moment(quota: ModelQuota, days: float) -> None:
    before = time.process_time()
    found = forecast([quota], 10_000_000)
    assert time.process_time() - before < 2.0
    assert found.duration / DAY == pytest.approx(days, rel=0.005, abs=1.01)


WINDOWS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 100)), max_size=3)


@settings(max_examples=60, deadline=None)
@given(WINDOWS, WINDOWS, WINDOWS, st.integers(1, 120))
def test_no_window_is_ever_exceeded_and_nobody_waits_in_vain(
    first: list[tuple[int, int]], second: list[tuple[int, int]], both: list[tuple[int, int]], rows: int
) -> None:
    """Against a slower, plainer count: each request at the first instant at which every log has room."""
    models = [
        ModelQuota("a", tuple(Window(*each) for each in first)),
        ModelQuota("b", tuple(Window(*w) for w in second)),
    ]
    account = [Window(*each) for each in both]
    logs = [[deque[float]() for _ in own] for own in (first, second)]
    shared = [deque[float]() for _ in both]

    def ready(own: list[tuple[int, int]], seen: list[deque[float]]) -> float:
        at = 0.0
        for (amount, window), log in (*zip(own, seen, strict=True), *zip(both, shared, strict=True)):
            if len(log) >= amount:
                at = max(at, log[-amount] + window)
        return at

    now = 0.0
    for _ in range(rows):
        options = [ready(first, logs[0]), ready(second, logs[1])]
        chosen = options.index(min(options))
        now = max(now, options[chosen])
        for log in (*logs[chosen], *shared):
            log.append(now)
    assert forecast(models, rows, account=account).duration == pytest.approx(now)
