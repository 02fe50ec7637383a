"""The sliding log: held and sent, marks that move, blocks, canaries, shares, pacing. `now` is always an argument."""

from __future__ import annotations

import math

import pytest

from ghmodels_async.limits.quota import Limit
from ghmodels_async.limits.window import DUE, NEVER, OPEN, OUT, RateLog


def log_of(amount: int = 3, window: float = 60.0, slack: float = 0.02, **more: object) -> RateLog:
    return RateLog(Limit("M", amount, window, model="m", **more), slack=slack)  # type: ignore[arg-type]


def send(log: RateLog, at: float, mark: float | None = None) -> None:
    assert log.ready_at(at) <= at
    log.take(at)
    log.sent(at if mark is None else mark)


def test_a_fresh_log_lets_its_amount_through_at_once() -> None:
    log = log_of(3)
    for _ in range(3):
        assert log.ready_at(5.0) == 5.0
        log.take(5.0)
    assert log.ready_at(5.0) > 5.0
    assert (log.used(), log.room(5.0), log.quick) == (3, 0, 0)


def test_a_place_is_free_one_window_and_the_slack_after_the_latest_possible_arrival() -> None:
    log = log_of(1)
    send(log, 0.0, mark=0.3)
    assert log.ready_at(10.0) == pytest.approx(60.32)
    assert log.ready_at(60.33) == 60.33


def test_what_is_held_never_expires() -> None:
    log = log_of(1)
    log.take(0.0)
    assert log.ready_at(1e6) > 1e6
    log.sent(1e6)
    assert log.ready_at(1e6) == pytest.approx(1e6 + 60.02)


def test_a_refund_is_as_if_nothing_had_been_taken() -> None:
    log = log_of(1)
    log.take(0.0)
    log.refund()
    assert (log.used(), log.quick, log.ready_at(0.0)) == (0, 1, 0.0)


def test_evidence_moves_a_mark_both_ways() -> None:
    log = log_of(1)
    send(log, 0.0, mark=0.3)
    log.move(0.3, 0.1)
    assert log.ready_at(1.0) == pytest.approx(60.12)
    log.move(0.1, 5.0)
    assert log.ready_at(1.0) == pytest.approx(65.02)


def test_memory_follows_what_was_sent_lately_and_not_what_the_limit_would_allow() -> None:
    log, longest = log_of(1_000_000_000), 0
    for n in range(30_000):  # ten per second, so 601 count; they are remembered for 181 seconds
        log.take(n / 10)
        log.sent(n / 10)
        longest = max(longest, len(log.marks_since(-NEVER)))
    assert longest <= 2 * 1_811
    assert log.room(2_999.9) == 1_000_000_000 - 601


def test_late_evidence_about_what_had_expired_counts_again() -> None:
    log = log_of(1)
    send(log, 0.0)
    assert log.ready_at(61.0) == 61.0
    log.take(61.0)
    log.refund()
    log.move(0.0, 59.0)
    assert log.ready_at(61.0) == pytest.approx(119.02)


def test_early_evidence_about_what_had_expired_changes_nothing() -> None:
    log = log_of(2)
    send(log, 0.0, mark=0.3)
    log.ready_at(100.0)
    log.move(0.3, 0.1)
    assert log.room(100.0) == 2


def test_marks_out_of_order_free_in_the_order_of_arrival() -> None:
    log = log_of(2)
    send(log, 0.0, mark=5.0)
    send(log, 1.0, mark=1.3)
    assert log.ready_at(2.0) == pytest.approx(61.32)
    assert log.ready_at(2.0, 2) == pytest.approx(65.02)


def test_a_block_keeps_everybody_out_until_it_ends() -> None:
    log = log_of(3)
    log.block(50.0)
    log.block(40.0)
    assert (log.ready_at(0.0), log.room(0.0), log.quick) == (50.0, 0, 0)
    assert log.ready_at(50.0) == 50.0
    assert log.quick == 3


def test_a_canary_goes_alone() -> None:
    log = log_of(3)
    log.block(10.0)
    log.probe()
    assert log.ready_at(0.0) == 10.0
    log.take(10.0)
    assert (log.canary, log.out_since, log.ready_at(11.0), log.room(11.0)) == (OUT, 10.0, NEVER, 0)
    log.probed(False)
    assert log.canary == DUE
    log.take(12.0)
    log.probed(True)
    assert (log.canary, log.ready_at(13.0)) == (OPEN, 13.0)


