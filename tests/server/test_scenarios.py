"""Every fault seen in the wild over real sockets: which error, how much text, how many requests, nothing left open.

The table is the specification. `text` is what must have been handed out: "" nothing, "some" a strict prefix of the good
reply, "all" the good reply, "é漢🙂 all" the good reply behind these three, "huge" more than a megabyte.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from simulated import LOW, TOKEN

from ghmodels_async import Clock, GitHubModels, RetryPolicy
from ghmodels_async import errors as e
from ghmodels_async.simulator import Fault, Simulation

PROMPT = "Tell me about rivers, lakes and the sea. Straße, 水, 🌊."
PATIENT = {"connect": 100.0, "head": 100.0, "first_delta": 100.0, "stall": 100.0}
QUICK: dict[str, Any] = {"timeouts": {"head": 20.0, "first_delta": 20.0, "stall": 20.0}}


@dataclass(frozen=True)
class Scenario:
    name: str
    faults: list[Fault | None]
    error: type[Exception] | None = None
    text: str = "all"
    requests: int = 1
    phase: str | None = None
    status: int | None = None
    modes: tuple[str, ...] = ("stream", "chat")
    options: dict[str, Any] = field(default_factory=dict)


BOTH, STREAM, CHAT = ("stream", "chat"), ("stream",), ("chat",)
VIOLENT = {"content_filter_result": {"violence": {"filtered": True, "severity": "medium"}}}
MINUTE_SPENT = {
    "code": 429,
    "message": "Rate limit of 15 per 60s exceeded for UserByModelByMinute. Please wait 3 seconds before retrying.",
}
NO_RETRY = {"retry": RetryPolicy(attempts=1)}

SCENARIOS = [
    # Broken before anything was handed out: tried again, or its own error when it is not.
    Scenario("500 then well", [Fault.server_error(500), None], requests=2),
    Scenario("502 page then well", [Fault.html_page(502), None], requests=2),
    Scenario("503 for ever", [Fault.server_error(503)] * 4, e.ServerError, "", 4, status=503),
    Scenario("reset before head then well", [Fault.reset_before_head(), None], requests=2),
    Scenario("reset after head then well", [Fault.reset_after_head(), None], requests=2),
    Scenario("empty 200 then well", [Fault.empty_body(), None], requests=2),
    Scenario("non-JSON 200 then well", [Fault.not_json(), None], requests=2),
    Scenario("error in a 200, then well", [Fault.error_in_ok(), None], requests=2),
    Scenario("500 without retries", [Fault.server_error(500)], e.ServerError, "", status=500, options=NO_RETRY),
    Scenario("html page without retries", [Fault.html_page(502)], e.ServerError, "", status=502, options=NO_RETRY),
    Scenario("empty 200 without retries", [Fault.empty_body()], e.ServerError, "", options=NO_RETRY, modes=CHAT),
    Scenario("non-JSON 200 without retries", [Fault.not_json()], e.GHModelsError, "", options=NO_RETRY),
    Scenario("reset without retries", [Fault.reset_before_head()], e.ConnectionFailedError, "", options=NO_RETRY),
    # Final answers.
    Scenario("retired", [Fault.retired()], e.ServiceRetiredError, "", status=410),
    Scenario("bad credentials", [Fault.answers(401, {"error": {"code": "unauthorized", "message": "Bad credentials"}})],
             e.TokenInvalidError, "", status=401),
    Scenario("no permission", [Fault.answers(401, {"error": {"code": "unauthorized", "message":
             "The `models` permission is required to access this endpoint"}})], e.TokenPermissionError, "", status=401),
    Scenario("no access", [Fault.answers(403, {"error": {"code": "no_access", "message": "No access to model: x"}})],
             e.ModelAccessError, "", status=403),
    Scenario("budget", [Fault.answers(403, {"error": {"message":
             "Unable to proceed with model usage. This account has reached its budget limit."}})],
             e.BudgetExceededError, "", status=403),
    Scenario("unknown model", [Fault.answers(404, {"error": {"code": "unknown_model", "message": "Unknown model: x"}})],
             e.ModelNotFoundError, "", status=404),
    Scenario("too large", [Fault.answers(413, {"error": {"code": "tokens_limit_reached", "message":
             "Request body too large for gpt-4.1-mini model. Max size: 8000 tokens."}})],
             e.RequestTooLargeError, "", status=413),
    Scenario("unknown model, said with a 400", [Fault.answers(400, {"error": {"code": "unknown_model", "message":
             "Unknown model: x"}})], e.ModelNotFoundError, "", status=400),
    Scenario("unavailable model", [Fault.answers(400, {"error": {"code": "unavailable_model", "message":
             "Unavailable model: gpt-5"}})], e.ModelUnavailableError, "", status=400),
    Scenario("prompt filtered", [Fault.answers(400, {"error": {"code": "content_filter", "innererror": VIOLENT}})],
             e.ContentFilterError, "", status=400),
    Scenario("disabled by policy", [Fault.answers(403, {"message": "GitHub Models is disabled"})],
             e.ModelsDisabledError, "", status=403),
    Scenario("a firewall's page", [Fault.html_page(403)], e.APIError, "", status=403),
    Scenario("a wrong address", [Fault.html_page(404)], e.BadRequestError, "", status=404),
    Scenario("unprocessable", [Fault.answers(422, {"error": {"message": "Unsupported modality."}})],
             e.BadRequestError, "", status=422),
    # 429s: the gate waits, or says that it will not.
    Scenario("a minute's 429 then well", [Fault.rate_limited(wait=3), None], requests=2),
    Scenario("429 with a date", [Fault.rate_limited(wait=3, date=True), None], requests=2),
    Scenario("concurrency 429", [Fault.rate_limited("UserConcurrentRequests", 5, 0, 0), None], requests=2),
    Scenario("429 that says nothing in words", [Fault.rate_limited(wait=2, sentence=False), None], requests=2),
    Scenario("a server that asks for a day", [Fault.server_error(503, retry_after=86_400)], e.ServerError, "",
             status=503),
    Scenario("a server that says not to come back", [Fault.answers(500, {}, {"x-should-retry": "false"})],
             e.ServerError, "", status=500),
    Scenario("a refusal that says to come back", [Fault.answers(400, {}, {"x-should-retry": "true"}), None],
             requests=2),
    Scenario("day spent", [Fault.day_spent()], e.QuotaExhaustedError, "", status=429),
    # Broken after deltas were handed out: never again, and never as whole.
    Scenario("reset in mid-stream", [Fault.reset_mid_stream(6)], e.StreamInterruptedError, "some", modes=STREAM),
    Scenario("half-closed in mid-stream", [Fault.half_close(6)], e.StreamInterruptedError, "some", modes=STREAM),
    Scenario("truncated", [Fault.truncate(6)], e.StreamTruncatedError, "some", modes=STREAM),
    Scenario("rate limit in mid-stream", [Fault.error_frame(6, error=MINUTE_SPENT)],
             e.RateLimitError, "some", status=429, modes=STREAM),
    Scenario("error frame", [Fault.error_frame(6)], e.GHModelsError, "some", modes=STREAM),
    Scenario("stalled", [Fault.stall(6)], e.RequestTimeoutError, "some", phase="stall", options=QUICK, modes=STREAM),
    Scenario("no finish reason", [Fault.no_finish_reason()], e.StreamTruncatedError, "all", modes=STREAM),
    # Broken before the first delta of a stream: tried again.
    Scenario("truncated before content", [Fault.truncate(2), None], requests=2, modes=STREAM),
    Scenario("rate limit before content", [Fault.error_frame(2, error=MINUTE_SPENT), None], requests=2,
             modes=STREAM),
    Scenario("error frame before content", [Fault.error_frame(2), None], requests=2, modes=STREAM),
    Scenario("reset before content", [Fault.reset_mid_stream(2), None], requests=2, modes=STREAM),
    Scenario("stalled before content", [Fault.stall(2)] * 4, e.RequestTimeoutError, "", 4, "first_delta",
             options=QUICK, modes=STREAM),
    Scenario("no head", [Fault.stall_before_head()] * 4, e.RequestTimeoutError, "", 4, "head", options=QUICK),
    Scenario("whole body cut", [Fault.half_close(1), None], requests=2, modes=CHAT),
    # Strange but whole.
    Scenario("no [DONE]", [Fault.no_done()], modes=STREAM),
    Scenario("split UTF-8", [Fault.split_utf8()], text="é漢🙂 all", modes=STREAM),
    Scenario("CRLF", [Fault.crlf()], modes=STREAM),
    Scenario("BOM", [Fault.byte_order_mark()], modes=STREAM),
    Scenario("comments", [Fault.comments()], modes=STREAM),
    Scenario("event, id and retry fields", [Fault.fields()], modes=STREAM),
    Scenario("huge line", [Fault.huge_line()], text="huge", modes=STREAM),
    Scenario("one byte at a time", [Fault.slow_drip(interval=0.0, size=7)]),
    Scenario("JSON where a stream was asked for", [Fault.json_for_stream()], modes=STREAM),
    Scenario("no headers", [Fault.bare_headers()]),
    Scenario("skewed clock", [Fault.skewed_clock()]),
    Scenario("output filtered", [Fault.output_filtered(6)], None, "some", modes=STREAM),
]  # fmt: skip

CASES = [
    pytest.param(scenario, mode, id=f"{scenario.name}, {mode}") for scenario in SCENARIOS for mode in scenario.modes
]


async def good_reply() -> str:
    clock = Clock(20)
    simulation = Simulation(clock=clock, seed=7, fast=True)
    async with simulation.serve() as server, client(server.base_url, clock) as gh:
        return (await gh.chat(LOW, PROMPT, max_tokens=60)).text


def client(base_url: str, clock: Clock, **options: Any) -> GitHubModels:
    return GitHubModels(TOKEN, base_url=base_url, clock=clock, ledger="memory", timeouts=PATIENT, **options)


@pytest.mark.parametrize(("scenario", "mode"), CASES)
async def test_a_fault_ends_as_the_table_says(scenario: Scenario, mode: str) -> None:
    whole = await good_reply()
    clock = Clock(20)
    simulation = Simulation(clock=clock, seed=7, fast=True)
    simulation.script(scenario.faults)
    async with simulation.serve() as server:
        async with client(server.base_url, clock) as gh:
            text, error = await ask(gh, mode, scenario.options)
            assert (error is None) == (scenario.error is None), error
            if scenario.error is not None:
                assert isinstance(error, scenario.error), error
                assert error.fix or isinstance(error, e.RequestTimeoutError), f"no way out is told: {error}"
                assert TOKEN not in str(error) + repr(error) + repr(vars(error))
                assert PROMPT not in str(error) + repr(error)
            if scenario.phase:
                assert error.phase == scenario.phase
            if scenario.status:
                assert error.status == scenario.status
            if scenario.text == "huge":
                assert len(text) > 1_000_000
            elif scenario.text == "some":
                assert text and whole.startswith(text) and len(text) < len(whole)
            elif scenario.text == "é漢🙂 all":
                assert text == "é漢🙂" + whole
            else:
                assert text == (whole if scenario.text == "all" else "")
            if isinstance(error, e.StreamError):
                assert (error.partial.text if error.partial is not None else "") == text
            assert simulation.log.total == scenario.requests
            await clock.sleep(3)  # linger
            assert {state.used for state in gh.limits.explain(LOW) if state.limit == "concurrent"} == {0}
            assert simulation.log.open == 0
        await asyncio.sleep(0.05)
        assert server.connections == 0


async def ask(gh: GitHubModels, mode: str, options: dict[str, Any]) -> tuple[str, Any]:
    if mode == "chat":
        try:
            return (await gh.chat(LOW, PROMPT, max_tokens=60, **options)).text, None
        except e.GHModelsError as error:
            return "", error
    texts: list[str] = []
    try:
        async with gh.stream(LOW, PROMPT, max_tokens=60, **options) as stream:
            async for delta in stream:
                texts.append(delta.text)
    except e.GHModelsError as error:
        return "".join(texts), error
    return "".join(texts), None


async def test_connections_are_kept_for_the_next_call() -> None:
    clock = Clock(20)
    simulation = Simulation(clock=clock, seed=7, fast=True, plan="enterprise")
    async with simulation.serve() as server, client(server.base_url, clock, plan="enterprise") as gh:
        for n in range(6):
            await gh.stream(LOW, f"hi {n}").final()
            await gh.chat(LOW, f"hi {n}")
        assert server.connections == 1
