"""Microsoft's `azure-ai-inference` SDK, the one GitHub's own samples used, against the simulated service.

Its SSE reader refuses comments, CRLF, `event:` lines and a missing space after `data:`: that it reads our streams shows
that the simulator writes them as the service did.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("azure.ai.inference")

from azure.ai.inference import models as shapes
from azure.ai.inference.aio import ChatCompletionsClient, EmbeddingsClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from ghmodels_async.simulator import TOKEN, Fault, Server, Simulation

MINI = "openai/gpt-4.1-mini"


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Any]:
    credential = AzureKeyCredential(TOKEN)
    async with ChatCompletionsClient(server.base_url, credential, retry_total=0) as opened:
        yield opened


def says(text: str) -> list[Any]:
    return [shapes.SystemMessage("Be brief."), shapes.UserMessage(text)]


async def test_a_completion_parses_into_the_sdks_own_types(client: Any, simulation: Simulation) -> None:
    reply = await client.complete(model=MINI, messages=says("What is the capital of France?"), temperature=0.5)
    assert reply.choices[0].message.content == "[simulated] The capital of France is Paris."
    assert reply.choices[0].finish_reason == shapes.CompletionsFinishReason.STOPPED
    assert reply.usage.completion_tokens > 0
    assert simulation.log[0].account == "account-1"


async def test_the_strict_stream_reader_takes_the_whole_stream(client: Any) -> None:
    whole = await client.complete(model=MINI, messages=says("Tell me about rivers"))
    text, usage = "", None
    stream = await client.complete(
        model=MINI,
        messages=says("Tell me about rivers"),
        stream=True,
        model_extras={"stream_options": {"include_usage": True}},
    )
    async for update in stream:
        usage = update.usage or usage
        for choice in update.choices or ():
            text += choice.delta.content or ""
    assert text == whole.choices[0].message.content
    assert usage is not None and usage.total_tokens == whole.usage.total_tokens


async def test_a_tool_round_goes_through(client: Any) -> None:
    tool = shapes.ChatCompletionsToolDefinition(
        function=shapes.FunctionDefinition(
            name="get_weather",
            description="Current weather in a city",
            parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        )
    )
    messages = says("What is the weather in Paris?")
    first = (await client.complete(model=MINI, messages=messages, tools=[tool])).choices[0]
    assert first.finish_reason == shapes.CompletionsFinishReason.TOOL_CALLS
    (call,) = first.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Paris"}')
    messages += [
        shapes.AssistantMessage(tool_calls=[call]),
        shapes.ToolMessage(tool_call_id=call.id, content="mild"),
    ]
    final = await client.complete(model=MINI, messages=messages, tools=[tool])
    assert "get_weather says mild" in final.choices[0].message.content


async def test_a_json_schema_is_answered_with_an_instance(client: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "people": {"type": "integer", "minimum": 1}},
        "required": ["city", "people"],
        "additionalProperties": False,
    }
    wanted = shapes.JsonSchemaFormat(name="city", schema=schema, strict=True)
    reply = await client.complete(model=MINI, messages=says("Describe Oslo"), response_format=wanted)
    value = json.loads(reply.choices[0].message.content)
    assert isinstance(value["city"], str) and value["people"] >= 1


async def test_embeddings_parse(server: Server) -> None:
    async with EmbeddingsClient(server.base_url, AzureKeyCredential(TOKEN), retry_total=0) as client:
        reply = await client.embed(model="openai/text-embedding-3-small", input=["one", "two"], dimensions=32)
    assert [len(item.embedding) for item in reply.data] == [32, 32]
    assert reply.usage.prompt_tokens > 0


async def test_refusals_become_the_sdks_own_exceptions(client: Any, server: Server, simulation: Simulation) -> None:
    with pytest.raises(HttpResponseError) as caught:
        await client.complete(model="nobody", messages=says("hi"))
    assert caught.value.status_code == 404 and caught.value.error.code == "unknown_model"
    async with ChatCompletionsClient(server.base_url, AzureKeyCredential("expired"), retry_total=0) as refused:
        with pytest.raises(ClientAuthenticationError, match="Bad credentials"):
            await refused.complete(model=MINI, messages=says("hi"))
    simulation.set_limit("UserByModelByMinute", 1)
    await client.complete(model=MINI, messages=says("hi"))
    with pytest.raises(HttpResponseError) as caught:
        await client.complete(model=MINI, messages=says("hi"))
    assert (caught.value.status_code, caught.value.error.code) == (429, "RateLimitReached")


async def test_the_retirement_reads_as_captured(client: Any, simulation: Simulation) -> None:
    simulation.script([Fault.retired()])
    with pytest.raises(HttpResponseError) as caught:
        await client.complete(model=MINI, messages=says("hi"))
    assert caught.value.status_code == 410
    assert caught.value.error.code == "github_models_retirement_brownout"


@pytest.mark.parametrize("fault", [Fault.crlf(), Fault.comments(), Fault.fields(), Fault.byte_order_mark()])
async def test_what_the_sdk_cannot_read_is_not_what_the_service_sends(
    client: Any, simulation: Simulation, fault: Fault
) -> None:
    """The reverse: rewritten lines make this SDK give up; so the plain stream is in the captured format."""
    simulation.script([fault])
    stream = await client.complete(model=MINI, messages=says("hi"), stream=True)
    with pytest.raises(ValueError, match="SSE event not supported"):
        async for _ in stream:
            pass
    await stream.aclose()
