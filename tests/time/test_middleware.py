"""What middleware learns of each attempt, and what log and traces make of it."""

import asyncio
import logging

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from simulated import LOW, TOKEN, connect

from ghmodels_async import RetryPolicy
from ghmodels_async import errors as e
from ghmodels_async.middleware import current_attempt, log_attempts, trace_attempts
from ghmodels_async.simulator import Fault, Simulation

PROMPT = "the secret of the prompt"


@pytest.fixture
def simulation(clock):
    return Simulation(clock=clock, seed=1)


class Seen:
    """A middleware that keeps every attempt."""

    def __init__(self):
        self.began = []
        self.ended = []

    async def __call__(self, request, call_next):
        attempt = current_attempt()
        self.began.append(attempt)
        if attempt is not None:
            attempt.on_end(self.ended.append)
        return await call_next(request)


@pytest.fixture
def seen():
    return Seen()


@pytest.fixture
async def gh(simulation, clock, seen):
    async with connect(simulation, clock, middleware=[seen]) as client:
        yield client


async def test_a_whole_reply_is_told_with_its_usage_and_times(gh, seen):
    reply = await gh.chat(LOW, PROMPT)
    (attempt,) = seen.ended
    assert (attempt.operation, attempt.model, attempt.streamed, attempt.number) == ("chat", LOW, False, 1)
    assert (attempt.status, attempt.outcome, attempt.error) == (200, "completed", None)
    assert attempt.reply is reply
    assert attempt.usage == reply.usage
    assert attempt.request_id == reply.meta.request_id
    assert attempt.head_after <= attempt.duration
    assert attempt.first_delta_after is None
    assert current_attempt() is None


async def test_a_stream_is_told_when_it_has_ended_and_not_before(gh, seen):
    async with gh.stream(LOW, PROMPT) as stream:
        assert [attempt.status for attempt in seen.began] == [200]
        assert seen.ended == []
        async for _ in stream:
            pass
    (attempt,) = seen.ended
    assert attempt.streamed
    assert attempt.outcome == "completed"
    assert attempt.head_after <= attempt.first_delta_after <= attempt.duration
    assert attempt.reply.finish_reason == "stop"
    assert attempt.usage == stream.reply.usage


async def test_a_stream_that_is_left_was_abandoned(gh, seen):
    async with gh.stream(LOW, PROMPT):
        pass
    assert [attempt.outcome for attempt in seen.ended] == ["abandoned"]


async def test_a_stream_that_stalls_says_how_it_broke(gh, seen, simulation):
    simulation.script([Fault.stall(after=4)])
    with pytest.raises(e.RequestTimeoutError):
        await gh.stream(LOW, PROMPT, timeouts={"stall": 5}).final()
    assert [attempt.outcome for attempt in seen.ended] == ["timed_out"]


async def test_each_attempt_of_a_call_is_told_with_its_own_end(gh, seen, simulation):
    simulation.script([Fault.server_error(500), Fault.reset_before_head(), None])
    await gh.chat(LOW, PROMPT)
    assert [(attempt.number, attempt.status, attempt.outcome) for attempt in seen.ended] == [
        (1, 500, "failed"),
        (2, None, "unknown"),
        (3, 200, "completed"),
    ]
    assert [type(attempt.error) for attempt in seen.ended] == [e.ServerError, e.ConnectionFailedError, type(None)]


async def test_a_429_is_told_with_the_wait_that_follows(gh, seen, simulation):
    simulation.script([Fault.rate_limited("UserByModelByMinute", 15, 60, 30)])
    await gh.chat(LOW, PROMPT)
    first, second = seen.ended
    assert (first.outcome, first.error.limit) == ("rejected", "UserByModelByMinute")
    assert first.queue_wait < 1 < 30 < second.queue_wait


async def test_a_cancelled_call_is_told_too(gh, seen):
    call = asyncio.create_task(gh.chat(LOW, PROMPT))
    await asyncio.sleep(0.1)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert isinstance(seen.ended[0].error, asyncio.CancelledError)


