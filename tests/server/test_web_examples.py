"""The web examples, served for real, asked by real browsers' stand-ins that leave in the middle."""

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import uvicorn
from aiohttp import web

from ghmodels_async.simulator import Fault, Simulation

EXAMPLES = Path(__file__).parents[2] / "examples"
SLOTS = 5  # of the low row


@pytest.fixture
def shared(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import web_shared

    yield web_shared
    for name in ("web_shared", "web_aiohttp", "web_fastapi"):
        sys.modules.pop(name, None)


@asynccontextmanager
async def on_aiohttp():
    import web_aiohttp

    app = web_aiohttp.make_app()
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=10, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", app[web_aiohttp.CLIENTS]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def on_fastapi():
    import web_fastapi

    config = uvicorn.Config(web_fastapi.app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=10)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started, "uvicorn starts")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", web_fastapi.app.state.clients
    finally:
        server.should_exit = True
        await serving


@pytest.fixture(params=[on_aiohttp, on_fastapi], ids=["aiohttp", "fastapi"])
def served(request):
    return request.param


@pytest.fixture
async def simulation(monkeypatch):
    simulation = Simulation(seed=1, fast=True)
    async with simulation.serve() as server:
        monkeypatch.setenv("GHMODELS_BASE_URL", server.base_url)
        monkeypatch.setenv("GHMODELS_LEDGER", "memory")
        monkeypatch.setenv("GITHUB_TOKEN", f"ghp_of_the_server_{id(simulation)}")
        yield simulation


@pytest.fixture
async def browser():
    async with aiohttp.ClientSession() as session:
        yield session


async def eventually(condition, what):
    for _ in range(300):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{what}: not within 3 s")


async def ask(browser, url, prompt="Count to ten.", **headers):
    return await browser.post(f"{url}/chat", json={"prompt": prompt}, headers=headers)


def events_in(body):
    blocks = [block.split("\n") for block in body.decode().split("\n\n") if block]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def states(clients, name):
    (entry,) = clients._clients.values()
    return next(state for state in entry.client.limits.explain(SHOWN) if state.limit == name)


SHOWN = "openai/gpt-4.1-mini"


async def test_a_page_is_served(shared, simulation, served, browser):
    async with served() as (url, _), browser.get(url) as answer:
        assert "<form>" in await answer.text()
        assert answer.content_type == "text/html"


async def test_an_answer_streams_as_events(shared, simulation, served, browser):
    async with served() as (url, _):
        answer = await ask(browser, url)
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        told = events_in(await answer.read())
    assert {name for name, _ in told[:-1]} == {"text"}
    assert "".join(data["text"] for _, data in told[:-1]).startswith("[simulated]")
    assert told[-1][0] == "done"
    assert told[-1][1]["finish_reason"] == "stop"


async def test_a_browser_that_leaves_in_mid_answer_frees_the_slot(shared, simulation, served, browser):
    simulation.script([Fault.stall(after=6)])
    async with served() as (url, clients):
        answer = await ask(browser, url)
        await answer.content.readuntil(b"\n\n")
        assert simulation.log.open == 1
        assert states(clients, "concurrent").used == 1
        answer.close()
        await eventually(lambda: simulation.log.open == 0, "the server sees the connection close")
        await eventually(lambda: not next(iter(clients._clients.values())).users, "the client is let go")


async def test_a_browser_that_leaves_the_queue_frees_its_place(shared, simulation, served, browser):
    simulation.script([Fault.stall(after=6)] * SLOTS)
    async with served() as (url, clients):
        busy = [await ask(browser, url) for _ in range(SLOTS)]
        (entry,) = clients._clients.values()
        queue = entry.client._wiring.gate.desk.queue
        waiting = asyncio.create_task(ask(browser, url))
        await eventually(lambda: queue.waiting == 1, "the sixth waits")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await eventually(lambda: queue.waiting == 0, "its place is free")
        assert simulation.log.total == SLOTS
        for answer in busy:
            answer.close()


async def test_a_full_queue_is_503_with_the_time_to_come_back(shared, simulation, served, browser, monkeypatch):
    monkeypatch.setattr(shared, "QUEUE", 1)
    simulation.script([Fault.stall(after=6)] * SLOTS)
    async with served() as (url, clients):
        busy = [await ask(browser, url) for _ in range(SLOTS)]
        waiting = asyncio.create_task(ask(browser, url))
        (entry,) = clients._clients.values()
        await eventually(lambda: entry.client._wiring.gate.desk.queue.waiting == 1, "one waits")
        refused = await ask(browser, url)
        assert refused.status == 503
        assert int(refused.headers["Retry-After"]) >= 1
        assert "queue is full" in (await refused.json())["error"]
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        for answer in busy:
            answer.close()


async def test_a_quota_that_opens_too_late_is_503_too(shared, simulation, served, browser, monkeypatch):
    monkeypatch.setattr(shared, "PATIENCE", 5.0)
    async with served() as (url, _):
        answers = [await ask(browser, url) for _ in range(15)]
        assert {answer.status for answer in answers} == {200}
        refused = await ask(browser, url)
    assert refused.status == 503
    assert 30 < int(refused.headers["Retry-After"]) <= 61
    assert simulation.log.statuses == {200: 15}


async def test_each_user_spends_their_own_quota_and_tabs_share_it(shared, simulation, served, browser):
    async with served() as (url, clients):
        for token in ("ghp_ada_1", "ghp_bob_1", "ghp_ada_1"):
            answer = await ask(browser, url, Authorization=f"Bearer {token}")
            assert answer.status == 200
            await answer.read()
        assert len(clients) == 2
    assert [arrival.account for arrival in simulation.log] == ["account-1", "account-2", "account-1"]


async def test_a_bounded_number_of_clients_is_kept_and_none_in_use_is_closed(shared, simulation):
    clients = shared.Clients(most=2)
    async with clients.of("ghp_stays_1") as gh:
        for number in range(6):
            async with clients.of(f"ghp_user_{number}") as other:
                await other.chat(SHOWN, "hi")
        assert len(clients) == 2
        assert (await gh.chat(SHOWN, "hi")).text
    await clients.aclose()
    assert len(clients) == 0


@pytest.mark.parametrize(
    ("token", "status"),
    [("ghp_bad_credentials", 401), ("ghp_no_models_permission", 403), ("ghp_two words", 400)],
)
async def test_what_is_wrong_with_a_token_is_a_status_and_a_fix(shared, simulation, served, browser, token, status):
    async with served() as (url, _):
        refused = await ask(browser, url, Authorization=f"Bearer {token}")
        told = await refused.json()
    assert refused.status == status
    assert told["fix"]
    assert token not in str(told)


async def test_a_prompt_that_is_none_is_refused(shared, simulation, served, browser):
    async with served() as (url, _):
        refused = await browser.post(f"{url}/chat", json={"question": "?"})
    assert refused.status == 422


async def test_an_answer_in_flight_is_finished_before_the_server_stops(
    shared, simulation, served, browser, monkeypatch
):
    async with Simulation(seed=1).serve() as paced:
        monkeypatch.setenv("GHMODELS_BASE_URL", paced.base_url)
        async with served() as (url, _):
            answer = await ask(browser, url, "Tell me a long story about a river.")
            reading = asyncio.create_task(answer.read())
        told = events_in(await reading)
    assert len(told) > 10
    assert told[-1][0] == "done"
