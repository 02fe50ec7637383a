"""An independent judge of schedules: what a server with given windows would have said. Shares no code with the limiter.

Each window kind is written in the plainest way that can be checked by eye; `Judge` combines windows and concurrency and
keeps a log. `drive` sends requests through a gate over a network with jitter and lets a judge answer.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ghmodels_async.clock import Clock
from ghmodels_async.errors import RateLimitFacts
from ghmodels_async.limits import Gate, Outcome, Permit

KINDS = ("fixed", "aligned", "sliding", "rejects", "bucket")


@dataclass
class Window:
    """`amount` per `span` seconds. `kind` says how the server counts."""

    name: str
    amount: int
    span: float
    kind: str = "sliding"
    phase: float = 20.0
    model: str | None = None
    times: list[float] = field(default_factory=list)
    began: float = -math.inf
    count: int = 0
    level: float = 0.0
    touched: float = 0.0
    previous: int = 0

    def wait(self, t: float) -> float:
        """Seconds until a request arriving at `t` would be let in; 0 if it is let in now."""
        if self.kind in ("sliding", "rejects"):
            live = [x for x in self.times if x > t - self.span]
            return 0.0 if len(live) < self.amount else live[-self.amount] + self.span - t
        if self.kind == "fixed":
            if t >= self.began + self.span:
                return 0.0
            return 0.0 if self.count < self.amount else self.began + self.span - t
        if self.kind == "aligned":
            start = math.floor((t - self.phase) / self.span) * self.span + self.phase
            used = self.count if self.began == start else 0
            return 0.0 if used < self.amount else start + self.span - t
        if self.kind == "bucket":
            level = max(0.0, self.level - (t - self.touched) * self.amount / self.span)
            return 0.0 if level + 1 <= self.amount + 1e-9 else (level + 1 - self.amount) * self.span / self.amount
        if self.kind == "counter":
            previous, current, fraction = self._counted(t)
            estimate = previous * (1 - fraction) + current
            return 0.0 if estimate + 1 <= self.amount else max(0.001, (1 - fraction) * self.span)
        raise AssertionError(self.kind)

    def add(self, t: float, accepted: bool) -> None:
        if (self.kind == "sliding" and accepted) or self.kind == "rejects":
            self.times.append(t)
            if len(self.times) > 4 * self.amount + 64:
                self.times = [x for x in self.times if x > t - self.span]
        elif self.kind == "fixed" and accepted:
            if t >= self.began + self.span:
                self.began, self.count = t, 0
            self.count += 1
        elif self.kind == "aligned" and accepted:
            start = math.floor((t - self.phase) / self.span) * self.span + self.phase
            if self.began != start:
                self.began, self.count = start, 0
            self.count += 1
        elif self.kind == "bucket" and accepted:
            self.level = max(0.0, self.level - (t - self.touched) * self.amount / self.span) + 1
            self.touched = t
        elif self.kind == "counter" and accepted:
            previous, current, _ = self._counted(t)
            self.began = math.floor(t / self.span) * self.span
            self.previous, self.count = previous, current + 1

    def _counted(self, t: float) -> tuple[int, int, float]:
        start = math.floor(t / self.span) * self.span
        fraction = (t - start) / self.span
        if start == self.began:
            return self.previous, self.count, fraction
        if start == self.began + self.span:
            return self.count, 0, fraction
        return 0, 0, fraction


@dataclass
class Judge:
    """Windows and a concurrency limit of one account; `log` holds (arrival, model, status)."""

    windows: list[Window] = field(default_factory=list)
    concurrent: int | None = None
    in_flight: dict[str, int] = field(default_factory=dict)
    most_in_flight: int = 0
    log: list[tuple[float, str, int]] = field(default_factory=list)
    refusals: list[tuple[float, str, str]] = field(default_factory=list)

    def arrive(self, t: float, model: str) -> RateLimitFacts | None:
        """Let a request in (None), or say what a 429 says."""
        mine = [window for window in self.windows if window.model in (None, model)]
        if self.concurrent is not None and self.in_flight.get(model, 0) >= self.concurrent:
            self._refuse(t, model, "UserConcurrentRequests", mine)
            return RateLimitFacts("UserConcurrentRequests", self.concurrent, 0.0, 0.0, concurrency=True)
        for window in mine:
            wait = window.wait(t)
            if wait > 0:
                self._refuse(t, model, window.name, mine)
                scope = "model" if window.model else "account"
                return RateLimitFacts(
                    window.name, window.amount, window.span, float(math.floor(wait)), "requests", scope
                )
        for window in mine:
            window.add(t, accepted=True)
        self.in_flight[model] = self.in_flight.get(model, 0) + 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight[model])
        self.log.append((t, model, 200))
        return None

    def leave(self, model: str) -> None:
        self.in_flight[model] -= 1

    @property
    def accepted(self) -> int:
        return sum(status == 200 for _, _, status in self.log)

    def _refuse(self, t: float, model: str, limit: str, windows: list[Window]) -> None:
        for window in windows:
            window.add(t, accepted=False)
        self.log.append((t, model, 429))
        self.refusals.append((t, model, limit))


@dataclass
class Network:
    """How long things take: seconds up, of service, and down. Each is a function of one generator."""

    luck: random.Random
    up: Callable[[random.Random], float]
    service: Callable[[random.Random], float]
    down: Callable[[random.Random], float]
    streamed: bool = True


def jitter(luck: random.Random) -> float:
    return luck.uniform(0.02, 0.25)


def heavy_tail(luck: random.Random) -> float:
    """One in a hundred is half a second to five seconds late."""
    return luck.uniform(0.02, 0.25) + (luck.uniform(0.5, 5.0) if luck.random() < 0.01 else 0.0)


async def exchange(permit: Permit, gate: Gate, judge: Judge, network: Network, clock: Clock) -> bool:
    """Send one permitted request; whether it was let in."""
    luck = network.luck
    permit.sent(clock.now())
    await clock.sleep(network.up(luck))
    facts = judge.arrive(clock.now(), permit.model)
    service = network.service(luck) if facts is None else 0.0
    if not network.streamed:
        await clock.sleep(service)
    await clock.sleep(network.down(luck))
    headers = {"content-type": "text/event-stream"} if network.streamed and facts is None else {}
    permit.answered(clock.now(), 200 if facts is None else 429, headers)
    if facts is not None:
        gate.rejected(permit, facts, clock.now())
        permit.settle(Outcome.REJECTED, at=clock.now())
        return False
    if network.streamed:
        await clock.sleep(service)
    judge.leave(permit.model)
    permit.settle(Outcome.COMPLETED, at=clock.now())
    return True


async def drive(
    gate: Gate, judge: Judge, network: Network, clock: Clock, *, model: str, until: float, workers: int, **terms: object
) -> None:
    """Keep `workers` requests of one model asking until the instant `until`: a queue that is never empty."""

    async def work() -> None:
        while True:
            front: tuple[int, int] | None = None
            while True:
                permit = await gate.acquire(model, front=front, **terms)  # type: ignore[arg-type]
                if await exchange(permit, gate, judge, network, clock):
                    break
                front = permit.position

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    await clock.sleep(until - clock.now())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
