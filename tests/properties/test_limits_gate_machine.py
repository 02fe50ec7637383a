"""A gate under everything at once: calls of all classes, cancellations, losses, refusals, time. Its laws never break.

Laws checked after every step: no window holds more arrivals than allowed; no more in flight than slots; nothing is sent
while its limit is blocked; what the log counts is what was sent or is held. At the end: everybody is served, in the
order they came within their class, and every slot is free again.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field

import pytest
from gates import MINUTE, STREAM, account_minute, facts_of, gate_of, minute
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from virtual_time import VirtualTimeLoop, virtual_clock

from ghmodels_async.limits import Gate, Outcome, Permit, Priority

CLASSES: tuple[Priority, ...] = ("interactive", "default", "batch")


@dataclass(eq=False)
class Call:
    number: int
    model: str
    priority: Priority
    task: asyncio.Task[Permit] | None = None
    granted: int | None = None
    permit: Permit | None = None
    sent_at: float | None = None
    arrival: tuple[float, str] | None = None
    over: bool = False


@dataclass
class World:
    loop: VirtualTimeLoop
    gate: Gate
    amount: int
    account: int
    slots: int
    calls: list[Call] = field(default_factory=list)
    arrivals: list[tuple[float, str]] = field(default_factory=list)
    blocked: dict[str, float] = field(default_factory=dict)
    grants: itertools.count[int] = field(default_factory=itertools.count)


class GateMachine(RuleBasedStateMachine):
    world: World

    @initialize(amount=st.integers(1, 4), account=st.integers(2, 6), slots=st.integers(1, 3))
    def open(self, amount: int, account: int, slots: int) -> None:
        loop = VirtualTimeLoop()

        async def make() -> Gate:
            clock = virtual_clock(loop)
            gate = gate_of(clock, minute(amount), account_minute(account), concurrent=slots)
            await gate.open()
            return gate

        self.world = World(loop, loop.run_until_complete(make()), amount, account, slots)

    def run(self, seconds: float = 0.0) -> None:
        self.world.loop.run_until_complete(asyncio.sleep(seconds))

    def now(self) -> float:
        return self.world.loop.time()

    def those(self, *, granted: bool, sent: bool = False) -> list[Call]:
        return [
            call
            for call in self.world.calls
            if not call.over and (call.permit is not None) == granted and (call.sent_at is not None) == sent
        ]

    async def ask(self, call: Call) -> Permit:
        permit = await self.world.gate.acquire(call.model, priority=call.priority)
        assert self.now() >= self.world.blocked.get(call.model, 0.0) - 1e-3, "granted before the pause was over"
        call.granted = next(self.world.grants)
        call.permit = permit
        return permit

    @rule(model=st.sampled_from("ab"), priority=st.sampled_from(CLASSES), count=st.integers(1, 3))
    def call(self, model: str, priority: Priority, count: int) -> None:
        for _ in range(count):
            call = Call(len(self.world.calls), model, priority)
            call.task = self.world.loop.create_task(self.ask(call))
            self.world.calls.append(call)
        self.run()

    @precondition(lambda self: self.those(granted=True))
    @rule(data=st.data(), travel=st.sampled_from([0.02, 0.15, 0.29]))
    def send(self, data: st.DataObject, travel: float) -> None:
        call = data.draw(st.sampled_from(self.those(granted=True)))
        assert call.permit is not None
        call.sent_at = self.now()
        call.permit.sent(self.now())
        call.arrival = (self.now() + travel, call.model)
        self.world.arrivals.append(call.arrival)

    @precondition(lambda self: self.those(granted=True, sent=True))
    @rule(
        data=st.data(),
        outcome=st.sampled_from([Outcome.COMPLETED, Outcome.FAILED, Outcome.UNKNOWN, Outcome.ABANDONED]),
        streamed=st.booleans(),
    )
    def finish(self, data: st.DataObject, outcome: Outcome, streamed: bool) -> None:
        call = data.draw(st.sampled_from(self.those(granted=True, sent=True)))
        assert call.permit is not None and call.sent_at is not None
        if self.now() < call.sent_at + 0.3:
            self.run(0.3)  # no head before the request has arrived
        if outcome in (Outcome.COMPLETED, Outcome.FAILED):
            call.permit.answered(self.now(), 200, STREAM if streamed else {})
        call.permit.settle(outcome, at=self.now())
        call.over = True
        self.run()

    @precondition(lambda self: self.those(granted=True))
    @rule(data=st.data(), outcome=st.sampled_from([Outcome.NOT_SENT, Outcome.UNKNOWN, Outcome.ABANDONED]))
    def lose(self, data: st.DataObject, outcome: Outcome) -> None:
        call = data.draw(st.sampled_from(self.those(granted=True)))
        assert call.permit is not None
        call.permit.settle(outcome, at=self.now())
        call.over = True
        self.run()

    @precondition(lambda self: self.those(granted=False))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(self.those(granted=False)))
        assert call.task is not None
        call.task.cancel()
        self.run()
        assert call.task.done()
        call.over = True

    @precondition(lambda self: self.those(granted=True, sent=True))
    @rule(data=st.data(), wait=st.integers(0, 50))
    def refuse(self, data: st.DataObject, wait: int) -> None:
        call = data.draw(st.sampled_from(self.those(granted=True, sent=True)))
        assert call.permit is not None and call.sent_at is not None
        if self.now() < call.sent_at + 0.3:
            self.run(0.3)
        self.world.blocked[call.model] = max(self.world.blocked.get(call.model, 0.0), self.now() + wait + 1)

        async def answer(permit: Permit) -> None:
            permit.answered(self.now(), 429, {})
            self.world.gate.rejected(permit, facts_of(MINUTE, self.world.amount, 60, wait), self.now())
            permit.settle(Outcome.REJECTED, at=self.now())

        call.over = True
        assert call.arrival is not None
        self.world.arrivals.remove(call.arrival)  # it was not let in
        self.world.loop.run_until_complete(answer(call.permit))

    @rule(seconds=st.sampled_from([0.1, 1.0, 7.0, 31.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.run(seconds)

    @invariant()
    def no_window_holds_too_much(self) -> None:
        if not hasattr(self, "world"):
            return
        for limit, times in (
            (self.world.account, sorted(t for t, _ in self.world.arrivals)),
            *((self.world.amount, sorted(t for t, m in self.world.arrivals if m == model)) for model in "ab"),
        ):
            for first, last in zip(times, times[limit:], strict=False):
                assert last - first >= 60.0, (limit, first, last)

    @invariant()
    def no_more_in_flight_than_slots(self) -> None:
        if not hasattr(self, "world"):
            return
        for model in "ab":
            flying = [call for call in self.world.calls if call.permit and not call.over and call.model == model]
            assert len(flying) <= self.world.slots

    @invariant()
    def one_class_is_served_in_order(self) -> None:
        if not hasattr(self, "world"):
            return
        for model in "ab":
            for priority in CLASSES:
                mine = [call for call in self.world.calls if (call.model, call.priority) == (model, priority)]
                grants = [call.granted for call in mine if call.granted is not None]
                assert grants == sorted(grants)
                last = max((call.number for call in mine if call.granted is not None), default=-1)
                assert all(call.granted is not None or call.over for call in mine if call.number < last)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        for _ in range(400):
            for call in self.those(granted=True):
                assert call.permit is not None
                call.sent_at = self.now()
                call.permit.sent(self.now())
                self.world.arrivals.append((self.now() + 0.1, call.model))
            self.run(0.3)
            for call in self.those(granted=True, sent=True):
                assert call.permit is not None
                call.permit.answered(self.now(), 200, STREAM)
                call.permit.settle(Outcome.COMPLETED, at=self.now())
                call.over = True
            if all(call.over for call in world.calls):
                break
            self.run(20)
        assert all(call.over for call in world.calls), "somebody waits for ever"
        self.no_window_holds_too_much()
        self.one_class_is_served_in_order()
        self.run(3)
        assert all(row.used == 0 for row in world.gate.explain() if row.unit == "in flight")
        self.run(125)
        assert all(row.used == 0 for row in world.gate.explain() if row.window)
        assert world.gate.desk.queue.waiting == 0 and not world.gate.desk.queue.active
        world.loop.run_until_complete(world.gate.aclose())
        assert not asyncio.all_tasks(world.loop)
        world.loop.close()


TestGateMachine = GateMachine.TestCase
TestGateMachine.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
TestGateMachine = pytest.mark.filterwarnings("default")(TestGateMachine)
