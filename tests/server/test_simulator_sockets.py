"""The door with sockets: real HTTP, real disconnects, real resets. aiohttp's plain client is the witness."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp
import pytest

from ghmodels_async.clock import Clock
from ghmodels_async.simulator import FAULTS, TOKEN, Fault, Server, Simulation

QUICK = Clock(scale=50)
"""A nominal second passes in 20 ms."""


def body(model: str = "openai/gpt-4.1", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Why is the sky blue?"}], **fields}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=timeout) as opened:
        yield opened


async def ask(session: aiohttp.ClientSession, server: Server, **fields: Any) -> tuple[int, bytes]:
    async with session.post(f"{server.base_url}/chat/completions", json=body(**fields)) as response:
        return response.status, await response.read()


async def until(condition: Any) -> None:
    async with asyncio.timeout(3):
        while not condition():  # noqa: ASYNC110 - the log of a server is not an event
            await asyncio.sleep(0.005)


async def test_chat_streams_over_http(session: aiohttp.ClientSession) -> None:
    async with Simulation(fast=True).serve() as server:
        status, data = await ask(session, server, stream=True)
        assert status == 200 and data.endswith(b"data: [DONE]\n\n")
        status, data = await ask(session, server)
        assert json.loads(data)["system_fingerprint"] == "simulated"
        async with session.get(f"{server.url}/catalog/models") as response:
            assert len(await response.json()) == 37


async def test_a_stream_is_paced_by_the_clocks_scale(session: aiohttp.ClientSession) -> None:
    simulation = Simulation(clock=QUICK)
    async with simulation.serve() as server:
        start = perf_counter()
        reads = 0
        async with session.post(f"{server.base_url}/chat/completions", json=body(stream=True)) as response:
            head_after = perf_counter() - start
            async for _ in response.content.iter_any():
                reads += 1
        took = perf_counter() - start
    nominal = simulation.log[0].finished_at - simulation.log[0].at
    assert reads > 3 and head_after < took
    assert nominal / 50 == pytest.approx(took, rel=0.5, abs=0.05)
    assert nominal > 0.8


async def test_limits_follow_nominal_time(session: aiohttp.ClientSession) -> None:
    async with Simulation(clock=Clock(scale=600), fast=True).serve() as server:
        assert [(await ask(session, server))[0] for _ in range(11)] == [200] * 10 + [429]
        await asyncio.sleep(0.12)
        assert (await ask(session, server))[0] == 200


async def test_a_client_that_goes_away_frees_its_slot_after_the_linger(session: aiohttp.ClientSession) -> None:
    simulation = Simulation(linger=0.3)

    async def hang_up_early() -> None:
        response = await session.post(f"{server.base_url}/chat/completions", json=body(stream=True))
        await response.content.readany()
        response.close()

    async with simulation.serve() as server:
        await asyncio.gather(hang_up_early(), hang_up_early())
        await asyncio.sleep(0.02)
        assert simulation.log.open == 2
        assert (await ask(session, server))[0] == 429
        await until(lambda: simulation.log.open == 0)
        assert simulation.log[0].ended == "disconnected"
        await until(lambda: server.connections <= 1)


async def test_a_cancelled_request_is_noticed_before_its_head(session: aiohttp.ClientSession) -> None:
    simulation = Simulation()
    async with simulation.serve() as server:
        call = asyncio.create_task(ask(session, server))
        await until(lambda: simulation.log.open == 1)
        call.cancel()
        await asyncio.wait([call])
        await until(lambda: simulation.log.open == 0)
        assert simulation.log[0].ended == "disconnected"


async def test_a_reset_before_the_head_is_a_real_one(session: aiohttp.ClientSession) -> None:
    simulation = Simulation(fast=True)
    simulation.script([Fault.reset_before_head()])
    async with simulation.serve() as server:
        with pytest.raises(aiohttp.ClientOSError) as caught:
            await ask(session, server)
        assert caught.value.errno == 104
        assert (await ask(session, server))[0] == 200


@pytest.mark.parametrize("name", ["reset_after_head", "reset_mid_stream", "half_close"])
async def test_a_connection_broken_after_the_head_leaves_what_came_before(
    session: aiohttp.ClientSession, name: str
) -> None:
    simulation = Simulation(fast=True)
    simulation.script([FAULTS[name]()])
    async with simulation.serve() as server:
        got = b""
        with pytest.raises(aiohttp.ClientPayloadError):
            async with session.post(f"{server.base_url}/chat/completions", json=body(stream=True)) as response:
                assert response.status == 200
                async for data in response.content.iter_any():
                    got += data
        assert got.count(b"\n\n") == (0 if name == "reset_after_head" else 3)
        await until(lambda: server.connections == 0)
        assert simulation.log.open == 0 and simulation.log[0].ended == "broken"


async def test_a_truncated_stream_ends_as_http_says(session: aiohttp.ClientSession) -> None:
    simulation = Simulation(fast=True)
    simulation.script([Fault.truncate(3)])
    async with simulation.serve() as server:
        status, data = await ask(session, server, stream=True)
        assert status == 200 and data.count(b"\n\n") == 3 and b"[DONE]" not in data
        assert server.connections == 1


@pytest.mark.parametrize("name", ["stall", "stall_before_head"])
async def test_a_stall_lasts_until_the_client_goes(session: aiohttp.ClientSession, name: str) -> None:
    simulation = Simulation(fast=True)
    simulation.script([FAULTS[name]()])
    async with simulation.serve() as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.15):
                await ask(session, server, stream=True)
        await until(lambda: simulation.log.open == 0)
        assert simulation.log[0].ended == "disconnected"


async def test_a_character_really_arrives_in_two_reads(session: aiohttp.ClientSession) -> None:
    simulation = Simulation(fast=True)
    simulation.script([Fault.split_utf8()])
    async with simulation.serve() as server:
        reads = []
        async with session.post(f"{server.base_url}/chat/completions", json=body(stream=True)) as response:
            async for data in response.content.iter_any():
                reads.append(data)
    assert len(reads) >= 4
    with pytest.raises(UnicodeDecodeError):
        reads[0].decode()
    assert "é漢🙂" in b"".join(reads).decode()


@pytest.mark.parametrize("name", sorted(set(FAULTS) - {"slow_drip", "slow_head", "stall", "stall_before_head"}))
async def test_every_fault_leaves_the_server_fit_for_the_next_request(
    session: aiohttp.ClientSession, name: str
) -> None:
    simulation = Simulation("local", fast=True)
    simulation.script([FAULTS[name]()])
    async with simulation.serve() as server:
        try:
            await ask(session, server, stream=True)
        except aiohttp.ClientError:
            assert name in ("half_close", "reset_after_head", "reset_before_head", "reset_mid_stream")
        assert (await ask(session, server, stream=True))[0] == 200
        await until(lambda: simulation.log.open == 0)


async def test_an_uplink_delay_comes_before_arrival(session: aiohttp.ClientSession) -> None:
    simulation = Simulation(fast=True, latency=(0.1, 0.1))
    async with simulation.serve() as server:
        start = perf_counter()
        await ask(session, server)
        assert perf_counter() - start > 0.1
        assert simulation.log[0].finished_at - simulation.log[0].at < 0.05


async def test_a_request_abandoned_on_its_way_still_arrives_and_counts(session: aiohttp.ClientSession) -> None:
    simulation = Simulation(latency=(0.1, 0.1))
    async with simulation.serve() as server:
        call = asyncio.create_task(ask(session, server))
        await until(lambda: server.connections == 1)
        await asyncio.sleep(0.02)
        call.cancel()
        await asyncio.wait([call])
        assert simulation.log.total == 0
        await until(lambda: simulation.log.total == 1)
        assert simulation.log[0].admitted and simulation.log[0].ended == "disconnected"


async def test_bodies_of_many_megabytes_pass_in_both_directions(session: aiohttp.ClientSession) -> None:
    simulation = Simulation("local", fast=True)
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 5_000_000}}
    sent = json.dumps(body(messages=[{"role": "user", "content": [part]}])).encode()
    simulation.script([Fault.huge_line(5_000_000)])
    async with (
        simulation.serve() as server,
        session.post(f"{server.base_url}/chat/completions", data=io.BytesIO(sent)) as response,
    ):
        assert response.status == 200 and len(await response.read()) > 5_000_000


async def test_leaving_the_server_hangs_up_on_everybody(session: aiohttp.ClientSession) -> None:
    simulation = Simulation()
    async with simulation.serve() as server:
        response = await session.post(f"{server.base_url}/chat/completions", json=body(stream=True))
    with pytest.raises(aiohttp.ClientPayloadError):
        await response.read()
    assert simulation.log.open == 0 and server.connections == 0
    await server.aclose()


async def test_a_port_can_be_chosen_and_used_again(session: aiohttp.ClientSession) -> None:
    simulation = Simulation(fast=True)
    async with simulation.serve() as server:
        port = int(server.url.rpartition(":")[2])
    async with simulation.serve(port) as server:
        assert server.url == f"http://127.0.0.1:{port}"
        assert (await ask(session, server))[0] == 200


async def test_https_with_a_certificate_of_ones_own(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    try:
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs the openssl program")
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with Simulation(fast=True).serve(tls=served) as server:
        assert server.url.startswith("https://")
        async with session.get(f"{server.url}/catalog/models", ssl=trusting) as response:
            assert response.status == 200


async def test_hundreds_of_streams_at_once_end_well(session: aiohttp.ClientSession) -> None:
    simulation = Simulation("local", clock=QUICK)
    simulation.set_limit("UserConcurrentRequests", 1000)
    async with simulation.serve() as server:
        results = await asyncio.gather(*(ask(session, server, stream=True, seed=number) for number in range(200)))
    assert all(status == 200 and data.endswith(b"data: [DONE]\n\n") for status, data in results)
    assert simulation.log.peak > 50 and simulation.log.open == 0
