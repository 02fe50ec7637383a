"""What the fastest answer says about the next one."""

from __future__ import annotations

import random

import pytest

from ghmodels_async.limits.road import Road

NEVER = float("-inf")


def told(road: Road, *times: float) -> None:
    for took in times:
        road.mark_of(0.0, took, NEVER)


def test_nothing_is_concluded_from_few_answers() -> None:
    road = Road()
    told(road, *[0.2] * 49)
    assert road.least == 0.0
    assert road.mark_of(5.0, 5.2, NEVER) == 5.2
    assert road.least == pytest.approx(0.2)


def test_a_mark_lies_before_the_head_by_the_shortest_way_there_and_back() -> None:
    road = Road()
    told(road, *[0.2] * 50)
    assert road.mark_of(5.0, 5.7, NEVER) == pytest.approx(5.5)


def test_a_faster_answer_than_any_before_is_no_earlier_than_its_sending() -> None:
    road = Road()
    told(road, *[0.2] * 50)
    assert road.mark_of(5.0, 5.1, NEVER) == 5.0
    assert road.least < 0.1


def test_a_cautious_lane_concludes_nothing() -> None:
    road = Road()
    told(road, *[0.2] * 50)
    assert road.mark_of(5.0, 5.2, 6.0) == 5.2


def test_the_guard_shrinks_with_what_was_heard_but_not_to_nothing() -> None:
    luck, road, guards = random.Random(1), Road(), []
    for count in range(1, 10_001):
        told(road, luck.uniform(0.1, 0.3))
        if count in (50, 500, 10_000):
            guards.append(0.1 - road.least)
    assert guards[0] > guards[1] > guards[2] == pytest.approx(0.01, rel=0.05)
