"""The official `openai` SDK, written by nobody here, finds the simulated service natural."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

openai = pytest.importorskip("openai")

from pydantic import BaseModel  # noqa: E402

from ghmodels_async.simulator import PROMPT_FILTERED, TOKEN, Fault, Server, Simulation  # noqa: E402

MINI = "openai/gpt-4.1-mini"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Any]:
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key=TOKEN, max_retries=0) as opened:
        yield opened


def says(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


async def test_a_completion_parses_into_the_sdks_own_types(client: Any) -> None:
    reply = await client.chat.completions.create(model=MINI, messages=says("What is the capital of France?"))
    assert reply.choices[0].message.content == "[simulated] The capital of France is Paris."
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.system_fingerprint == "simulated"


async def test_a_stream_adds_up_to_the_completion_and_ends_with_usage(client: Any) -> None:
    asked = {"model": MINI, "messages": says("Tell me about rivers")}
    whole = await client.chat.completions.create(**asked)
    text, usage, reason = "", None, None
    stream = await client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
    assert text == whole.choices[0].message.content
    assert (reason, usage.completion_tokens) == ("stop", whole.usage.completion_tokens)


async def test_the_stream_helper_accumulates_events(client: Any) -> None:
    async with client.chat.completions.stream(model=MINI, messages=says("Tell me about rivers")) as stream:
        kinds = {event.type async for event in stream}
        final = await stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content.startswith("[simulated]")


async def test_a_tool_round_goes_through(client: Any) -> None:
    messages = says("What is the weather in Paris and Rome?")
    first = (await client.chat.completions.create(model=MINI, messages=messages, tools=[WEATHER])).choices[0]
    assert first.finish_reason == "tool_calls"
    assert [call.function.arguments for call in first.message.tool_calls] == ['{"city": "Paris"}', '{"city": "Rome"}']
    messages.append(first.message)
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "mild"} for call in first.message.tool_calls]
    final = await client.chat.completions.create(model=MINI, messages=messages, tools=[WEATHER])
    assert "get_weather says mild; get_weather says mild" in final.choices[0].message.content


async def test_streamed_tool_calls_are_put_together_by_the_sdk(client: Any) -> None:
    async with client.chat.completions.stream(
        model=MINI, messages=says("What is the weather in Paris?"), tools=[WEATHER]
    ) as stream:
        async for _ in stream:
            pass
        message = (await stream.get_final_completion()).choices[0].message
    assert message.tool_calls[0].function.name == "get_weather"
    assert message.tool_calls[0].function.arguments == '{"city": "Paris"}'


class Step(BaseModel):
    explanation: str
    result: float


class Solution(BaseModel):
    steps: list[Step]
    answer: float


async def test_structured_output_parses_into_a_pydantic_class(client: Any) -> None:
    reply = await client.chat.completions.parse(model=MINI, messages=says("Solve 8x = 24"), response_format=Solution)
    assert isinstance(reply.choices[0].message.parsed, Solution)
    async with client.chat.completions.stream(
        model=MINI, messages=says("Solve 8x = 24"), response_format=Solution
    ) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.parsed == reply.choices[0].message.parsed


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
async def test_embeddings_decode_whatever_encoding_the_sdk_picks(client: Any, encoding: str | None) -> None:
    asked: dict[str, Any] = {"model": "openai/text-embedding-3-small", "input": ["one", "two"], "dimensions": 64}
    if encoding:
        asked["encoding_format"] = encoding
    reply = await client.embeddings.create(**asked)
    assert [item.index for item in reply.data] == [0, 1]
    if encoding != "base64":
        assert len(reply.data[0].embedding) == 64 and sum(x * x for x in reply.data[0].embedding) == pytest.approx(1)


async def test_models_are_listed(client: Any) -> None:
    names = [model.id async for model in client.models.list()]
    assert MINI in names and len(names) == 37


async def test_every_root_works_as_base_url(server: Server) -> None:
    for root in ("", "/v1", "/inference", "/orgs/simulated-org/inference", "/openai/v1"):
        async with openai.AsyncOpenAI(base_url=server.url + root, api_key=TOKEN, max_retries=0) as client:
            assert (await client.chat.completions.create(model=MINI, messages=says("hi"))).choices


async def test_refusals_become_the_sdks_own_exceptions(server: Server, client: Any, simulation: Simulation) -> None:
    with pytest.raises(openai.NotFoundError, match="Unknown model: nobody"):
        await client.chat.completions.create(model="nobody", messages=says("hi"))
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model=MINI, messages=says(PROMPT_FILTERED))
    assert caught.value.code == "content_filter"
    with pytest.raises(openai.AuthenticationError, match="Bad credentials"):
        await client.with_options(api_key="expired").chat.completions.create(model=MINI, messages=says("hi"))
    simulation.script([Fault.server_error(503)])
    with pytest.raises(openai.InternalServerError):
        await client.chat.completions.create(model=MINI, messages=says("hi"))
    simulation.set_limit("UserByModelByMinute", 1)
    with pytest.raises(openai.RateLimitError, match="Rate limit of 1 per 60s exceeded for UserByModelByMinute"):
        await client.chat.completions.create(model=MINI, messages=says("hi"))


async def test_a_reset_and_an_error_frame_reach_the_sdk(client: Any, simulation: Simulation) -> None:
    simulation.script([Fault.reset_before_head(), Fault.error_frame(3)])
    with pytest.raises(openai.APIConnectionError):
        await client.chat.completions.create(model=MINI, messages=says("hi"))
    stream = await client.chat.completions.create(model=MINI, messages=says("hi"), stream=True)
    with pytest.raises(openai.APIError, match="had an error"):
        async for _ in stream:
            pass


async def test_a_stream_closed_early_frees_the_slot() -> None:
    slow = Simulation()
    async with slow.serve() as running:
        async with openai.AsyncOpenAI(base_url=running.base_url, api_key=TOKEN, max_retries=0) as opened:
            stream = await opened.chat.completions.create(model=MINI, messages=says("rivers"), stream=True)
            async for _ in stream:
                break
            await stream.close()
        async with asyncio.timeout(2):
            while slow.log.open:  # noqa: ASYNC110 - the log of a server is not an event
                await asyncio.sleep(0.01)
    assert slow.log[0].ended == "disconnected"
