"""Closing a client: nobody new comes in, nobody is left waiting, everything is settled."""

import asyncio
import time
from typing import Any

import pytest
from simulated import LOW, connect

from ghmodels_async import ChatReply, Clock
from ghmodels_async import errors as e
from ghmodels_async.simulator import Fault, Simulation


def used(gh: Any, limit: str) -> int:
    return next(state.used for state in gh.limits.explain(LOW) if state.limit == limit)


async def outcomes(*calls: asyncio.Task[ChatReply]) -> list[Any]:
    async with asyncio.timeout(1):
        return await asyncio.gather(*calls, return_exceptions=True)


async def test_calls_that_wait_for_quota_end_when_the_client_is_closed(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    gh = connect(simulation, clock)
    calls = [asyncio.create_task(gh.chat(LOW, f"{n}")) for n in range(30)]
    await clock.sleep(15)
    assert sum(call.done() for call in calls) == simulation.log.total == 15
    await gh.aclose()
    ends = await outcomes(*calls)
    assert [isinstance(end, ChatReply) for end in ends] == [True] * 15 + [False] * 15
    assert all(isinstance(end, e.ConnectionFailedError) and not end.sent for end in ends[15:])
    assert not any(call.cancelling() for call in calls)
    assert simulation.log.total == 15


async def test_calls_that_wait_for_their_head_end_when_the_client_is_closed(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    simulation.script([Fault.slow_head(100)])
    other = connect(simulation, clock)
    gh = connect(simulation, clock)
    call = asyncio.create_task(gh.chat(LOW, "hi"))
    await clock.sleep(1)
    await gh.aclose()
    (end,) = await outcomes(call)
    assert isinstance(end, e.ConnectionFailedError) and end.sent
    await clock.sleep(3)
    await other.limits.open()
    assert used(other, "concurrent") == 0
    assert simulation.log.open == 0
    await other.aclose()


async def test_a_pause_between_two_attempts_ends_when_the_client_is_closed(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    simulation.script([Fault.server_error(503, retry_after=60), None])
    gh = connect(simulation, clock)
    call = asyncio.create_task(gh.chat(LOW, "hi"))
    await clock.sleep(5)
    await gh.aclose()
    (end,) = await outcomes(call)
    assert isinstance(end, e.ConnectionFailedError)
    assert simulation.log.total == 1


async def test_a_stream_in_flight_breaks_off_and_is_settled_when_the_client_is_closed(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    other = connect(simulation, clock)
    gh = connect(simulation, clock)
    stream = gh.stream(LOW, "hi")
    async with stream:
        await anext(stream.text)
        await gh.aclose()
        await clock.sleep(3)
        await other.limits.open()
        assert used(other, "concurrent") == 0
        assert simulation.log.open == 0
    assert stream.reply.text
    assert other.usage.attempts == 0 and gh.usage.of(LOW).replies == 1
    await other.aclose()


async def test_draining_waits_for_calls_between_two_attempts(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    simulation.script([Fault.server_error(503, retry_after=10), None])
    gh = connect(simulation, clock)
    call = asyncio.create_task(gh.chat(LOW, "hi"))
    await clock.sleep(2)
    began = clock.now()
    await gh.aclose(drain=60)
    assert 5 < clock.now() - began < 20
    assert call.done() and call.result().meta.attempts == 2


async def test_draining_waits_for_calls_in_the_queue(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    gh = connect(simulation, clock)
    calls = [asyncio.create_task(gh.chat(LOW, f"{n}")) for n in range(20)]
    await clock.sleep(1)
    await gh.aclose(drain=300)
    assert [isinstance(end, ChatReply) for end in await outcomes(*calls)] == [True] * 20


async def test_draining_waits_for_streams_to_be_read_and_only_so_long(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    gh = connect(simulation, clock)
    stream = gh.stream(LOW, "hi")
    async with stream:
        await anext(stream)
        began = clock.now()
        await gh.aclose(drain=7)
        assert clock.now() - began == pytest.approx(7, abs=0.01)
    assert gh.usage.of(LOW).replies == 1


@pytest.mark.parametrize("way", ["chat", "stream", "map"])
async def test_no_call_begins_once_closing_has_begun(clock: Clock, way: str) -> None:
    simulation = Simulation(clock=clock)
    simulation.script([Fault.slow_head(30)])
    gh = connect(simulation, clock)
    call = asyncio.create_task(gh.chat(LOW, "hi"))
    await clock.sleep(1)
    closing = asyncio.create_task(gh.aclose(drain=60))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="closed"):
        if way == "chat":
            await gh.chat(LOW, "too late")
        elif way == "stream":
            await gh.stream(LOW, "too late").final()
        else:
            await anext(gh.map(["too late"], model=LOW))
    await closing
    assert call.done() and call.result().text
    assert simulation.log.total == 1


async def test_closing_from_inside_a_call_does_not_wait_for_itself(clock: Clock) -> None:
    simulation = Simulation(clock=clock)

    async def impatient(request: Any, call_next: Any) -> Any:
        await gh.aclose()
        return await call_next(request)

    gh = connect(simulation, clock, middleware=[impatient])
    began = clock.now()
    assert (await gh.chat(LOW, "hi")).text
    assert clock.now() - began < 10


async def test_a_call_cancelled_by_its_caller_while_the_client_is_closed_is_cancelled(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    simulation.script([Fault.slow_head(100)])
    gh = connect(simulation, clock)
    call = asyncio.create_task(gh.chat(LOW, "hi"))
    await clock.sleep(1)
    closing = asyncio.create_task(gh.aclose())
    call.cancel()
    await closing
    with pytest.raises(asyncio.CancelledError):
        await call
    assert call.cancelled()


def test_a_stream_collected_after_its_loop_is_settled_without_noise(recwarn: pytest.WarningsRecorder) -> None:
    loop = asyncio.new_event_loop()

    async def begin() -> tuple[Any, Any]:
        clock = Clock(wall=time.time)
        gh = connect(Simulation(clock=clock, fast=True), clock)
        stream = gh.stream(LOW, "hi")
        await anext(stream)
        return gh, stream

    gh, stream = loop.run_until_complete(begin())
    assert len(gh._wiring.calls) == 1
    del stream
    assert len(gh._wiring.calls) == 0
    loop.run_until_complete(gh.aclose())
    loop.close()
    assert {warning.category for warning in recwarn} == {ResourceWarning}


async def test_whoever_reads_a_stream_while_the_client_is_closed_keeps_what_arrived(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    simulation.script([Fault.stall(6)])
    gh = connect(simulation, clock)
    reading = asyncio.create_task(gh.stream(LOW, "hi").final())
    await clock.sleep(10)
    began = clock.now()
    await gh.aclose()
    with pytest.raises(e.StreamInterruptedError) as caught:
        await reading
    assert clock.now() - began < 0.01
    assert caught.value.partial.text
    assert gh.usage.of(LOW).replies == 1
