"""The web examples' page in a real browser: typed, shown, stopped, and nothing to complain of. See `make browser`."""

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from aiohttp import web
from browser import open_tab

from ghmodels_async.simulator import Fault, Simulation

pytestmark = pytest.mark.browser

EXAMPLES = Path(__file__).parents[2] / "examples"
SHOWN = "document.querySelector('pre').textContent"
ASKED = "Tell me a long story about a river."


@asynccontextmanager
async def on_aiohttp():
    import web_aiohttp

    runner = web.AppRunner(web_aiohttp.make_app(), handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def on_fastapi():
    import web_fastapi

    config = uvicorn.Config(web_fastapi.app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=10)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def simulation(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    simulation = Simulation(seed=1, fast=True)
    async with simulation.serve() as server:
        monkeypatch.setenv("GHMODELS_BASE_URL", server.base_url)
        monkeypatch.setenv("GHMODELS_LEDGER", "memory")
        monkeypatch.setenv("GITHUB_TOKEN", f"ghp_of_the_server_{id(simulation)}")
        yield simulation
    for name in ("web_shared", "web_aiohttp", "web_fastapi"):
        sys.modules.pop(name, None)


@pytest.fixture(params=[on_aiohttp, on_fastapi], ids=["aiohttp", "fastapi"])
async def tab(request, simulation, tmp_path):
    async with request.param() as url, open_tab(url, tmp_path) as tab:
        yield tab


async def ask(tab, question):
    await tab.run("document.querySelector('input').select()")
    await tab.type(question)
    await tab.press_enter()


async def eventually(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within 5 s")


async def test_a_visit_in_a_browser(tab, simulation):
    """One browser for all of it: starting one takes longer than everything it is asked."""
    await tab.run("document.querySelector('button').click()")  # an empty question is none
    assert await tab.run(SHOWN) == ""
    assert simulation.log.total == 0

    await ask(tab, "What is the capital of France?")
    await tab.until(f"{SHOWN} === '[simulated] The capital of France is Paris.'")

    # what was said stays when it is stopped, the slot is free, and nothing complains
    simulation.script([Fault.stall(after=6)])
    await ask(tab, ASKED)
    await tab.until(f"{SHOWN}.includes('[simulated]')")
    assert simulation.log.open == 1
    await tab.run("document.querySelector('[type=button]').click()")
    await eventually(lambda: simulation.log.open == 0)
    assert "[simulated]" in await tab.run(SHOWN)

    # a second question takes the first one's place, and none of its words
    simulation.script([Fault.stall(after=6)])
    await ask(tab, ASKED)
    await tab.until(f"{SHOWN}.includes('[simulated]')")
    await ask(tab, "What is the capital of France?")
    await tab.until(f"{SHOWN} === '[simulated] The capital of France is Paris.'")
    await eventually(lambda: simulation.log.open == 0)

    # an answer that breaks off says so behind what had come
    simulation.script([Fault.reset_mid_stream(after=6)])
    await ask(tab, ASKED)
    await tab.until(f"/simulated.*\\n\\[The connection broke/s.test({SHOWN})")

    # an error before the first word, with what to do about it
    simulation.script([Fault.answers(401, {"error": {"message": "Bad credentials"}})])
    await ask(tab, "hi")
    await tab.until(f"{SHOWN}.includes('Check that the token')")

    # markup in an answer is text
    await ask(tab, "Repeat: <img src=x onerror=alert(1)>")
    await tab.until(f"{SHOWN}.includes('[simulated]')")
    assert await tab.run("document.querySelectorAll('img').length") == 0
    assert tab.troubles == []


async def test_a_quota_that_is_used_up_says_when_to_come_back(tab, simulation):
    simulation.script([Fault.day_spent()])
    await ask(tab, "hi")
    await tab.until(f"{SHOWN}.includes('Try again in')")
    assert tab.troubles == []


async def test_a_server_that_is_gone_is_told(simulation, tmp_path):
    async with on_aiohttp() as url:
        entered = open_tab(url, tmp_path)
        tab = await entered.__aenter__()
    try:
        await ask(tab, "hi")
        await tab.until(f"{SHOWN}.includes('no connection')")
        assert tab.troubles == []
    finally:
        await entered.__aexit__(None, None, None)
