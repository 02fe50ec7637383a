"""A simulated service to question without any event loop: the state machine behind both doors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ghmodels_async.simulator import Answer, Arrival, Call, Simulation

EPOCH = 1_800_000_000.0


@dataclass
class Desk:
    """Asks one simulation at instants of the test's choosing."""

    simulation: Simulation
    now: float = EPOCH
    exchanges: list[Any] = field(default_factory=list)

    def ask(
        self,
        body: Any = None,
        *,
        path: str = "/inference/chat/completions",
        method: str = "POST",
        token: str | None = "some-token",
        headers: dict[str, str] | None = None,
        hold: bool = False,
        **fields: Any,
    ) -> Answer:
        """One request; its slot is freed at once unless it is to be held."""
        if body is None and method == "POST":
            body = {"model": "openai/gpt-4.1-mini", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
        if isinstance(body, dict):
            body = {**body, **fields}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = ({"authorization": f"Bearer {token}"} if token else {}) | (headers or {})
        exchange = self.simulation.endpoint.arrive(Call(method, path, sent, raw), self.now)
        self.exchanges.append(exchange)
        if not hold:
            self.simulation.endpoint.finish(exchange, self.now, "whole")
        return exchange.answer

    def let_go(self) -> None:
        """Free every slot that is held."""
        for exchange in self.exchanges:
            self.simulation.endpoint.finish(exchange, self.now, "whole")

    @property
    def last(self) -> Arrival:
        return self.exchanges[-1].arrival

    @staticmethod
    def json(answer: Answer) -> Any:
        return json.loads(answer.body)

    @staticmethod
    def chunks(answer: Answer) -> list[Any]:
        """The JSON of every event but `[DONE]`."""
        events = answer.body.decode().split("\n\n")
        assert events[-2:] == ["data: [DONE]", ""]
        return [json.loads(event.removeprefix("data: ")) for event in events[:-2]]


@pytest.fixture
def desk() -> Callable[..., Desk]:
    """`desk(plan=..., window=...)` is a `Desk` in front of a new `Simulation`."""

    def open_desk(*args: Any, **options: Any) -> Desk:
        return Desk(Simulation(*args, **options))

    return open_desk
