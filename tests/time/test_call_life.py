"""One call from queue to last byte: what the caller gets, what the server saw, what the quota was charged."""

import asyncio
from typing import Any

import pytest
from simulated import HIGH, LOW, TOKEN, connect

from ghmodels_async import ChatReply, Clock, GitHubModels, RetryPolicy
from ghmodels_async import errors as e
from ghmodels_async.simulator import Fault, Simulation
from ghmodels_async.simulator.answer import Answer, Ending
from ghmodels_async.transport import FailedAttempt


@pytest.fixture
def simulation(clock: Clock) -> Simulation:
    return Simulation(clock=clock, seed=1)


@pytest.fixture
async def gh(simulation: Simulation, clock: Clock) -> Any:
    async with connect(simulation, clock) as client:
        yield client


def used(gh: GitHubModels, limit: str, model: str = LOW) -> int:
    return next(state.used for state in gh.limits.explain(model) if state.limit == limit)


async def test_a_reply_says_what_it_cost_and_how_it_came_about(gh: GitHubModels, simulation: Simulation) -> None:
    reply = await gh.chat(LOW, "Why is the sky blue?", temperature=0.2)
    assert reply.text.startswith("[simulated]")
    assert reply.finish_reason == "stop"
    assert reply.usage is not None and reply.usage.total_tokens > 0
    assert reply.meta.attempts == 1
    assert reply.meta.request_id
    assert reply.meta.head_after is not None and reply.meta.duration is not None
    assert reply.meta.head_after <= reply.meta.duration
    assert gh.usage.of(LOW).prompt_tokens == reply.usage.prompt_tokens
    assert gh.usage.attempts == simulation.log.total == 1


async def test_a_stream_folds_to_the_reply_that_was_not_streamed(gh: GitHubModels) -> None:
    whole = await gh.chat(LOW, "Name three rivers.", seed=5)
    texts = []
    async with gh.stream(LOW, "Name three rivers.", seed=5) as stream:
        async for delta in stream:
            texts.append(delta.text)
    assert "".join(texts) == whole.text == stream.reply.text
    again = await gh.stream(LOW, "Name three rivers.", seed=5).final()
    assert again.choices == stream.reply.choices == whole.choices
    assert stream.reply.usage == whole.usage
    assert used(gh, "concurrent") == 0


