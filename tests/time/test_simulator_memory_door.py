"""The door without sockets, on virtual time: when requests arrive, when slots are free, how connections break."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ghmodels_async.clock import Clock
from ghmodels_async.simulator import FAULTS, Fault, MemoryTransport, Simulation

URL = "https://models.github.ai/inference/chat/completions"


@dataclass
class Ask:
    """What the client's transport port calls a request."""

    body: bytes
    method: str = "POST"
    url: str = URL
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": "Bearer t"})


@dataclass
class Limits:
    connect: float | None = None
    head: float | None = None


def chat(model: str = "openai/gpt-4.1", **fields: Any) -> Ask:
    body = {"model": model, "messages": [{"role": "user", "content": "Why is the sky blue?"}], **fields}
    return Ask(json.dumps(body).encode())


@pytest.fixture
def open_door(clock: Clock) -> Callable[..., tuple[Simulation, MemoryTransport]]:
    def build(**options: Any) -> tuple[Simulation, MemoryTransport]:
        simulation = Simulation(clock=clock, **options)
        return simulation, simulation.transport()

    return build


async def whole(door: MemoryTransport, **fields: Any) -> tuple[int, bytes]:
    response = await door.send(chat(**fields))
    data = await response.read()
    response.release()
    return response.head.status, data


async def test_a_whole_reply_takes_the_time_of_its_tokens(open_door: Any, clock: Clock) -> None:
    simulation, door = open_door()
    start = clock.now()
    response = await door.send(chat())
    assert response.head.status == 200
    assert response.head.received_at == pytest.approx(clock.now(), abs=1e-3)
    assert json.loads(await response.read())["object"] == "chat.completion"
    assert 0.5 < clock.now() - start < 10
    assert simulation.log[0].finished_at == pytest.approx(clock.wall(), abs=0.01)


async def test_a_stream_arrives_event_by_event_as_time_passes(open_door: Any, clock: Clock) -> None:
    _, door = open_door()
    response = await door.send(chat(stream=True))
    instants = []
    async for data in response:
        assert data.endswith(b"\n\n")
        instants.append(clock.now())
    assert len(set(instants)) > 10
    assert data == b"data: [DONE]\n\n"


async def test_bytes_leave_before_they_arrive(open_door: Any, clock: Clock) -> None:
    simulation, door = open_door(latency=(0.02, 0.25), fast=True)
    sent: list[float] = []
    for _ in range(9):
        response = await door.send(chat(), on_sent=sent.append)
        response.release()
    delays = [arrival.at - (clock.wall() - clock.now()) - at for arrival, at in zip(simulation.log, sent, strict=True)]
    assert all(0.0199 < delay < 0.2501 for delay in delays)
    assert max(delays) - min(delays) > 0.05


async def test_a_heavy_tail_is_rare_and_long(clock: Clock) -> None:
    network = Simulation(clock=clock, latency=(0.02, 0.25), heavy_tail=0.01).network
    delays = [network.uplink() for _ in range(10_000)]
    late = [delay for delay in delays if delay > 0.25]
    assert 50 < len(late) < 200 and max(late) > 4


async def test_a_request_cancelled_on_its_way_still_arrives_and_counts(open_door: Any, clock: Clock) -> None:
    simulation, door = open_door(latency=(1, 1))
    call = asyncio.create_task(door.send(chat()))
    await clock.sleep(0.5)
    call.cancel()
    await asyncio.wait([call])
    assert len(simulation.log) == 0
    await clock.sleep(1)
    assert simulation.log[0].admitted and simulation.log[0].ended == "disconnected"
    assert simulation.log.open == 0


async def test_a_read_that_is_cancelled_loses_nothing(open_door: Any, clock: Clock) -> None:
    _, door = open_door()
    whole_stream = await (await door.send(chat(stream=True))).read()
    response = await door.send(chat(stream=True))
    got = b""
    for _ in range(5):
        got += await anext(response)
    reading = asyncio.create_task(anext(response))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    got += await response.read()
    assert got.count(b"\n\n") == whole_stream.count(b"\n\n")


async def test_a_slot_is_held_until_the_stream_ends_however_slowly_it_is_read(open_door: Any, clock: Clock) -> None:
    simulation, door = open_door()
    first, second = await door.send(chat(stream=True)), await door.send(chat(stream=True))
    assert (await whole(door))[0] == 429
    await clock.sleep(60)
    assert simulation.log.open == 0
    assert (await whole(door))[0] == 200
    assert (await first.read()).endswith(b"data: [DONE]\n\n")
    assert (await second.read()).endswith(b"data: [DONE]\n\n")


async def test_a_slot_is_free_the_moment_the_last_byte_is_there(open_door: Any) -> None:
    """However the sums of delays round: one slot, and the next request follows the last byte at once."""
    simulation, door = open_door()
    for limit in ("UserByModelByMinute", "UserByModelByDay", "UserByMinute"):
        simulation.set_limit(limit, 1000)
    for number in range(60):
        response = await door.send(chat("deepseek/deepseek-r1", stream=number % 3 > 0, seed=number))
        assert response.head.status == 200
        await response.read()


