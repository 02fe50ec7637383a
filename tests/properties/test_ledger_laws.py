"""The ledger's laws, once for both kinds: in lockstep, judged by a server that counts arrivals itself.

Two holders stand for two processes: two ledgers over one book, and two over one file. Whatever one kind answers the
other must answer too; what is sent with permission must never be too much for the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ghmodels_async.clock import Clock
from ghmodels_async.limits.ledger import Block, Busy, MemoryLedger, Reserved, SlotWant, SqliteLedger, Want
from ghmodels_async.limits.ledger.book import Book
from ghmodels_async.limits.ledger.timebase import Reading

MARGIN = 0.5
LEASE = 30.0
LIMITS = {"m|minute": (3, 60.0), "m|day": (6, 7200.0), "*|tokens": (100, 60.0), "m|fixed": (4, 7200.0)}
FIXED = "m|fixed"
SLOTS = {"m|slots": 2}
START = 1_790_000_000.0


@dataclass
class Request:
    holder: int
    amounts: dict[str, int]
    slots: bool
    lease_ends: float
    arrived: float | None = None
    lingers: float = math.inf
    reported: bool = False
    over: bool = False


class LedgerLaws(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = contextlib.ExitStack()
        path = Path(self.folder.enter_context(tempfile.TemporaryDirectory())) / "ledger.sqlite3"
        self.now = START
        self.number = 0
        self.set_by = 0.0
        self.requests: dict[str, Request] = {}
        self.blocks: dict[str, float] = {}
        self.dead: list[Any] = []
        clock = Clock(wall=lambda: self.now)
        book = Book()
        self.make: list[Callable[[], Any]] = [
            lambda: MemoryLedger(clock, shared=True, lease=LEASE, book=book, read=self.read),
            lambda: SqliteLedger(path, clock, shared=True, lease=LEASE, read=self.read),
        ]
        self.holders = [self.started(), self.started()]

    def read(self) -> Reading:
        return Reading("test", self.now, self.now - self.set_by)

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    def started(self) -> list[Any]:
        """A new process: one ledger of each kind, which must find the same."""
        ledgers = [make() for make in self.make]
        memory, file = (self.run(ledger.open()) for ledger in ledgers)
        assert memory == replace(file, where="memory"), "both remember the same"
        return ledgers

    def tell(self, holder: int, verb: str, *args: Any, **options: Any) -> None:
        """Let both kinds do it, and wait until the other process can see it."""
        for ledger in self.holders[holder]:
            getattr(ledger, verb)(*args, **options)
            self.run(ledger.flush())

    def ask(self, holder: int, amounts: dict[str, int], slots: bool) -> Reserved | Busy:
        self.number += 1
        id = f"r{self.number:04d}"
        start = self.now - (self.now - MARGIN - self.set_by - START) % 7200.0 - MARGIN
        period = {FIXED: (start, start + 7200.0)}
        wants = [Want(limit, amount, *LIMITS[limit], MARGIN, period.get(limit)) for limit, amount in amounts.items()]
        slot_wants = [SlotWant(limit, maximum) for limit, maximum in SLOTS.items()] if slots else []
        answers = [self.run(ledger.reserve(id, wants, slot_wants)) for ledger in self.holders[holder]]
        assert answers[0] == answers[1], "a file and a book answer alike"
        if isinstance(answers[0], Reserved):
            assert all(limit not in self.blocks or self.blocks[limit] <= self.now for limit in amounts)
            self.requests[id] = Request(holder, amounts, slots, self.now + LEASE)
        else:
            assert answers[0].until > self.now
        return answers[0]

    def unsent(self, holder: int | None = None) -> list[str]:
        return [
            id
            for id, request in self.requests.items()
            if request.arrived is None and not request.over and holder in (None, request.holder)
        ]

    # What two processes may do

    @rule(seconds=st.sampled_from([0.01, 0.5, 1.0, 9.0, 31.0, 60.0, 60.5, 900.0, 7200.5]), beats=st.booleans())
    def time_passes(self, seconds: float, beats: bool) -> None:
        self.now += seconds
        if beats:
            self.tell(0, "heartbeat")
            self.tell(1, "heartbeat")
            for request in self.requests.values():
                if request.lease_ends > self.now and (request.arrived is None or request.slots) and not request.over:
                    request.lease_ends = self.now + LEASE

    @rule(
        holder=st.integers(0, 1),
        limits=st.sets(st.sampled_from(sorted(LIMITS)), min_size=1),
        tokens=st.integers(1, 100),
        slots=st.booleans(),
    )
    def a_request_is_wanted(self, holder: int, limits: set[str], tokens: int, slots: bool) -> None:
        amounts = {limit: tokens if "tokens" in limit else 1 for limit in sorted(limits)}
        answer = self.ask(holder, amounts, slots)
        open_rows = any(
            request.lease_ends > self.now and not request.reported and limits & request.amounts.keys()
            for request in self.requests.values()
        )
        if isinstance(answer, Busy) and not open_rows and not slots and FIXED not in limits:
            self.now = answer.until - 0.001
            assert isinstance(self.ask(holder, amounts, slots), Busy), "not a millisecond before `until`"
            self.now = answer.until
            assert isinstance(self.ask(holder, amounts, slots), Reserved), "exactly at `until`"

    @rule(which=st.integers(0, 99), travel=st.floats(0, MARGIN), doubt=st.sampled_from([0.0, 0.2, 3.0]))
    def it_is_sent(self, which: int, travel: float, doubt: float) -> None:
        ids = [id for id in self.unsent() if self.requests[id].lease_ends > self.now]
        if ids:
            id = ids[which % len(ids)]
            self.requests[id].arrived, self.requests[id].reported = self.now + travel, True
            self.tell(self.requests[id].holder, "sent", id, self.now + doubt)

    @rule(which=st.integers(0, 99), linger=st.sampled_from([None, 0.0, 2.0]), used=st.sampled_from([None, 1, 30]))
    def it_is_over(self, which: int, linger: float | None, used: int | None) -> None:
        ids = [id for id, request in self.requests.items() if request.arrived is not None and not request.over]
        if ids:
            id = ids[which % len(ids)]
            self.requests[id].over = True
            self.requests[id].lingers = self.now + (linger or 0.0)
            until = None if linger is None else self.now + linger
            amounts = self.requests[id].amounts
            if used is not None and "*|tokens" in amounts:
                amounts["*|tokens"] = min(used, amounts["*|tokens"])
            self.tell(self.requests[id].holder, "settle", id, amounts=dict(amounts), slots_until=until)

    @rule(which=st.integers(0, 99))
    def it_is_given_back(self, which: int) -> None:
        ids = self.unsent()
        if ids:
            id = ids[which % len(ids)]
            request = self.requests.pop(id)
            self.tell(request.holder, "refund", id)

    @rule(holder=st.integers(0, 1), limit=st.sampled_from(sorted(LIMITS)), seconds=st.sampled_from([5.0, 70.0]))
    def the_server_refuses(self, holder: int, limit: str, seconds: float) -> None:
        self.blocks[limit] = max(self.blocks.get(limit, 0.0), self.now + seconds)
        self.tell(holder, "block", Block(limit, self.now + seconds))

    @rule(holder=st.integers(0, 1), secretly=st.booleans())
    def a_process_dies(self, holder: int, secretly: bool) -> None:
        for id in self.unsent(holder):
            if secretly and self.requests[id].lease_ends > self.now:
                self.requests[id].arrived = self.now  # the bytes left, nobody lived to say so
            else:
                self.requests[id].over = True
        self.dead += self.holders[holder]
        self.holders[holder] = self.started()
        for request in self.requests.values():
            if request.holder == holder:
                request.holder = -1

    @rule(holder=st.integers(0, 1))
    def a_process_leaves(self, holder: int) -> None:
        for request in self.requests.values():
            if request.holder == holder:
                request.holder = -1
                if not request.over and request.slots:
                    request.lingers = self.now
                request.over = request.reported = True
        for ledger in self.holders[holder]:
            self.run(ledger.aclose())
        self.holders[holder] = self.started()

    @rule(seconds=st.sampled_from([-90_000.0, -30.0, 30.0, 90_000.0]))
    def somebody_sets_the_wall_clock(self, seconds: float) -> None:
        """Nothing really passes: what the server and the requests know moves with the clock."""
        self.now += seconds
        self.set_by += seconds
        for request in self.requests.values():
            request.lease_ends += seconds
            request.lingers += seconds
            if request.arrived is not None:
                request.arrived += seconds
        self.blocks = {limit: until + seconds for limit, until in self.blocks.items()}
        for holder in (0, 1):
            self.tell(holder, "heartbeat")  # both look at their clocks before anything else happens

    # What must hold

    @invariant()
    def no_window_of_the_server_is_overrun(self) -> None:
        for limit, (maximum, window) in LIMITS.items():
            arrivals = sorted(
                (request.arrived, request.amounts[limit])
                for request in self.requests.values()
                if request.arrived is not None and limit in request.amounts
            )
            for at, _ in arrivals:
                origin = START + self.set_by
                begin = origin + (at - origin) // window * window - 1e-6 if limit == FIXED else at - window
                taken = sum(amount for other, amount in arrivals if begin < other <= at)
                assert taken <= maximum, f"{limit}: {taken} in the window that ends at {at - START}"

    @invariant()
    def no_more_slots_are_held_than_there_are(self) -> None:
        held = [
            request
            for request in self.requests.values()
            if request.slots and request.lease_ends > self.now and (not request.over or request.lingers > self.now)
        ]
        alive = [request for request in held if request.holder != -1]
        assert len(alive) <= SLOTS["m|slots"]

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            for ledger in [*self.dead, *self.holders[0], *self.holders[1]]:
                self.run(ledger.aclose())
            self.loop.close()
            self.folder.close()


TestLedgerLaws = LedgerLaws.TestCase
TestLedgerLaws.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
