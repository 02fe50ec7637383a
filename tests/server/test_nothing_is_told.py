"""Whatever goes wrong, and however much is logged: neither the key nor the prompt is in any line, message or repr."""

import asyncio
import logging
import traceback
from typing import Any

import pytest
from simulated import LOW, TOKEN

from ghmodels_async import Clock, GitHubModels
from ghmodels_async import errors as e
from ghmodels_async.simulator import Fault, Simulation

PROMPT = "the-prompt-nobody-may-see"
BAD = {"error": {"code": "unauthorized", "message": f"Bad credentials: {TOKEN}"}}
FAULTS: list[Fault | None] = [
    Fault.server_error(500),
    Fault.rate_limited(wait=2),
    Fault.reset_before_head(),
    Fault.html_page(502),
    Fault.truncate(6),
    Fault.reset_mid_stream(6),
    Fault.error_frame(6),
    Fault.not_json(),
    Fault.answers(401, BAD),
    Fault.answers(400, {"error": {"message": f"Incorrect API key provided: {TOKEN}"}}),
    Fault.stall(6),
    Fault.retired(),
]


async def test_neither_key_nor_prompt_is_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    seen: list[Any] = []

    async def looks(request: Any, call_next: Any) -> Any:
        logging.getLogger("users").info("sending %s %r", request, request)
        response = await call_next(request)
        logging.getLogger("users").info("got %r %r", response, response.head)
        return response

    clock = Clock(50)
    simulation = Simulation(clock=clock, fast=True, plan="enterprise")
    simulation.script(FAULTS)
    shown: list[str] = []
    async with (
        simulation.serve() as server,
        GitHubModels(
            TOKEN,
            base_url=server.base_url,
            clock=clock,
            ledger="memory",
            plan="enterprise",
            middleware=[looks],
            on_attempt=seen.append,
            timeouts={"stall": 5.0, "head": 30.0},
        ) as gh,
    ):
        shown += [repr(gh), repr(gh._wiring), repr(gh._wiring.tokens)]
        while simulation.log.total < len(FAULTS):
            try:
                async with gh.stream(LOW, PROMPT) as stream:
                    shown += [repr(stream)]
                    await stream.final()
            except e.GHModelsError as error:
                # The traceback quotes source lines only; a frame's variables are the debugger's business.
                shown += [str(error), repr(error), "".join(traceback.format_exception(error))]
    shown += [repr(failure) for failure in seen]
    shown += [caplog.text, *(record.getMessage() for record in caplog.records)]
    assert len(seen) >= 6 and "users" in caplog.text
    for text in shown:
        assert TOKEN not in text
        assert PROMPT not in text