async def test_making_a_stream_sends_nothing(gh: GitHubModels, simulation: Simulation) -> None:
    stream = gh.stream(LOW, "hi")
    await asyncio.sleep(10)
    assert simulation.log.total == 0
    await stream.aclose()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"temprature": 1}, TypeError),
        ({"temperature": 1.5}, e.BadRequestError),
        ({"frequency_penalty": -3}, e.BadRequestError),
        ({"deadline": 0}, e.ConfigurationError),
        ({"timeouts": {"stall": -1}}, e.ConfigurationError),
    ],
)
async def test_what_cannot_work_is_refused_before_anything_is_spent(
    gh: GitHubModels, simulation: Simulation, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await gh.chat(LOW, "hi", **options)
    with pytest.raises(error):
        gh.stream(LOW, "hi", **options)
    assert simulation.log.total == 0


async def test_a_field_the_profile_refuses_passes_in_extra_body(gh: GitHubModels, simulation: Simulation) -> None:
    with pytest.raises(e.BadRequestError) as caught:
        await gh.chat(LOW, "hi", extra_body={"temperature": 1.5})
    assert caught.value.status == 400
    assert simulation.log.total == 1


async def test_a_server_error_is_tried_again_and_each_attempt_is_seen(simulation: Simulation, clock: Clock) -> None:
    seen: list[FailedAttempt] = []
    simulation.script([Fault.server_error(500), Fault.reset_before_head(), None])
    async with connect(simulation, clock, on_attempt=seen.append) as gh:
        reply = await gh.chat(LOW, "hi")
    assert reply.meta.attempts == 3
    assert [attempt.number for attempt in seen] == [1, 2]
    assert [type(attempt.error) for attempt in seen] == [e.ServerError, e.ConnectionFailedError]
    assert gh.usage.retries == 2
    assert simulation.log.total == 3


async def test_retries_can_be_switched_off_for_one_call(gh: GitHubModels, simulation: Simulation) -> None:
    simulation.script([Fault.server_error(503)])
    with pytest.raises(e.ServerError):
        await gh.chat(LOW, "hi", retry=RetryPolicy(attempts=1))
    assert simulation.log.total == 1


async def test_the_server_may_ask_for_a_pause_between_attempts(
    gh: GitHubModels, simulation: Simulation, clock: Clock
) -> None:
    simulation.script([Fault.server_error(503, retry_after=17), None])
    began = clock.now()
    await gh.chat(LOW, "hi")
    assert clock.now() - began >= 17


async def test_a_429_is_waited_out_once_for_everybody(gh: GitHubModels, simulation: Simulation, clock: Clock) -> None:
    simulation.script([Fault.rate_limited("UserByModelByMinute", 15, 60, 30)])
    began = clock.now()
    replies = await asyncio.gather(*(gh.chat(LOW, f"question {n}") for n in range(4)))
    assert sum(reply.meta.attempts for reply in replies) == 5
    assert clock.now() - began >= 31
    assert gh.usage.rate_limited == {"UserByModelByMinute": 1}


async def test_a_day_that_is_spent_is_told_at_once_to_a_call_that_will_not_wait(
    gh: GitHubModels, simulation: Simulation, clock: Clock
) -> None:
    simulation.script([Fault.day_spent(wait=50_000, amount=150)])
    with pytest.raises(e.QuotaExhaustedError) as caught:
        await gh.chat(LOW, "hi")
    assert caught.value.reset_at is not None
    wait = caught.value.reset_at.timestamp() - clock.wall()
    assert 49_990 < wait < 50_010
    before = clock.now()
    with pytest.raises(e.QuotaExhaustedError):
        await gh.chat(LOW, "hi again")
    assert clock.now() - before < 1
    assert simulation.log.total == 1
    assert (await gh.chat(HIGH, "another model goes on")).text


async def test_a_day_that_is_spent_is_waited_out_when_asked(
    gh: GitHubModels, simulation: Simulation, clock: Clock
) -> None:
    simulation.script([Fault.day_spent(wait=50_000, amount=150)])
    began = clock.now()
    reply = await gh.chat(LOW, "hi", on_exhausted="wait")
    assert reply.meta.attempts == 2
    assert 50_000 <= clock.now() - began <= 50_100


async def test_a_deadline_the_quota_cannot_meet_fails_before_waiting(
    gh: GitHubModels, simulation: Simulation, clock: Clock
) -> None:
    await asyncio.gather(*(gh.chat(HIGH, f"{n}") for n in range(10)))
    before = clock.now()
    with pytest.raises(e.WouldExceedDeadlineError) as caught:
        await gh.chat(HIGH, "one too many", deadline=5)
    assert clock.now() - before < 0.1
    assert caught.value.eta > 5
    assert caught.value.limit == "UserByModelByMinute"
    assert simulation.log.total == 10


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_call_that_takes_longer_than_its_deadline_ends_then(
    gh: GitHubModels, simulation: Simulation, clock: Clock, streamed: bool
) -> None:
    simulation.script([Fault.stall(after=4) if streamed else Fault.slow_head(100)])
    began = clock.now()
    with pytest.raises(e.RequestTimeoutError) as caught:
        if streamed:
            await gh.stream(LOW, "hi", deadline=20).final()
        else:
            await gh.chat(LOW, "hi", deadline=20)
    assert caught.value.phase == "total"
    assert isinstance(caught.value, TimeoutError)
    assert 20 <= clock.now() - began < 20.1
    await clock.sleep(5)
    assert simulation.log.open == 0
    assert used(gh, "concurrent") == 0


async def test_a_token_that_expired_is_asked_for_again_once(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    answers = iter(["ghp_bad_credentials" + "0" * 20, TOKEN])
    simulation.script(
        Fault.answers(401, {"error": {"code": "unauthorized", "message": "Bad credentials"}}),
        when=lambda arrival: arrival.number == 1,
    )
    asked = 0

    async def token() -> str:
        nonlocal asked
        asked += 1
        return next(answers)

    async with connect(simulation, clock, token=token, account="app") as gh:
        reply = await gh.chat(LOW, "hi")
    assert reply.text
    assert asked == 2
    assert simulation.log.total == 2


async def test_middleware_sees_every_attempt_and_may_change_it(clock: Clock) -> None:
    simulation = Simulation(clock=clock, record=True)
    simulation.script([Fault.server_error(500), None])
    statuses: list[int] = []

    async def stamp(request: Any, call_next: Any) -> Any:
        headers = {**request.headers, "x-trace": "42"}
        response = await call_next(type(request)(request.method, request.url, headers, request.body))
        statuses.append(response.head.status)
        return response

    async with connect(simulation, clock, middleware=[stamp]) as gh:
        await gh.chat(LOW, "hi")
    assert statuses == [500, 200]
    assert all(arrival.headers is not None and arrival.headers["x-trace"] == "42" for arrival in simulation.log)


async def test_closing_with_a_drain_lets_calls_in_flight_finish(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    gh = connect(simulation, clock)
    call = asyncio.create_task(gh.chat(LOW, "hi"))
    await asyncio.sleep(0.1)
    assert not call.done()
    await gh.aclose(drain=60)
    assert call.done()
    assert (await call).text


@pytest.mark.parametrize("streamed", [False, True])
async def test_cancelling_at_any_step_gives_everything_back(clock: Clock, streamed: bool) -> None:
    """One cancellation per await: at each loop iteration of the call, until it finishes by itself."""
    finished = False
    step = 0
    while not finished:
        simulation = Simulation(clock=clock, latency=(0.02, 0.25), fast=True)
        async with connect(simulation, clock, account=f"account {step}") as gh:
            call = asyncio.create_task(ask(gh, streamed))
            for _ in range(min(step, 40)):  # every iteration of the loop before bytes travel
                await asyncio.sleep(0)
            await asyncio.sleep(max(0, step - 40) * 0.02)  # then every 20 ms of travel and reply
            finished = call.done()
            call.cancel()
            outcome = (await asyncio.gather(call, return_exceptions=True))[0]
            assert finished == isinstance(outcome, ChatReply)
            await clock.sleep(10)
            await gh.limits.open()
            assert simulation.log.open == 0
            assert used(gh, "concurrent") == 0
            assert used(gh, "UserByModelByMinute") == simulation.log.total
        step += 1
    assert step > 5


async def ask(gh: GitHubModels, streamed: bool) -> ChatReply:
    if not streamed:
        return await gh.chat(LOW, "hi")
    async with gh.stream(LOW, "hi") as stream:
        return await stream.final()


async def test_clients_of_one_account_share_its_retry_budget(simulation: Simulation, clock: Clock) -> None:
    async with connect(simulation, clock) as one, connect(simulation, clock) as other:
        await one.limits.open()
        await other.limits.open()
        gates = {client._wiring.gate for client in (one, other)}
        assert len(gates) == 1
        budget = one._wiring.budget_of(gates.pop())
        simulation.script([Fault.server_error(500), None, Fault.server_error(500), None])
        await one.chat(LOW, "hi")
        await other.chat(LOW, "hi")
        assert budget.left == budget.capacity - 2 * 5 + 2


@pytest.mark.parametrize("prompt", ["word " * 8_100, "x" * 12 * 8_100], ids=["by its words", "by its bytes"])
async def test_a_prompt_that_is_certainly_too_large_is_never_sent(
    gh: GitHubModels, simulation: Simulation, prompt: str
) -> None:
    with pytest.raises(e.RequestTooLargeError) as caught:
        await gh.chat(LOW, prompt)
    assert caught.value.status is None
    assert caught.value.maximum == 8000
    assert simulation.log.total == 0


async def test_a_size_the_server_refused_is_not_sent_again(gh: GitHubModels, simulation: Simulation) -> None:
    prompt = "word" * 9_000
    with pytest.raises(e.RequestTooLargeError) as caught:
        await gh.chat(LOW, prompt)
    assert caught.value.status == 413
    with pytest.raises(e.RequestTooLargeError) as again:
        await gh.stream(LOW, prompt).final()
    assert again.value.status is None
    assert simulation.log.total == 1


async def test_a_limit_named_inside_a_stream_pauses_it_for_everybody(
    gh: GitHubModels, simulation: Simulation, clock: Clock
) -> None:
    refused = {
        "code": 429,
        "message": "Rate limit of 15 per 60s exceeded for UserByModelByMinute. Please wait 30 seconds before retrying.",
    }
    simulation.script([Fault.error_frame(after=6, error=refused)])
    stream = gh.stream(LOW, "tell me more")
    with pytest.raises(e.RateLimitError):
        await stream.final()
    assert stream.reply.text
    began = clock.now()
    await gh.chat(LOW, "hi")
    assert clock.now() - began >= 30


async def test_the_wait_of_a_429_counts_from_its_head_not_from_its_slow_body(
    simulation: Simulation, clock: Clock
) -> None:
    headers = {"retry-after": "40", "x-ratelimit-type": "UserByModelByMinute"}
    slow = Fault("slow", lambda answer, moment: Answer(429, headers, [(30.0, b"{}")], 0.0, Ending.WHOLE))
    simulation.script([slow, None])
    async with connect(simulation, clock) as gh:
        began = clock.now()
        await gh.chat(LOW, "hi")
        assert 40 <= clock.now() - began < 45


async def test_a_stream_is_opened_within_its_deadline(simulation: Simulation, clock: Clock) -> None:
    simulation.script([Fault.stall_before_head()])
    async with connect(simulation, clock) as gh:
        began = clock.now()
        with pytest.raises(e.RequestTimeoutError) as caught:
            await gh.stream(LOW, "hi", deadline=20).final()
        assert caught.value.phase == "total" and caught.value.sent
        assert clock.now() - began == pytest.approx(20, abs=0.01)
        await clock.sleep(5)
        assert simulation.log.open == 0
        assert used(gh, "concurrent") == 0


async def test_a_call_waits_no_longer_in_the_queue_than_it_was_told(gh: GitHubModels, clock: Clock) -> None:
    async with gh.stream(
        LOW, "a slow one"
    ) as slow:  # LOW has five places; these are taken for longer than anybody knows
        others = [await gh.stream(LOW, f"{n}").__aenter__() for n in range(4)]
        began = clock.now()
        with pytest.raises(e.RequestTimeoutError) as caught:
            await gh.chat(LOW, "one too many", timeouts={"queue": 7})
        assert caught.value.phase == "queue" and not caught.value.sent
        assert caught.value.elapsed == pytest.approx(7, abs=0.01)
        assert clock.now() - began == pytest.approx(7, abs=0.01)
        for other in others:
            await other.aclose()
    assert slow.reply is not None


async def test_a_hook_that_fails_changes_nothing(
    simulation: Simulation, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    simulation.script([Fault.server_error(500), None])

    def hook(failure: FailedAttempt) -> None:
        raise LookupError("the hook's own trouble")

    async with connect(simulation, clock, on_attempt=hook) as gh:
        assert (await gh.chat(LOW, "hi")).meta.attempts == 2
    assert "on_attempt raised" in caplog.text


@pytest.mark.parametrize("headers", [{"x-a": "1\r\nx-b: 2"}, {"x-a\n": "1"}])
async def test_a_header_that_would_become_two_is_refused(
    gh: GitHubModels, simulation: Simulation, headers: dict[str, str]
) -> None:
    with pytest.raises(e.BadRequestError) as caught:
        await gh.chat(LOW, "hi", extra_headers=headers)
    assert caught.value.status is None
    assert simulation.log.total == 0


async def test_an_endless_error_page_is_not_read_to_its_end(gh: GitHubModels, simulation: Simulation) -> None:
    simulation.script([Fault.answers(400, {"error": {"message": "x" * 3_000_000}})])
    with pytest.raises(e.BadRequestError):
        await gh.chat(LOW, "hi")
    assert used(gh, "concurrent") == 0
