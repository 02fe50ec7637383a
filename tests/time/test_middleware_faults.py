"""What the user's own code does wrong inside a call costs neither a connection nor a permit."""

import asyncio
from typing import Any

import pytest
from simulated import LOW, TOKEN, connect

from ghmodels_async import Clock
from ghmodels_async import errors as e
from ghmodels_async.simulator import Fault, Simulation
from ghmodels_async.transport import ResponseHead


def used(gh: Any, limit: str) -> int:
    return next(state.used for state in gh.limits.explain(LOW) if state.limit == limit)


async def settled(gh: Any, simulation: Simulation, clock: Clock, sent: int) -> None:
    await clock.sleep(5)
    assert simulation.log.open == 0
    assert simulation.log.total == sent
    assert used(gh, "concurrent") == 0
    assert used(gh, "UserByModelByMinute") == sent
    assert len(gh._wiring.calls) == 0


async def before(request: Any, call_next: Any) -> Any:
    raise LookupError("before sending")


async def after(request: Any, call_next: Any) -> Any:
    await call_next(request)
    raise LookupError("after the head")


async def forgetful(request: Any, call_next: Any) -> Any:
    await call_next(request)


async def twice(request: Any, call_next: Any) -> Any:
    await call_next(request)
    return await call_next(request)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("layer", "error", "sent"), [(before, LookupError, 0), (after, LookupError, 1), (forgetful, TypeError, 1)]
)
async def test_an_exception_of_a_middleware_comes_out_as_it_is_and_leaves_nothing_open(
    clock: Clock, layer: Any, error: type[Exception], sent: int, streamed: bool
) -> None:
    simulation = Simulation(clock=clock)
    simulation.script([Fault.stall(2)])  # its body never ends, so only a release ends it
    async with connect(simulation, clock, middleware=[layer]) as gh:
        with pytest.raises(error):
            await (gh.stream(LOW, "hi").final() if streamed else gh.chat(LOW, "hi"))
        await settled(gh, simulation, clock, sent)


async def test_a_response_a_middleware_drops_for_another_one_is_released(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    simulation.script([Fault.stall(2), None])
    async with connect(simulation, clock, middleware=[twice]) as gh:
        assert (await gh.chat(LOW, "hi")).text
        await clock.sleep(5)
        assert simulation.log.open == 0


class Wrapped:
    def __init__(self, response: Any) -> None:
        self.response = response
        self.head = response.head
        self.released = 0

    async def read(self) -> bytes:
        return bytes(await self.response.read())

    def __aiter__(self) -> Any:
        return self.response.__aiter__()

    def release(self) -> None:
        self.released += 1
        self.response.release()


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_response_may_be_wrapped(clock: Clock, streamed: bool) -> None:
    simulation = Simulation(clock=clock)
    wraps: list[Wrapped] = []

    async def wrap(request: Any, call_next: Any) -> Any:
        wraps.append(Wrapped(await call_next(request)))
        return wraps[-1]

    async with connect(simulation, clock, middleware=[wrap]) as gh:
        assert (await (gh.stream(LOW, "hi").final() if streamed else gh.chat(LOW, "hi"))).text
        assert [one.released > 0 for one in wraps] == [True]
        await settled(gh, simulation, clock, 1)


async def test_a_release_that_fails_still_settles(clock: Clock) -> None:
    simulation = Simulation(clock=clock)

    class Failing(Wrapped):
        def release(self) -> None:
            super().release()
            raise LookupError("release")

    async def wrap(request: Any, call_next: Any) -> Any:
        return Failing(await call_next(request))

    async with connect(simulation, clock, middleware=[wrap]) as gh:
        with pytest.raises(LookupError):
            await gh.chat(LOW, "hi")
        await settled(gh, simulation, clock, 1)


@pytest.mark.parametrize("at", ["first", "renewal"])
async def test_an_exception_of_a_token_callable_comes_out_as_it_is(clock: Clock, at: str) -> None:
    simulation = Simulation(clock=clock)
    bad = Fault.answers(401, {"error": {"code": "unauthorized", "message": "Bad credentials"}})
    simulation.script([bad])
    asked = 0

    async def token() -> str:
        nonlocal asked
        asked += 1
        if at == "first" or asked > 1:
            raise LookupError("the vault is sealed")
        return TOKEN

    async with connect(simulation, clock, token=token, account="app") as gh:
        with pytest.raises(LookupError):
            await gh.chat(LOW, "hi")
        assert len(gh._wiring.calls) == 0
        assert simulation.log.total == (0 if at == "first" else 1)
        assert simulation.log.open == 0


async def test_a_token_that_expires_between_two_attempts_is_renewed_too(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    expired = Fault.answers(401, {"error": {"code": "unauthorized", "message": "Bad credentials"}})
    simulation.script([Fault.server_error(500), expired, Fault.server_error(502), None])
    seen: list[Any] = []
    tokens = iter(["ghp_" + "0" * 36, TOKEN])
    async with connect(simulation, clock, token=lambda: next(tokens), account="app", on_attempt=seen.append) as gh:
        reply = await gh.chat(LOW, "hi")
    assert reply.meta.attempts == simulation.log.total == 4
    assert [(failure.number, type(failure.error)) for failure in seen] == [
        (1, e.ServerError),
        (2, e.TokenInvalidError),
        (3, e.ServerError),
    ]
    assert gh.usage.retries == 3


async def test_a_token_is_renewed_once_and_then_the_401_stands(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    expired = Fault.answers(401, {"error": {"code": "unauthorized", "message": "Bad credentials"}})
    simulation.script([expired] * 5)
    numbers = iter(range(10))
    async with connect(simulation, clock, token=lambda: f"ghp_{next(numbers):036}", account="app") as gh:
        with pytest.raises(e.TokenInvalidError):
            await gh.chat(LOW, "hi")
    assert simulation.log.total == 2


async def test_a_failing_source_of_one_task_leaves_a_group_of_typed_errors(clock: Clock) -> None:
    """The other calls of a TaskGroup are cancelled and settled."""
    simulation = Simulation(clock=clock)
    simulation.script([Fault.retired(), Fault.slow_head(50), Fault.slow_head(50)])
    async with connect(simulation, clock) as gh:
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                for n in range(3):
                    group.create_task(gh.chat(LOW, f"{n}"))
        assert caught.group_contains(e.ServiceRetiredError)
        await settled(gh, simulation, clock, 3)


class Refused:
    """A 401, as a transport gives it."""

    def __init__(self) -> None:
        self.head = ResponseHead(401, {}, 0.0)

    async def read(self) -> bytes:
        return b'{"error": {"code": "unauthorized", "message": "Bad credentials"}}'

    def __aiter__(self) -> Any:
        raise NotImplementedError

    def release(self) -> None:
        pass


@pytest.mark.parametrize(("good", "asked"), [(0, 1), (1, 2), (5, 2)])
async def test_a_question_without_quota_renews_an_expired_token_once(clock: Clock, good: int, asked: int) -> None:
    simulation = Simulation(clock=clock)
    given: list[str] = []

    def token() -> str:
        given.append(f"ghp_{len(given):036}")
        return given[-1]

    async def expires(request: Any, call_next: Any) -> Any:
        fresh = request.headers["Authorization"] == f"Bearer ghp_{good:036}"
        return await call_next(request) if fresh else Refused()

    async with connect(simulation, clock, token=token, account="app", middleware=[expires]) as gh:
        if good < 2:
            assert await gh.models("openai/")
        else:
            with pytest.raises(e.TokenInvalidError):
                await gh.models("openai/")
    assert len(given) == asked
