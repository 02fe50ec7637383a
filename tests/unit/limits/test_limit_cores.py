"""Token logs, slots, shares, evidence, estimates, headers, days: each core by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from ghmodels_async.limits.anchored import AnchoredLog
from ghmodels_async.limits.days import day_around
from ghmodels_async.limits.eta import grant_at, quota_time
from ghmodels_async.limits.evidence import latest_arrival
from ghmodels_async.limits.quota import Limit
from ghmodels_async.limits.shares import NOBODY, Shares
from ghmodels_async.limits.slots import Slots
from ghmodels_async.limits.tightening import Told, told, unaccounted
from ghmodels_async.limits.tokens import TokenLog
from ghmodels_async.limits.window import NEVER, RateLog

STREAM = {"content-type": "text/event-stream; charset=utf-8"}


class TestTokens:
    def log(self, amount: int = 100) -> TokenLog:
        return TokenLog(Limit("T", amount, 60.0, unit="tokens"), slack=0.0)

    def send(self, log: TokenLog, at: float, weight: int) -> None:
        log.take(at, weight)
        log.sent(at, weight)

    def test_waits_until_enough_has_left(self) -> None:
        log = self.log()
        self.send(log, 0.0, 60)
        self.send(log, 10.0, 30)
        assert log.ready_at(20.0, 10) == 20.0
        assert log.ready_at(20.0, 11) == 60.0
        assert log.ready_at(20.0, 75) == 70.0
        assert log.used() == 90

    def test_settles_by_usage(self) -> None:
        log = self.log()
        self.send(log, 0.0, 60)
        log.amend(0.0, 60, 20)
        assert log.room(1.0) == 80
        log.amend(0.0, 20, 150)
        assert log.room(1.0) == 0
        log.amend(5.0, 1, 2)  # nobody there: its window has passed
        assert log.used() == 150

    def test_moves_refunds_and_forgets(self) -> None:
        log = self.log()
        self.send(log, 0.3, 60)
        log.move(0.3, 5.0, 60)
        assert log.ready_at(6.0, 50) == 65.0
        log.take(6.0, 10)
        log.refund(10)
        assert log.ready_at(65.0, 100) == 65.0
        log.move(5.0, 4.0, 60)
        assert log.used() == 0
        log.fill(40, 66.0)
        assert log.sent_since(65.0) == 40
        log.fill(0, 66.0)
        log.clear()
        assert log.used() == 0

    def test_memory_follows_what_was_sent_lately(self) -> None:
        log, longest = self.log(1_000_000_000), 0
        for n in range(10_000):  # ten per second
            self.send(log, n / 10, 7)
            longest = max(longest, len(log.marks_since(-NEVER)))
        assert longest <= 4 * 600
        assert log.room(999.9) == 1_000_000_000 - 600 * 7

    def test_equal_marks_with_other_weights_are_kept_apart(self) -> None:
        log = self.log()
        self.send(log, 1.0, 10)
        self.send(log, 1.0, 20)
        log.move(1.0, 2.0, 20)
        log.amend(2.0, 20, 30)
        assert log.used() == 40

    def test_what_is_held_is_waited_for(self) -> None:
        log = self.log()
        log.take(0.0, 100)
        assert log.ready_at(5.0, 1) == 65.0

    def test_heavier_than_everything_goes_when_nothing_counts(self) -> None:
        log = self.log()
        self.send(log, 0.0, 1)
        assert log.ready_at(1.0, 5000) == 60.0

    def test_thousands_of_requests_leave_no_rubbish(self) -> None:
        log = self.log()
        for n in range(1000):
            self.send(log, float(n), 1)
            log.ready_at(float(n), 1)
        assert log.room(999.0) == 100 - 60
        assert log.used() == 60


class TestSlots:
    def test_frees_at_once_or_after_a_linger(self) -> None:
        slots = Slots(2)
        slots.take()
        slots.take()
        assert slots.ready_at(0.0) == NEVER
        slots.give_back(5.0)
        assert slots.ready_at(1.0) == 5.0
        slots.give_back(3.0)  # never before one that left earlier
        assert slots.ready_at(4.0) == 5.0
        assert slots.ready_at(5.0) == 5.0
        assert slots.used == 0

    def test_no_limit_is_no_limit(self) -> None:
        slots = Slots(None)
        for _ in range(1000):
            slots.take()
        assert slots.ready_at(3.0) == 3.0
        assert slots.wait_for(10**6, 3.0) == 3.0

    def test_learns_the_ceiling_from_a_refusal(self) -> None:
        slots = Slots(None)
        for _ in range(3):
            slots.take()
        slots.refused(2)
        assert (slots.ceiling, slots.cap) == (2, 2)
        slots.refused(None)
        assert slots.cap == 2

    def test_a_refusal_below_the_ceiling_costs_places_that_clean_replies_bring_back(self) -> None:
        slots = Slots(5, step=2)
        slots.take()
        slots.take()
        slots.refused(5)
        assert (slots.ceiling, slots.cap) == (5, 1)
        for _ in range(20):
            slots.completed(1.0)
        assert slots.cap == 5

    def test_estimates_by_service_time(self) -> None:
        slots = Slots(2)
        slots.completed(10.0)
        assert slots.service == 10.0
        slots.completed(20.0)
        assert slots.service == pytest.approx(11.0)
        slots.take()
        assert slots.wait_for(0, 0.0) == 0.0
        slots.take()
        assert slots.wait_for(0, 0.0) == pytest.approx(5.5)
        assert slots.wait_for(2, 0.0) == pytest.approx(16.5)

    def test_others_may_hold_all_there_are_for_a_while(self) -> None:
        slots = Slots(2)
        slots.hold(7.0)
        assert (slots.ready_at(1.0), slots.ready_at(7.0)) == (7.0, 7.0)
        assert slots.free == 2

    def test_an_heir_lets_orphans_linger(self) -> None:
        slots = Slots(2)
        slots.take()
        heir = slots.orphaned(9.0)
        slots.give_back()
        assert (heir.used, heir.free) == (1, 1)
        heir.take()
        assert heir.ready_at(1.0) == 9.0

    def test_another_ceiling(self) -> None:
        slots = Slots(5)
        slots.restrict(1)
        slots.take()
        assert slots.ready_at(0.0) == NEVER


class TestShares:
    def test_strict_order_without_guarantees(self) -> None:
        shares = Shares((0.0, 0.0, 0.0))
        for _ in range(50):
            assert shares.turn((1, 1, 1)) == 0
            shares.granted(0, (1, 1, 1))
        assert shares.turn((0, 0, 0)) == NOBODY
        assert shares.turn((0, 0, 3)) == 2

    def test_a_guarantee_is_kept_exactly(self) -> None:
        shares = Shares((0.0, 0.2, 0.1))
        counts = [0, 0, 0]
        for _ in range(1000):
            rank = shares.turn((1, 1, 1))
            counts[rank] += 1
            shares.granted(rank, (1, 1, 1))
        assert counts == pytest.approx([700, 200, 100], abs=3)

    def test_idleness_is_no_credit(self) -> None:
        shares = Shares((0.0, 0.0, 0.5))
        shares.granted(0, (1, 0, 1))
        shares.granted(0, (1, 0, 0))
        shares.granted(0, (1, 0, 1))
        assert shares.turn((1, 0, 1)) == 0


class TestEvidence:
    @pytest.mark.parametrize(
        ("head", "status", "headers", "cautious", "arrival"),
        [
            (10.2, 200, {}, False, 10.2),
            (15.0, 200, STREAM, False, 15.0),
            (15.0, 503, {}, False, 15.0),
            (15.0, 200, {"openai-processing-ms": "4500"}, False, 10.5),
            (15.0, 200, {"x-envoy-upstream-service-time": "9999"}, False, 10.0),
            (15.0, 200, {"openai-processing-ms": "soon"}, False, 15.0),
            (15.0, 200, {}, False, 10.3),
            (15.0, 200, {}, True, 15.0),
        ],
    )
    def test_cases(self, head: float, status: int, headers: dict[str, str], cautious: bool, arrival: float) -> None:
        assert latest_arrival(10.0, head, status, headers, travel=0.3, cautious=cautious) == pytest.approx(arrival)


class TestEstimates:
    def log(self, amount: int, window: float) -> RateLog:
        return RateLog(Limit("M", amount, window), slack=0.0)

    def simulated(self, specs: list[tuple[int, float]], count: int) -> list[float]:
        """Grants one after the other, the slow way."""
        logs = [self.log(*spec) for spec in specs]
        now, times = 0.0, []
        for _ in range(count):
            while (at := max(log.ready_at(now) for log in logs)) > now:
                now = at
            for log in logs:
                log.take(now)
                log.sent(now)
            times.append(now)
        return times

    @pytest.mark.parametrize(
        "specs",
        [[(3, 60.0)], [(3, 60.0), (10, 3600.0)], [(2, 60.0), (24, 60.0)], [(2, 10.0), (5, 60.0), (20, 3600.0)]],
    )
    def test_agree_with_granting_one_by_one(self, specs: list[tuple[int, float]]) -> None:
        logs = sorted((self.log(*spec) for spec in specs), key=lambda log: log.window)
        assert [grant_at(logs, k, 0.0) for k in range(60)] == pytest.approx(self.simulated(specs, 60))

    def test_quota_time_is_that_of_a_perfect_client(self) -> None:
        assert quota_time([(15, 60.0), (300, 86_400.0)], 164) == 600.0
        assert quota_time([(15, 60.0), (300, 86_400.0)], 316) == 86_460.0
        assert quota_time([], 5) == 0.0
        assert quota_time([(1, 60.0)], 0) == 0.0


class TestHeaders:
    def test_reads_complete_limits_only(self) -> None:
        headers = {
            "x-ratelimit-limit-requests": "30",
            "x-ratelimit-remaining-requests": "29",
            "x-ratelimit-reset-requests": "6m0s",
            "x-ratelimit-limit-tokens": "6000",
            "x-ratelimit-remaining-tokens": "5990",
        }
        assert told(headers) == [Told("requests", 30, 29, 360.0)]

    @pytest.mark.parametrize(
        ("text", "seconds"), [("17", 17.0), ("120ms", 0.12), ("1h2m3.5s", 3723.5), ("1d", 86_400.0)]
    )
    def test_durations(self, text: str, seconds: float) -> None:
        headers = {
            "x-ratelimit-limit-tokens": "9",
            "x-ratelimit-remaining-tokens": "9",
            "x-ratelimit-reset-tokens": text,
        }
        assert told(headers)[0].reset == pytest.approx(seconds)

    @pytest.mark.parametrize("text", ["", "soon", "1.2.3s", "-5", "nan", "9999999999", "5 s"])
    def test_nonsense_says_nothing(self, text: str) -> None:
        headers = {
            "x-ratelimit-limit-tokens": "9",
            "x-ratelimit-remaining-tokens": "9",
            "x-ratelimit-reset-tokens": text,
        }
        assert told(headers) == []
        assert told({**headers, "x-ratelimit-remaining-tokens": "10", "x-ratelimit-reset-tokens": "1"}) == []

    def test_only_what_the_server_counts_beyond_us_is_somebody_elses(self) -> None:
        assert unaccounted(Told("requests", 30, 20, 1.0), used=4) == 6
        assert unaccounted(Told("requests", 30, 20, 1.0), used=12) == 0


class TestDays:
    def test_utc(self) -> None:
        noon = datetime(2026, 2, 28, 12, tzinfo=UTC).timestamp()
        assert day_around(noon, "utc") == (noon - 43_200, noon + 43_200)

    def test_west_coast_days_agree_with_the_systems_zone_for_thirty_years(self) -> None:
        try:
            zone = ZoneInfo("America/Los_Angeles")
        except ZoneInfoNotFoundError:
            pytest.skip("this system has no zone files")
        moment = datetime(2007, 6, 1, 3, 30, tzinfo=UTC)
        while moment.year < 2037:
            start, end = day_around(moment.timestamp(), "us-pacific")
            here = moment.astimezone(zone).date()
            midnight = datetime(here.year, here.month, here.day, tzinfo=zone)
            following = here + timedelta(days=1)
            next_midnight = datetime(following.year, following.month, following.day, tzinfo=zone)
            assert (start, end) == (midnight.timestamp(), next_midnight.timestamp()), moment
            moment += timedelta(hours=7)

    def test_near_midnight_a_request_counts_on_both_sides(self) -> None:
        def turn(instant: float) -> tuple[float, float]:
            return instant // 100 * 100, instant // 100 * 100 + 100

        log = AnchoredLog(Limit("D", 1, 100.0, anchor="utc"), slack=2.0, turn=turn)
        log.take(50.0)
        log.sent(50.0)
        assert log.ready_at(60.0) == 102.0
        log.take(103.0)
        log.sent(199.0)
        assert log.ready_at(199.5) == 302.0
        assert log.day(201.0) == (100.0, 200.0)
        assert log.day(202.5) == (200.0, 300.0)

    def test_a_clock_that_was_set_is_believed_when_the_old_day_is_over_too(self) -> None:
        shift = 0.0

        def turn(instant: float) -> tuple[float, float]:
            start = (instant + shift) // 100 * 100 - shift
            return start, start + 100

        log = AnchoredLog(Limit("D", 1, 100.0, anchor="utc"), slack=2.0, turn=turn)
        log.take(50.0)
        log.sent(50.0)
        assert log.ready_at(60.0) == 102.0
        shift = 45.0
        log.distrust()
        assert log.ready_at(60.0) >= 102.0