def test_a_canary_goes_when_the_server_said_though_refused_requests_still_count() -> None:
    log = log_of(1)
    send(log, 0.0)
    log.refuse(0.0)
    log.block(5.0)
    log.probe()
    assert log.ready_at(1.0) == 5.0


def test_a_canary_never_breaks_the_limit_with_what_was_let_in() -> None:
    log = log_of(1)
    send(log, 0.0)
    log.block(5.0)
    log.probe()
    assert log.ready_at(1.0) == pytest.approx(60.02)
    held = log_of(1)
    held.take(0.0)
    held.probe()
    assert held.ready_at(1.0) == pytest.approx(61.02)


def test_refusals_are_forgotten_when_nobody_can_ask_about_them_any_more() -> None:
    log = log_of(1)
    for at in range(0, 1000, 100):
        send(log, float(at))
        log.refuse(float(at))
    assert len(log.refused) == 2
    assert log.let_in_since(800.0) == 0


def test_a_share_grows_by_one_per_clean_window_up_to_the_whole() -> None:
    log = log_of(3)
    log.share(1, 0.0)
    send(log, 0.0)
    assert log.ready_at(1.0) == pytest.approx(60.02)
    send(log, 60.02)
    assert log.ready_at(60.03) == 60.03  # grown to two
    assert log.cap == 2
    log.ready_at(121.0)
    assert log.cap == 3
    log.share(1, 121.0)
    log.share(None, 121.0)
    assert log.cap == 3


def test_a_share_is_at_least_one_and_never_more_than_the_limit() -> None:
    log = log_of(3)
    log.share(0, 0.0)
    assert log.cap == 1
    log.share(7, 0.0)
    assert log.cap == 3


def test_pacing_spaces_requests_so_that_one_fewer_fits_a_window() -> None:
    log = RateLog(Limit("M", 10, 60.0, paced=True), slack=0.02, travel=0.3)
    log.take(0.0)
    assert log.ready_at(0.0) == pytest.approx(60.32 / 9)
    assert log.quick <= 0
    one = RateLog(Limit("M", 1, 60.0, paced=True), slack=0.0)
    one.take(0.0)
    one.sent(0.0)
    assert one.ready_at(0.0) == pytest.approx(120.0)


def test_other_numbers_are_adopted_and_what_is_spent_stays_spent() -> None:
    log = log_of(3)
    for at in (0.0, 1.0, 2.0):
        send(log, at)
    log.adopt(Limit("M", 2, 30.0))
    assert log.ready_at(3.0) == pytest.approx(31.02)  # two of three must go
    log.adopt(Limit("M", 5, 60.0))
    assert log.room(3.0) == 2


def test_strangers_requests_count_like_ours() -> None:
    log = log_of(3)
    log.fill(2, 10.0)
    assert (log.used(), log.room(10.0), log.held) == (2, 1, 0)


def test_orphans_count_as_sent_now() -> None:
    log = log_of(3)
    log.take(0.0)
    log.probe()
    log.take(0.0)
    log.orphan(5.0)
    assert (log.held, log.used(), log.canary) == (0, 2, DUE)


def test_clearing_forgets_what_was_sent_and_keeps_what_is_held() -> None:
    log = log_of(3)
    send(log, 0.0)
    log.take(0.0)
    log.clear()
    assert (log.used(), log.last_mark()) == (1, None)


def test_the_last_window_can_be_asked_about_after_thousands_of_requests() -> None:
    log = log_of(10)
    at = 0.0
    for _ in range(5000):
        at = log.ready_at(at)
        send(log, at)
    assert log.sent_since(at - 59) == 10
    assert log.sent_since(at - 119) == 20
    assert len(log.marks_since(-math.inf)) < 200
    assert log.last_mark() == at


def test_the_nth_opening_is_when_the_nth_request_can_go() -> None:
    log = log_of(3)
    for at in (0.0, 1.0, 2.0):
        send(log, at)
    assert [log.opening(5.0, n) for n in (1, 2, 3)] == pytest.approx([60.02, 61.02, 62.02])
    assert log.opening(61.5, 2) == 61.5
    log.block(100.0)
    assert log.opening(5.0, 1) == 100.0
