"""Each law of the simulated service, against its definition computed from the list of admitted instants alone."""

from __future__ import annotations

from datetime import UTC, datetime
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghmodels_async.simulator.windows import WINDOW_KINDS, Window, WindowKind, open_window

EPOCH = 1_800_000_000.0
LENGTH = 60.0
gaps = st.lists(
    st.one_of(st.just(0.0), st.floats(0.001, 5.0), st.floats(5.0, 200.0)).map(lambda gap: round(gap, 3)),
    min_size=1,
    max_size=150,
)
amounts = st.integers(1, 12)


def admitted(window: Window, steps: list[float]) -> list[float]:
    """Instants at which the window admits one request, asked after each gap."""
    now, let_in = EPOCH, []
    for step in steps:
        now += step
        if window.wait(now) == 0:
            window.take(now)
            let_in.append(now)
        else:
            window.refuse(now)
    return let_in


def most_in_any_interval(instants: list[float]) -> int:
    return max((sum(at - LENGTH < other <= at for other in instants) for at in instants), default=0)


@given(amount=amounts, steps=gaps)
@pytest.mark.parametrize("kind", ["sliding", "rejects"])
def test_a_sliding_log_never_has_more_than_its_amount_in_any_interval(
    kind: WindowKind, amount: int, steps: list[float]
) -> None:
    assert most_in_any_interval(admitted(open_window(kind, amount, LENGTH), steps)) <= amount


@given(amount=amounts, steps=gaps)
def test_a_fixed_window_opens_with_a_request_and_holds_its_amount(amount: int, steps: list[float]) -> None:
    start, count = float("-inf"), 0
    for at in admitted(open_window("fixed", amount, LENGTH), steps):
        if at >= start + LENGTH:
            start, count = at, 0
        count += 1
        assert count <= amount


@given(amount=amounts, steps=gaps)
def test_an_aligned_window_holds_its_amount_per_minute_of_the_wall_clock(amount: int, steps: list[float]) -> None:
    let_in = admitted(open_window("aligned", amount, LENGTH), steps)
    minutes = [floor(at / LENGTH) for at in let_in]
    assert all(minutes.count(minute) <= amount for minute in minutes)


@given(amount=amounts, steps=gaps)
def test_a_bucket_never_gives_more_than_it_held_plus_what_flowed_in(amount: int, steps: list[float]) -> None:
    let_in = admitted(open_window("bucket", amount, LENGTH), steps)
    for first in range(len(let_in)):
        for last in range(first, len(let_in)):
            assert last - first + 1 <= amount + (let_in[last] - let_in[first]) * amount / LENGTH + 1e-3


@given(amount=amounts, steps=gaps)
def test_a_sliding_counter_never_estimates_more_than_its_amount(amount: int, steps: list[float]) -> None:
    let_in = admitted(open_window("counter", amount, LENGTH), steps)
    for number, at in enumerate(let_in):
        start = floor(at / LENGTH) * LENGTH
        so_far = let_in[: number + 1]
        older = sum(start - LENGTH <= other < start for other in so_far)
        newer = sum(other >= start for other in so_far)
        assert older * (1 - (at - start) / LENGTH) + newer <= amount + 1e-5


@given(amount=amounts, steps=gaps)
@pytest.mark.parametrize("kind", ["sliding", "fixed", "aligned", "bucket"])
def test_a_law_admits_everything_from_a_client_that_keeps_the_window_from_any_start(
    kind: WindowKind, amount: int, steps: list[float]
) -> None:
    """A schedule with at most L arrivals in every interval of W passes each of these laws."""
    window = open_window(kind, amount, LENGTH)
    now, sent = EPOCH, []
    for step in steps:
        now += step
        if sum(now - LENGTH - 0.01 < at for at in sent) < amount:
            assert window.wait(now) == 0
            window.take(now)
            sent.append(now)


@given(amount=amounts, steps=gaps)
@pytest.mark.parametrize("kind", [kind for kind in WINDOW_KINDS if kind != "rejects"])
def test_whoever_waits_as_long_as_told_gets_in(kind: WindowKind, amount: int, steps: list[float]) -> None:
    window = open_window(kind, amount, LENGTH)
    let_in = admitted(window, steps)
    now = EPOCH + sum(steps)
    wait = window.wait(now)
    assert window.wait(now + wait + 1e-5) == 0
    assert wait <= 2 * LENGTH
    assert let_in or wait == 0


@given(steps=gaps)
def test_a_reject_counting_log_stays_shut_for_a_client_that_hammers(steps: list[float]) -> None:
    window = open_window("rejects", 1, LENGTH)
    now = EPOCH
    window.take(now)
    for step in steps:
        now += min(step, LENGTH - 1)
        assert window.wait(now) > 0
        window.refuse(now)


@given(at=st.floats(1.7e9, 1.9e9))
def test_an_anchored_day_ends_at_midnight_whatever_the_law_is_called(at: float) -> None:
    window = open_window("sliding", 1, 86400, anchor="utc")
    window.take(at)
    end = datetime.fromtimestamp(at + window.wait(at) + 1e-3, UTC)
    assert (end.hour, end.minute, end.second) == (0, 0, 0)


def test_a_pacific_day_ends_at_seven_or_eight_in_the_morning_utc() -> None:
    for month, hour in ((1, 8), (7, 7)):
        noon = datetime(2026, month, 15, 12, tzinfo=UTC).timestamp()
        window = open_window("sliding", 1, 86400, anchor="us-pacific")
        window.take(noon)
        assert datetime.fromtimestamp(noon + window.wait(noon), UTC).hour == hour


@given(costs=st.lists(st.tuples(st.floats(0.01, 30).map(lambda g: round(g, 3)), st.integers(1, 400)), max_size=60))
def test_tokens_are_counted_by_weight(costs: list[tuple[float, int]]) -> None:
    window = open_window("sliding", 1000, LENGTH)
    now, spent = EPOCH, []
    for step, cost in costs:
        now += step
        if window.wait(now, cost) == 0:
            window.take(now, cost)
            spent.append((now, cost))
    for at, _ in spent:
        assert sum(cost for other, cost in spent if at - LENGTH < other <= at) <= 1000


def test_an_unknown_law_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="sliding, fixed, aligned"):
        open_window("sundial", 1, 60)  # type: ignore[arg-type]
