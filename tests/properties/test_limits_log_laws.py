"""Laws of the sliding log: against the plainest model, and of what it lets through against every server kind."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quota_oracle import KINDS, Window

from ghmodels_async.limits.eta import grant_at
from ghmodels_async.limits.quota import Limit
from ghmodels_async.limits.tokens import TokenLog
from ghmodels_async.limits.window import RateLog

seconds = st.integers(0, 400).map(lambda n: n / 4)


@dataclass
class Entry:
    weight: int
    mark: float | None = None


class PlainLog:
    """The same promises with nothing clever: a list, searched each time."""

    def __init__(self, amount: int, hold: float) -> None:
        self.amount = amount
        self.hold = hold
        self.entries: list[Entry] = []

    def counting(self, now: float) -> list[Entry]:
        return [entry for entry in self.entries if entry.mark is None or entry.mark + self.hold > now]

    def ready_at(self, now: float, weight: int) -> float:
        weight = min(weight, self.amount)
        moments = [now, *sorted(entry.mark + self.hold for entry in self.counting(now) if entry.mark is not None)]
        for moment in moments:
            if sum(entry.weight for entry in self.counting(moment)) + weight <= self.amount:
                return moment
        return math.inf  # somebody has to be sent first


@settings(max_examples=300, deadline=None)
@given(st.data(), st.integers(1, 6), st.booleans())
def test_a_log_answers_like_a_plain_list(data: st.DataObject, amount: int, weighted: bool) -> None:
    window, slack = 60.0, 0.5
    unit = "tokens" if weighted else "requests"
    limit = Limit("M", amount, window, unit=unit)  # type: ignore[arg-type]
    log: RateLog = TokenLog(limit, slack=slack) if weighted else RateLog(limit, slack=slack)
    plain = PlainLog(amount, window + slack)
    now = 0.0
    for _ in range(data.draw(st.integers(1, 25), label="steps")):
        action = data.draw(st.sampled_from(["wait", "take", "send", "refund", "move"]), label="action")
        held = [entry for entry in plain.entries if entry.mark is None]
        sent = [entry for entry in plain.counting(now) if entry.mark is not None]
        weight = data.draw(st.integers(1, amount), label="weight") if weighted else 1
        if action == "wait":
            now += data.draw(seconds, label="seconds")
        elif action == "take" and plain.ready_at(now, weight) <= now:
            assert log.ready_at(now, weight) <= now
            log.take(now, weight)
            plain.entries.append(Entry(weight))
        elif action == "send" and held:
            entry = data.draw(st.sampled_from(held), label="entry")
            entry.mark = now + 0.25
            log.sent(entry.mark, entry.weight)
        elif action == "refund" and held:
            entry = data.draw(st.sampled_from(held), label="entry")
            plain.entries.remove(entry)
            log.refund(entry.weight)
        elif action == "move" and sent:
            entry = data.draw(st.sampled_from(sent), label="entry")
            assert entry.mark is not None
            new = max(0.0, entry.mark + data.draw(st.integers(-1, 20), label="later") / 4)
            log.move(entry.mark, new, entry.weight)
            entry.mark = new
        for asked in (weight, 1, amount):
            expected, answer = plain.ready_at(now, asked), log.ready_at(now, asked)
            assert answer == pytest.approx(expected) if expected < math.inf else answer > now
        assert log.room(now) == amount - sum(entry.weight for entry in plain.counting(now))
        assert log.quick <= max(0, log.room(now))


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    amount=st.integers(1, 8),
    travels=st.lists(st.tuples(st.floats(0.02, 0.3), st.booleans(), st.floats(0.0, 2.0)), min_size=10, max_size=60),
    pauses=st.lists(st.floats(0.0, 90.0), min_size=10, max_size=60),
)
def test_no_server_ever_refuses_what_a_log_lets_through(
    kind: str, amount: int, travels: list[tuple[float, bool, float]], pauses: list[float]
) -> None:
    """Requests leave as soon as the log allows or later, arrive within the margin, and sometimes tell when they did."""
    server = Window("M", amount, 60.0, kind)
    log = RateLog(Limit("M", amount, 60.0), slack=0.02)
    now = 0.0
    arrivals: list[tuple[float, float, float]] = []
    for (travel, answers, service), pause in zip(travels, pauses, strict=False):
        now = max(now, log.ready_at(now))
        if pause > 60:
            now += pause - 60
        log.take(now)
        log.sent(now + 0.3)
        if answers:  # its head comes before the window is over; by then the log knows better
            log.move(now + 0.3, now + travel + service)
        arrivals.append((now + travel, now, service))
    for arrival, _, _ in sorted(arrivals):
        assert server.wait(arrival) == 0.0
        server.add(arrival, accepted=True)


@settings(max_examples=60, deadline=None)
@given(amount=st.integers(1, 5), spread=st.floats(0.1, 0.3))
def test_without_a_margin_the_same_schedule_is_refused(amount: int, spread: float) -> None:
    server = Window("M", amount, 60.0, "sliding")
    log = RateLog(Limit("M", amount, 60.0), slack=0.0)
    now, refused = 0.0, 0
    for number in range(4 * amount):
        now = max(now, log.ready_at(now))
        log.take(now)
        log.sent(now)
        arrival = now + (spread if (number // amount) % 2 == 0 else 0.0)  # slow windows, then fast ones
        refused += server.wait(arrival) > 0
        server.add(arrival, accepted=True)
    assert refused > 0


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.sampled_from([10.0, 60.0, 600.0, 3600.0])), min_size=1, max_size=3),
    st.lists(st.integers(0, 50), max_size=10),
    st.integers(0, 40),
)
def test_an_estimate_is_never_later_than_the_truth_and_exact_from_a_fresh_start(
    specs: list[tuple[int, float]], history: list[int], ahead: int
) -> None:
    logs = sorted((RateLog(Limit("M", *spec), slack=0.0) for spec in specs), key=lambda log: log.window)
    now = 0.0

    def grant(at: float) -> float:
        while (ready := max(log.ready_at(at) for log in logs)) > at:
            at = ready
        for log in logs:
            log.take(at)
            log.sent(at)
        return at

    for pause in history:
        now = grant(now) + pause
    said = grant_at(logs, ahead, now)
    moment = now
    for _ in range(ahead + 1):
        moment = grant(moment)
    assert said <= moment + 1e-6
    if not history:
        assert said == pytest.approx(moment)
