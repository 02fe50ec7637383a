"""Cancellation at every await of a call, one test per await: the caller gets it at once, the quota what is true."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from simulated import HIGH, LOW, TOKEN, connect

from ghmodels_async import Clock, GitHubModels
from ghmodels_async.limits.ledger.memory import MemoryLedger
from ghmodels_async.simulator import Fault, Simulation
from ghmodels_async.simulator.answer import Answer, Ending

NEVER = 1e6
#: A head and then, for the length of a test, nothing.
SLOW_BODY = Fault("slow body", lambda answer, moment: Answer(200, answer.headers, [(NEVER, b"{}")], 0.0, Ending.WHOLE))
SLOW_REFUSAL = Fault("slow refusal", lambda answer, moment: Answer(500, {}, [(NEVER, b"{}")], 0.0, Ending.WHOLE))
EXPIRED = Fault.answers(401, {"error": {"code": "unauthorized", "message": "Bad credentials"}})


async def for_ever(*_: Any, **__: Any) -> Any:
    await asyncio.get_running_loop().create_future()


async def hanging_before(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
    await for_ever()


async def hanging_after(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
    await call_next(request)
    await for_ever()


async def hanging_token() -> str:
    await for_ever()
    return TOKEN


def token_that_hangs_when_asked_again() -> Callable[[], Awaitable[str]]:
    asked = 0

    async def token() -> str:
        nonlocal asked
        asked += 1
        return TOKEN if asked == 1 else await hanging_token()

    return token


class NeverOpens(MemoryLedger):
    open = for_ever


class NeverReserves(MemoryLedger):
    def covers(self, window: float) -> bool:
        return True

    reserve = for_ever


@dataclass(frozen=True)
class Await:
    """Where a call is when it is cancelled, and how many requests have been sent by then."""

    name: str
    sent: int = 0
    faults: list[Fault | None] = field(default_factory=list)
    options: Callable[[Clock], dict[str, Any]] = lambda clock: {}
    modes: tuple[str, ...] = ("chat", "stream")
    before: int = 0
    connects: bool = True


AWAITS = [
    Await("asking for the token", options=lambda clock: {"token": hanging_token, "account": "a"}),
    Await("opening the ledger", options=lambda clock: {"ledger": NeverOpens(clock)}),
    Await("waiting for quota", before=10),
    Await("reserving in the ledger", options=lambda clock: {"ledger": NeverReserves(clock)}),
    Await("in a middleware, before sending", options=lambda clock: {"middleware": [hanging_before]}),
    Await("connecting", connects=False),
    Await("waiting for the head", 1, [Fault.stall_before_head()]),
    Await("in a middleware, with the response in hand", 1, [SLOW_BODY], lambda clock: {"middleware": [hanging_after]}),
    Await("reading a refusal", 1, [SLOW_REFUSAL]),
    Await("pausing before the next attempt", 1, [Fault.server_error(503, retry_after=100)]),
    Await("asking for a new token", 1, [EXPIRED],
          lambda clock: {"token": token_that_hangs_when_asked_again(), "account": "b"}),
    Await("waiting for quota again", 1, [Fault.rate_limited(wait=100)]),
    Await("reading a whole reply", 1, [SLOW_BODY], modes=("chat",)),
    Await("waiting for the first delta", 1, [Fault.stall(2)], modes=("stream", "entered")),
    Await("waiting for the next delta", 1, [Fault.stall(6)], modes=("stream", "entered", "map")),
]  # fmt: skip
CASES = [pytest.param(where, mode, id=f"{where.name}, {mode}") for where in AWAITS for mode in where.modes]


async def ask(gh: GitHubModels, mode: str, model: str) -> Any:
    if mode == "chat":
        return await gh.chat(model, "hi")
    if mode == "stream":
        return await gh.stream(model, "hi").final()
    if mode == "map":
        async with gh.map(["hi"], model=model) as run:
            return [outcome async for outcome in run]
    async with gh.stream(model, "hi") as stream:
        return await stream.final()


@pytest.mark.parametrize(("where", "mode"), CASES)
async def test_a_call_cancelled_there_leaves_nothing(clock: Clock, where: Await, mode: str) -> None:
    simulation = Simulation(clock=clock, fast=True)
    async with connect(simulation, clock, **where.options(clock)) as gh:
        for n in range(where.before):
            await gh.chat(HIGH, f"{n}")
        await clock.sleep(5)  # nothing of those lingers
        simulation.script(where.faults)
        if not where.connects:
            gh._wiring._transport.send = for_ever  # type: ignore[method-assign]
        everything = len(asyncio.all_tasks())
        call = asyncio.create_task(ask(gh, mode, HIGH))
        await clock.sleep(2)
        assert not call.done()
        assert simulation.log.total == where.before + where.sent
        call.cancel()
        cancelled_at = clock.now()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert clock.now() - cancelled_at < 0.01
        assert len(gh._wiring.calls) == 0
        await clock.sleep(5)
        assert simulation.log.total == where.before + where.sent
        assert simulation.log.open == 0
        assert len(asyncio.all_tasks()) <= everything + ("token" in where.name)
        used = {state.limit: state.used for state in gh.limits.explain(HIGH)} if gh._wiring.gate else {}
        assert used.get("concurrent", 0) == 0
        assert used.get("UserByModelByMinute", 0) == where.before + where.sent
        assert used.get("UserByModelByDay", 0) == where.before + where.sent


async def test_a_cancelled_call_makes_room_for_the_next(clock: Clock) -> None:
    """What was given back is really free: as many calls as the limit allows go at once afterwards."""
    simulation = Simulation(clock=clock, fast=True)
    async with connect(simulation, clock, middleware=[once(hanging_before, 4)]) as gh:
        calls = [asyncio.create_task(gh.chat(LOW, f"{n}")) for n in range(4)]
        await clock.sleep(1)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        began = clock.now()
        await asyncio.gather(*(gh.chat(LOW, f"{n}") for n in range(15)))
        assert clock.now() - began < 30
        assert simulation.log.total == 15


def once(layer: Callable[..., Any], times: int) -> Callable[..., Any]:
    left = times

    async def maybe(request: Any, call_next: Any) -> Any:
        nonlocal left
        left -= 1
        return await (layer(request, call_next) if left >= 0 else call_next(request))

    return maybe