async def test_embeddings_are_attempts_and_questions_without_quota_are_not(gh, seen):
    await gh.embed("openai/text-embedding-3-small", "text")
    await gh.models()
    assert [attempt and attempt.operation for attempt in seen.began] == ["embeddings", None]


async def test_parallel_calls_see_their_own_attempts(gh, seen):
    await asyncio.gather(*(gh.chat(LOW, f"question {number}") for number in range(5)))
    assert len({id(attempt) for attempt in seen.ended}) == 5
    assert len({attempt.request.messages[0]["content"] for attempt in seen.ended}) == 5


async def test_an_observer_that_fails_keeps_nothing_from_being_settled(simulation, clock, caplog):
    async def faulty(request, call_next):
        current_attempt().on_end(lambda attempt: 1 / 0)
        return await call_next(request)

    async with connect(simulation, clock, middleware=[faulty]) as gh:
        assert (await gh.chat(LOW, "hi")).text
        assert next(state.used for state in gh.limits.explain(LOW) if state.limit == "concurrent") == 0
    assert "on_end callback failed" in caplog.text


# --- the log ---


async def test_the_log_has_a_line_per_attempt_and_neither_key_nor_prompt(simulation, clock, caplog):
    caplog.set_level(logging.INFO, "ghmodels_async.attempts")
    simulation.script([Fault.server_error(503), None])
    async with connect(simulation, clock, middleware=[log_attempts()]) as gh:
        reply = await gh.chat(LOW, PROMPT)
    first, second = [record for record in caplog.records if record.name == "ghmodels_async.attempts"]
    assert first.getMessage().startswith(f"chat {LOW} attempt 1: 503 ServerError, queue 0.00 s")
    assert first.levelno == logging.WARNING
    assert f"{reply.usage.prompt_tokens}+{reply.usage.completion_tokens} tokens" in second.getMessage()
    assert second.levelno == logging.INFO
    assert second.attempt["response_headers"]["x-request-id"] == reply.meta.request_id
    assert second.attempt["request_headers"] == {
        "content-type": "application/json",
        "x-github-api-version": "2022-11-28",
    }
    everything = caplog.text + str([record.__dict__ for record in caplog.records])
    for secret in (TOKEN, PROMPT, reply.text):
        assert secret not in everything


async def test_the_log_shows_more_headers_only_when_told(simulation, clock, caplog):
    caplog.set_level(logging.INFO)
    async with connect(simulation, clock, middleware=[log_attempts(headers={"X-Trace*"})]) as gh:
        await gh.chat(LOW, "hi", extra_headers={"X-Trace-Id": "7", "X-Other": "8"})
    (record,) = [record for record in caplog.records if record.name == "ghmodels_async.attempts"]
    assert record.attempt["request_headers"] == {"x-trace-id": "7"}
    assert record.attempt["response_headers"] == {}


@pytest.mark.parametrize("headers", [{"Authorization"}, {"api-*"}, {"*"}, {"x-key"}])
def test_a_header_that_carries_a_key_cannot_be_allowed(headers):
    with pytest.raises(ValueError, match="carry a key"):
        log_attempts(headers=headers, secret={"X-Key"})


# --- traces ---


@pytest.fixture
def traces():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    exporter.provider = provider
    return exporter


@pytest.fixture
def metrics():
    reader = InMemoryMetricReader()
    reader.provider = MeterProvider([reader])
    return reader


@pytest.fixture
async def traced(simulation, clock, traces, metrics):
    async with connect(simulation, clock, middleware=[trace_attempts(traces.provider, metrics.provider)]) as client:
        yield client


