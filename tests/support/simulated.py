"""A client on a simulated service, for tests: in memory (virtual time) or over sockets."""

from __future__ import annotations

from typing import Any

from ghmodels_async import Clock, GitHubModels
from ghmodels_async.errors import ConnectionFailedError, RequestTimeoutError
from ghmodels_async.simulator import Simulation

TOKEN = "ghp_simulated0000000000000000000000"
LOW = "openai/gpt-4.1-mini"
HIGH = "openai/gpt-4.1"


def failed(sent: bool) -> ConnectionFailedError:
    return ConnectionFailedError("The simulated connection broke.", sent=sent)


def timed_out(phase: Any, elapsed: float, sent: bool) -> RequestTimeoutError:
    return RequestTimeoutError(phase=phase, elapsed=elapsed, sent=sent)


def connect(simulation: Simulation, clock: Clock, **options: Any) -> GitHubModels:
    """A client through the door without sockets."""
    given: dict[str, Any] = {
        "token": TOKEN,
        "ledger": "memory",
        "plan": simulation.plan,
        "profile": simulation.profile,
        **options,
    }
    door = simulation.transport(connection_failed=failed, timed_out=timed_out)
    return GitHubModels(base_url="http://127.0.0.1/inference", transport=door, clock=clock, **given)
