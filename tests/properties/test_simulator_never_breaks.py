"""Whatever arrives, the simulated service answers: no request makes it raise."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghmodels_async.simulator import FAULTS, Call, Simulation

EPOCH = 1_800_000_000.0

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
roles = st.sampled_from(["system", "user", "assistant", "tool", "developer", "function", "robot"])
contents = (
    st.text(max_size=40)
    | json_values
    | st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["text", "image_url", "input_audio", "file"])}, optional={"text": st.text()}
        ),
        max_size=3,
    )
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": roles, "content": contents}, optional={"tool_calls": json_values, "tool_call_id": json_values}
    ),
    max_size=4,
)
schemas = st.recursive(
    st.sampled_from([{}, {"type": "string"}, {"type": "integer", "minimum": 3}, {"$ref": "#"}, {"type": "null"}]),
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["object", "array", "string", "number"])},
        optional={
            "properties": st.dictionaries(st.text(max_size=5), inner, max_size=3),
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "pattern": st.text(max_size=8),
        },
    ),
    max_leaves=6,
)
tools = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("function"), "function": st.fixed_dictionaries({"name": st.just("f"), "parameters": schemas})}
    )
    | json_values,
    max_size=2,
)
formats = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "json_object", "json_schema"])},
    optional={
        "json_schema": st.fixed_dictionaries(
            {"name": st.just("s"), "schema": schemas}, optional={"strict": st.booleans()}
        )
    },
)
FIELDS = (
    *("frequency_penalty", "logit_bias", "max_completion_tokens", "max_tokens", "modalities", "n", "seed", "stop"),
    *("stream_options", "temperature", "top_p", "user", "parallel_tool_calls", "reasoning_effort"),
)
bodies = st.fixed_dictionaries(
    {"model": st.sampled_from(["openai/gpt-4.1-mini", "deepseek/deepseek-r1", "openai/o3", "nobody/nothing"])},
    optional={
        "messages": messages | json_values,
        "tools": tools,
        "response_format": formats | json_values,
        "stream": st.booleans(),
        "tool_choice": st.sampled_from(["auto", "required", "none"]),
        **dict.fromkeys(FIELDS, json_values),
    },
)


def answered(simulation: Simulation, path: str, body: bytes) -> int:
    call = Call("POST", path, {"authorization": "Bearer t"}, body)
    exchange = simulation.endpoint.arrive(call, EPOCH)
    simulation.endpoint.finish(exchange, EPOCH, "whole")
    if exchange.answer.status == 200 and "json" in exchange.answer.headers["content-type"]:
        json.loads(exchange.answer.body)
    return exchange.answer.status


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(body=bodies)
def test_any_chat_body_gets_an_answer(body: dict[str, Any]) -> None:
    assert answered(Simulation(plan="pro"), "/inference/chat/completions", json.dumps(body).encode()) in (
        200,
        400,
        404,
        413,
        422,
    )


@given(text=st.text(st.characters(categories=["Cs", "Lu"]), min_size=1), stream=st.booleans())
def test_text_that_utf8_cannot_say_gets_an_answer(text: str, stream: bool) -> None:
    body = {"model": "openai/gpt-4.1", "messages": [{"role": "user", "content": text}], "stream": stream}
    assert answered(Simulation(), "/inference/chat/completions", json.dumps(body).encode()) == 200


@settings(max_examples=200)
@given(body=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_get_an_answer(body: bytes) -> None:
    assert answered(Simulation(), "/inference/chat/completions", body) in (400, 404)


@given(value=json_values, encoding=st.sampled_from(["float", "base64"]), dimensions=st.none() | st.integers(-5, 4000))
def test_any_embedding_input_gets_an_answer(value: Any, encoding: str, dimensions: int | None) -> None:
    body = {
        "model": "openai/text-embedding-3-small",
        "input": value,
        "encoding_format": encoding,
        "dimensions": dimensions,
    }
    assert answered(Simulation(), "/inference/embeddings", json.dumps(body).encode()) in (200, 400)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(sorted(FAULTS)), body=bodies)
def test_any_fault_plays_on_any_answer(name: str, body: dict[str, Any]) -> None:
    simulation = Simulation(plan="pro")
    simulation.script([FAULTS[name]()])
    call = Call("POST", "/v1/chat/completions", {"authorization": "Bearer t"}, json.dumps(body).encode())
    simulation.endpoint.finish(simulation.endpoint.arrive(call, EPOCH), EPOCH, "whole")
    assert simulation.log.open == 0