async def test_a_span_says_what_was_asked_and_what_came_of_it(traced, traces):
    reply = await traced.stream(LOW, PROMPT, temperature=0.5, max_tokens=40, stop="END", seed=3).final()
    (span,) = traces.get_finished_spans()
    found = dict(span.attributes)
    assert span.name == f"chat {LOW}"
    assert span.kind.name == "CLIENT"
    assert span.status.status_code.name == "UNSET"
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "github_models",
        "gen_ai.request.model": LOW,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 40,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.seed": 3,
        "gen_ai.request.stream": True,
        "gen_ai.response.model": reply.model,
        "gen_ai.response.id": reply.id,
        "gen_ai.response.finish_reasons": (reply.finish_reason,),
        "gen_ai.usage.input_tokens": reply.usage.prompt_tokens,
        "gen_ai.usage.output_tokens": reply.usage.completion_tokens,
        "server.address": "127.0.0.1",
        "server.port": 80,
        "http.response.status_code": 200,
        "ghmodels.attempt": 1,
        "ghmodels.outcome": "completed",
    }
    assert {name: found[name] for name in expected} == expected
    assert found["gen_ai.response.time_to_first_chunk"] > 0
    assert found["ghmodels.queue_wait"] >= 0
    for secret in (TOKEN, PROMPT, reply.text):
        assert secret not in span.to_json()


async def test_each_attempt_is_a_span_of_the_same_parent(traced, traces, simulation):
    simulation.script([Fault.rate_limited("UserByModelByMinute", 15, 60, 30), None])
    tracer = traces.provider.get_tracer("test")
    with tracer.start_as_current_span("request"):
        await traced.chat(LOW, PROMPT)
    refused, answered, parent = traces.get_finished_spans()
    assert refused.attributes["error.type"] == "RateLimitReached"
    assert refused.attributes["ghmodels.limit"] == "UserByModelByMinute"
    assert refused.status.status_code.name == "ERROR"
    assert not refused.status.description
    assert answered.attributes["ghmodels.attempt"] == 2
    assert answered.attributes["ghmodels.queue_wait"] > 30
    assert {refused.parent.span_id, answered.parent.span_id} == {parent.context.span_id}


async def test_no_answer_has_an_error_type(traced, traces, simulation):
    simulation.script([Fault.reset_before_head()])
    with pytest.raises(e.ConnectionFailedError):
        await traced.chat(LOW, PROMPT, retry=RetryPolicy(attempts=1))
    (span,) = traces.get_finished_spans()
    assert span.attributes["error.type"] == "ConnectionFailedError"
    assert "http.response.status_code" not in span.attributes


async def test_embeddings_have_their_own_attributes(traced, traces):
    await traced.embed("openai/text-embedding-3-small", ["one", "two"], dimensions=8)
    (span,) = traces.get_finished_spans()
    assert span.name == "embeddings openai/text-embedding-3-small"
    assert span.attributes["gen_ai.embeddings.dimension.count"] == 8
    assert span.attributes["gen_ai.request.encoding_formats"] == ("base64",)
    assert span.attributes["gen_ai.usage.input_tokens"] == 2
    assert "gen_ai.usage.output_tokens" not in span.attributes


async def test_metrics_are_recorded_with_the_same_identity(traced, metrics):
    reply = await traced.stream(LOW, PROMPT).final()
    points = {
        metric.name: list(metric.data.data_points)
        for resource in metrics.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert set(points) == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
        "ghmodels.queue.wait",
    }
    tokens = {point.attributes["gen_ai.token.type"]: point.sum for point in points["gen_ai.client.token.usage"]}
    assert tokens == {"input": reply.usage.prompt_tokens, "output": reply.usage.completion_tokens}
    (duration,) = points["gen_ai.client.operation.duration"]
    assert duration.attributes["gen_ai.request.model"] == LOW
    assert duration.count == 1


async def test_questions_without_quota_make_no_span(traced, traces):
    await traced.models()
    assert traces.get_finished_spans() == ()


def test_without_opentelemetry_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry", None)
    with pytest.raises(e.ConfigurationError, match=r"ghmodels-async\[otel\]"):
        trace_attempts()
