"""Each safeguard taken away must break a promise: otherwise the tests would not notice its loss.

The promise is checked with the safeguard first and without it then, in the same small world.
"""

from __future__ import annotations

import asyncio
import random

import pytest
from gates import facts_of, gate_of, minute
from quota_oracle import Judge, Network, Window, drive, jitter
from virtual_time import run_virtual, virtual_clock

from ghmodels_async.errors import RateLimitFacts
from ghmodels_async.limits import GateOptions, Outcome, Permit, diagnosis, evidence
from ghmodels_async.limits import permit as permits
from ghmodels_async.limits.feedback import Feedback
from ghmodels_async.limits.window import RateLog


def refusals(*, kind: str = "sliding", margin: float | None = None, streamed: bool = False, hours: float = 0.5) -> int:
    """How many 429s a full queue meets."""

    async def run() -> int:
        clock = virtual_clock()
        gate = gate_of(clock, minute(10), options=GateOptions(margin=margin))
        judge = Judge([Window("UserByModelByMinute", 10, 60.0, kind, model="m")])
        network = Network(random.Random(2), jitter, lambda luck: luck.uniform(1, 4), jitter, streamed)
        await drive(gate, judge, network, clock, model="m", until=clock.now() + hours * 3600, workers=30)
        return len(judge.refusals)

    return run_virtual(run())


@pytest.mark.parametrize("kind", ["sliding", "fixed"])
def test_without_a_margin_requests_arrive_too_early(kind: str) -> None:
    assert refusals(kind=kind) == 0
    assert refusals(kind=kind, margin=0.0) > 0


def test_without_evidence_a_late_arrival_is_followed_too_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(luck: random.Random) -> float:
        return 0.1 if luck.random() < 0.9 else 3.0

    async def run() -> int:
        clock = virtual_clock()
        gate = gate_of(clock, minute(10))
        judge = Judge([Window("UserByModelByMinute", 10, 60.0, model="m")])
        network = Network(random.Random(2), late, lambda luck: 1.0, jitter, streamed=True)
        await drive(gate, judge, network, clock, model="m", until=clock.now() + 1800, workers=30)
        return len(judge.refusals)

    assert run_virtual(run()) == 0
    monkeypatch.setattr(
        permits, "latest_arrival", lambda sent, head, status, headers, *, travel, cautious: sent + travel
    )
    assert run_virtual(run()) > 0
    assert evidence.latest_arrival is not permits.latest_arrival


def test_without_the_added_second_a_floored_wait_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    def second_refusals() -> int:
        async def run() -> int:
            clock = virtual_clock()
            gate = gate_of(clock, minute(10))
            opens = clock.now() + 20.9
            refused = 0
            front = None
            while True:
                permit = await gate.acquire("m", front=front)
                permit.sent(clock.now())
                await clock.sleep(0.05)
                if clock.now() >= opens:
                    return refused
                refused += 1
                told = facts_of("UserByModelByMinute", 10, 60, float(int(opens - clock.now())))
                permit.answered(clock.now(), 429, {})
                gate.rejected(permit, told, clock.now())
                permit.settle(Outcome.REJECTED, at=clock.now())
                front = permit.position

        return run_virtual(run())

    assert second_refusals() == 1
    monkeypatch.setattr(diagnosis, "FLOORED", 0.0)
    assert second_refusals() > 1


def test_refunding_what_was_sent_overspends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies that time out have been counted by the server."""

    def refused() -> int:
        async def run() -> int:
            clock = virtual_clock()
            gate = gate_of(clock, minute(5))
            judge = Judge([Window("UserByModelByMinute", 5, 60.0, model="m")])
            for _ in range(20):
                permit = await gate.acquire("m")
                permit.sent(clock.now())
                await clock.sleep(0.1)
                if judge.arrive(clock.now(), "m") is not None:
                    permit.settle(Outcome.REJECTED, at=clock.now())
                    continue
                judge.leave("m")
                permit.settle(Outcome.UNKNOWN, at=clock.now())
            return len(judge.refusals)

        return run_virtual(run())

    assert refused() == 0
    settle = Permit.settle

    def refunding(self: Permit, outcome: Outcome, *, at: float, **usage: int) -> None:
        if outcome is Outcome.UNKNOWN and self.state == permits.SENT:
            for log in self.rig.logs:
                log.held += 1
                log._marks.remove(self.mark)
            self.state = permits.GRANTED
        settle(self, outcome, at=at, **usage)  # type: ignore[arg-type]

    monkeypatch.setattr(Permit, "settle", refunding)
    assert refused() > 0


def test_pausing_one_request_instead_of_its_limit_lets_all_others_run_into_the_same_wall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One 429 may be followed by one more before the reset; a pause per request is followed by one per request."""

    def refused() -> int:
        async def run() -> int:
            clock = virtual_clock()
            gate = gate_of(clock, minute(10))
            judge = Judge([Window("UserByModelByMinute", 10, 60.0, model="m")])
            for _ in range(10):  # another program has just used the minute
                judge.arrive(clock.now(), "m")
                judge.leave("m")
            network = Network(random.Random(2), lambda luck: 0.05, lambda luck: 1.0, lambda luck: 0.05)
            tasks = asyncio.create_task(
                drive(gate, judge, network, clock, model="m", until=clock.now() + 55, workers=1)
            )
            await clock.sleep(0.5)
            await drive(gate, judge, network, clock, model="m", until=clock.now() + 50, workers=20)
            await tasks
            return len(judge.refusals)

        return run_virtual(run())

    assert refused() <= 2

    def only_this_one(self: Feedback, permit: Permit, facts: RateLimitFacts, at: float) -> None:
        return None

    monkeypatch.setattr(Feedback, "rejected", only_this_one)
    assert refused() > 2


def test_a_log_that_forgets_what_is_held_overspends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that wait for a connection count although they have not left."""

    def worst() -> int:
        async def run() -> int:
            clock = virtual_clock()
            gate = gate_of(clock, minute(2))
            arrivals: list[float] = []

            async def slow(delay: float) -> None:
                permit = await gate.acquire("m")
                await clock.sleep(delay)  # a full connection pool
                permit.sent(clock.now())
                arrivals.append(clock.now())

            tasks = [asyncio.create_task(slow(90.0 - 10 * n)) for n in range(6)]
            await clock.sleep(600)
            await asyncio.gather(*tasks)
            return max(sum(t <= x < t + 60 for x in arrivals) for t in arrivals)

        return run_virtual(run())

    assert worst() <= 2
    take = RateLog.take

    def taken_as_sent(self: RateLog, now: float, weight: int = 1) -> None:
        take(self, now, weight)
        self.sent(now, weight)

    monkeypatch.setattr(RateLog, "take", taken_as_sent)
    monkeypatch.setattr(RateLog, "sent", lambda self, mark, weight=1: self._marks.append(mark))
    monkeypatch.setattr(RateLog, "used", lambda self: len(self._marks) - self._start)
    assert worst() > 2