async def test_hanging_up_frees_the_slot_after_the_server_noticed(open_door: Any, clock: Clock) -> None:
    simulation, door = open_door(linger=2.0)
    responses = [await door.send(chat(stream=True)) for _ in range(2)]
    for response in responses:
        response.release()
        response.release()
    assert (await whole(door))[0] == 429
    await clock.sleep(2.1)
    assert simulation.log.open == 0 and simulation.log[0].ended == "disconnected"
    assert (await whole(door))[0] == 200


async def test_closing_the_door_hangs_up_on_everything(open_door: Any) -> None:
    simulation, door = open_door()
    await door.send(chat(stream=True))
    await door.aclose()
    await door.aclose()
    assert simulation.log.open == 0


async def test_a_head_that_does_not_come_is_a_timeout(open_door: Any, clock: Clock) -> None:
    simulation, door = open_door()
    simulation.script([Fault.stall_before_head()])
    start = clock.now()
    with pytest.raises(TimeoutError, match="no head after 5"):
        await door.send(chat(), timeouts=Limits(head=5))
    assert clock.now() - start == pytest.approx(5, abs=0.01)
    assert simulation.log.open == 0


@pytest.mark.parametrize("fault", ["reset_before_head", "reset_after_head", "reset_mid_stream", "half_close"])
async def test_a_broken_connection_raises_what_the_caller_makes_of_it(clock: Clock, fault: str) -> None:
    class BrokenError(Exception):
        pass

    simulation = Simulation(clock=clock)
    simulation.script([FAULTS[fault](), FAULTS[fault]()])
    door = simulation.transport(connection_failed=lambda sent: BrokenError(sent))
    with pytest.raises(BrokenError) as caught:
        await whole(door, stream=True)
    assert caught.value.args == (True,)
    with pytest.raises(ConnectionResetError):
        await whole(simulation.transport(), stream=True)
    assert simulation.log.open == 0 and simulation.log[0].ended == "broken"


async def test_a_stalled_stream_gives_what_it_had_and_then_nothing(open_door: Any, clock: Clock) -> None:
    simulation, door = open_door()
    simulation.script([Fault.stall(4)])
    response = await door.send(chat(stream=True))
    got = [await anext(response) for _ in range(4)]
    assert len(got) == 4
    with pytest.raises(TimeoutError):
        async with clock.timeout(3600):
            await anext(response)
    assert simulation.log.open == 1
    response.release()
    assert simulation.log.open == 0


async def test_the_server_reads_the_wall_clock_once_so_that_a_jump_is_the_clients_affair(clock: Clock) -> None:
    jump = 0.0
    loop = asyncio.get_running_loop()
    simulation = Simulation(clock=Clock(wall=lambda: 1_790_000_000 + loop.time() + jump), fast=True)
    door = simulation.transport()
    await whole(door)
    jump = -3600.0
    await clock.sleep(1)
    await whole(door)
    assert simulation.log[1].at - simulation.log[0].at == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("window", ["sliding", "fixed", "aligned", "bucket", "rejects", "counter"])
async def test_a_client_that_obeys_a_minute_and_a_second_is_let_in_again(
    open_door: Any, clock: Clock, window: str
) -> None:
    """Whatever the law: wait twice the window and a full burst is welcome."""
    simulation, door = open_door(window=window, fast=True)
    for _ in range(3):
        assert [(await whole(door))[0] for _ in range(5)] == [200] * 5
        await clock.sleep(121)
    assert simulation.log.statuses == {200: 15}


async def test_two_runs_with_one_seed_see_the_same_traffic(clock: Clock) -> None:
    def trace(simulation: Simulation) -> list[tuple[float, int, int]]:
        return [(round(arrival.at % 1, 4), arrival.status, arrival.completion_tokens) for arrival in simulation.log]

    runs = []
    for _ in range(2):
        simulation = Simulation(clock=clock, latency=(0.02, 0.25), seed=5, fault_rates={"server_error": 0.3})
        door = simulation.transport()
        await clock.sleep(1 - clock.now() % 1)
        for _ in range(9):
            await whole(door)
        runs.append(trace(simulation))
    assert [row[1:] for row in runs[0]] == [row[1:] for row in runs[1]]


@pytest.mark.parametrize("fault", [None, Fault.stall(2)], ids=["well", "stalled"])
async def test_hanging_up_breaks_the_read_that_is_in_progress(clock: Clock, fault: Fault | None) -> None:
    simulation = Simulation(clock=clock)
    simulation.script([fault])
    response = await simulation.transport().send(chat(stream=True))
    await anext(aiter(response))

    async def read() -> None:
        async for _ in response:
            pass

    reading = asyncio.create_task(read())
    await clock.sleep(0.05)
    began = clock.now()
    response.release()
    with pytest.raises(ConnectionResetError):
        await reading
    assert clock.now() - began < 0.001
    with pytest.raises(ConnectionResetError):
        await anext(aiter(response))
