"""What tests can ask about the requests a service saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ghmodels_async.simulator import Fault

Open = Callable[..., Any]


def test_arrivals_are_counted_by_status_limit_account_and_model(desk: Open) -> None:
    asked = desk()
    for token in ("a", "a", "b"):
        asked.ask(token=token, model="openai/gpt-4.1")
    asked.simulation.set_limit("UserByModelByMinute", 2)
    asked.ask(token="a", model="openai/gpt-4.1")
    log = asked.simulation.log
    assert log.statuses == {200: 3, 429: 1} and log.limits == {"UserByModelByMinute": 1}
    assert log.by("account") == {"account-1": 3, "account-2": 1}
    assert log.count(account="account-1", admitted=True) == 2
    assert log.count(lambda arrival: arrival.at == asked.now, status=429) == 1
    assert len(log) == log.total == 4 and log[0].number == 1


def test_the_most_in_any_window_is_found_wherever_the_window_starts(desk: Open) -> None:
    asked = desk()
    for gap in (0, 50, 9, 2, 30, 30):
        asked.now += gap
        asked.ask()
    assert asked.simulation.log.most_in_window(60) == 4
    assert asked.simulation.log.most_in_window(40) == 3
    assert asked.simulation.log.most_in_window(1) == 1


def test_open_and_peak_follow_the_exchanges(desk: Open) -> None:
    asked = desk()
    for _ in range(3):
        asked.ask(hold=True)
    asked.let_go()
    asked.ask(hold=True)
    assert (asked.simulation.log.open, asked.simulation.log.peak) == (1, 3)
    asked.let_go()
    asked.let_go()
    assert asked.simulation.log.open == 0
    assert asked.simulation.log[0].ended == "whole" and asked.simulation.log[0].finished_at == asked.now


def test_the_same_body_twice_is_seen_as_a_repeat(desk: Open) -> None:
    asked = desk()
    asked.ask(seed=1)
    asked.ask(seed=2)
    assert asked.simulation.log.repeats() == []
    asked.ask(seed=1)
    assert asked.simulation.log.repeats(status=200) == [asked.last.digest]


def test_memory_is_bounded_but_counters_are_exact(desk: Open) -> None:
    asked = desk(keep=5)
    for _ in range(15):
        asked.ask()
    log = asked.simulation.log
    assert len(log) == 5 and log.total == 15 and log.statuses[200] == 15
    log.clear()
    assert len(log) == log.total == log.peak == 0


def test_tokens_and_prompts_are_never_kept_and_bodies_only_when_asked_for(desk: Open) -> None:
    asked = desk()
    asked.ask(token="ghp_secret", messages=[{"role": "user", "content": "private words"}])
    assert "ghp_secret" not in repr(list(asked.simulation.log)) and "private" not in repr(list(asked.simulation.log))
    asked = desk(record=True)
    asked.ask(token="ghp_secret", headers={"x-extra": "1"}, messages=[{"role": "user", "content": "private words"}])
    assert asked.last.body["messages"][0]["content"] == "private words"
    assert asked.last.headers == {"x-extra": "1"}


@pytest.mark.parametrize("fault", [Fault.server_error(), Fault.reset_mid_stream()])
def test_a_fault_is_named_and_still_holds_its_slot(desk: Open, fault: Fault) -> None:
    asked = desk()
    asked.simulation.script([fault])
    asked.ask(hold=True)
    assert asked.last.fault == fault.name and asked.last.admitted
    assert asked.simulation.log.open == 1
