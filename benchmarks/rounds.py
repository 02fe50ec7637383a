"""Interleaved rounds: every client once per round, each in its own process; medians and spread."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from .contenders import CONTENDERS
from .machine import ROOT
from .server import Server

__all__ = ["Bench", "Found", "Scenario"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is asked of every client.

    Attributes:
        title: For tables.
        path: What the server does; see stub.c.
        act: What the client does; see worker.py.
        count: Calls per round of the floor; dearer clients make fewer, see `weight`.
        in_flight: Calls at once.
        rounds: How often.
        unit: What one number stands for.
    """

    title: str
    path: str
    act: str = "chat"
    count: int = 3000
    in_flight: int = 64
    rounds: int = 7
    unit: str = "CPU µs per chat"


@dataclass(frozen=True, slots=True)
class Found:
    """What one client cost in one scenario: all rounds, and what went wrong."""

    values: tuple[float, ...]
    p50: float
    p99: float
    errors: int
    error: str
    server: float

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        if len(self.values) < 3:
            return 0.0
        low, _, high = statistics.quantiles(self.values, n=4)
        return (high - low) / 2 / self.median

    def over(self, floor: Found) -> float:
        """Median of the rounds' own ratios: each round is compared with the floor of the same round."""
        return statistics.median(one / other for one, other in zip(self.values, floor.values, strict=False))


class Bench:
    """A server and one process per client.

    Args:
        names: Clients, by their names in `contenders.CONTENDERS`; ``+uvloop`` behind a name runs it on uvloop.
        python: Interpreter of the clients.
        servers: Processes that share the server's port.
    """

    def __init__(self, names: Iterable[str], *, python: str = sys.executable, servers: int = 1) -> None:
        self.server = Server(servers)
        self._workers: dict[str, subprocess.Popen[str]] = {}
        for name in names:
            self._start(name, python)

    def _start(self, name: str, python: str) -> None:
        contender, _, loop = name.partition("+")
        if contender not in CONTENDERS:
            raise SystemExit(f"unknown client {contender!r}; known: {', '.join(CONTENDERS)}")
        self._workers[name] = subprocess.Popen(
            [python, "-m", "benchmarks.worker", contender, *([loop] if loop else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )

    @property
    def names(self) -> list[str]:
        """Every client's name."""
        return list(self._workers)

    def run(self, scenario: Scenario, names: Iterable[str] | None = None) -> dict[str, Found]:
        """Measure a scenario; clients that fail are left out, with a word on standard error."""
        chosen = [name for name in (names if names is not None else self._workers) if name in self._workers]
        values: dict[str, list[float]] = {name: [] for name in chosen}
        answers: dict[str, list[dict[str, Any]]] = {name: [] for name in chosen}
        loads: dict[str, list[float]] = {name: [] for name in chosen}
        for number in range(scenario.rounds + 1):
            for name in list(chosen):
                count = max(scenario.in_flight, int(scenario.count / _SLOWER.get(name.partition("+")[0], 1)))
                if number == 0:
                    # to warm up: connections, caches; but memory once used is not used anew
                    count = 10 if scenario.act == "idle" else max(scenario.in_flight, count // 4)
                last = number == scenario.rounds
                self.server.load()
                answer = self._ask(name, scenario, count, forget=last)
                load = self.server.load()
                if "failed" in answer:
                    print(f"{name} left out of {scenario.title!r}:\n{answer['failed']}", file=sys.stderr)
                    chosen.remove(name)
                    continue
                if number:
                    values[name].append(answer["cpu"])
                    loads[name].append(load)
                answers[name].append(answer)
        return {name: _found(values[name], answers[name], loads[name]) for name in chosen}

    def _ask(self, name: str, scenario: Scenario, count: int, *, forget: bool) -> dict[str, Any]:
        worker = self._workers[name]
        assert worker.stdin is not None and worker.stdout is not None
        order = {"root": self.server.root, "scenario": scenario.path, "act": scenario.act, "forget": forget}
        worker.stdin.write(json.dumps({**order, "count": count, "in_flight": scenario.in_flight}) + "\n")
        worker.stdin.flush()
        line = worker.stdout.readline()
        return json.loads(line) if line else {"failed": "its process ended"}

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers.values():
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    pipe.close()
        for worker in self._workers.values():
            try:
                worker.wait(5)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self.server.__exit__(kind, error, trace)


#: How many times dearer than the floor a client is, roughly: it makes so many times fewer calls per round.
_SLOWER = {"azure": 4, "openai-aiohttp": 6, "openai": 8}


def _found(values: list[float], answers: list[dict[str, Any]], loads: list[float]) -> Found:
    measured = answers[1:]

    def middle(name: str) -> float:
        numbers = [answer[name] for answer in measured if answer.get(name) is not None]
        return statistics.median(numbers) if numbers else 0.0

    return Found(
        values=tuple(values),
        p50=middle("p50"),
        p99=middle("p99"),
        errors=sum(answer["errors"] for answer in measured),
        error=next((answer["error"] for answer in measured if answer.get("error")), ""),
        server=statistics.median(loads) if loads else 0.0,
    )
