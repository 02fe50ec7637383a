"""The drop-in and the helpers of `openai`: typed tools, streams of events, other defaults, a service that refuses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

openai = pytest.importorskip("openai")

from pydantic import BaseModel  # noqa: E402

from ghmodels_async import errors as e  # noqa: E402
from ghmodels_async.openai_compat import OpenAIFace  # noqa: E402
from ghmodels_async.openai_compat.typed import Typing  # noqa: E402
from ghmodels_async.simulator import TOKEN, Fault, Server, Simulation  # noqa: E402
from ghmodels_async.stream import ChatReply  # noqa: E402
from ghmodels_async.wire import ChatCompletion  # noqa: E402

MINI = "openai/gpt-4.1-mini"


class GetWeather(BaseModel):
    """Look the weather of a city up."""

    city: str


@pytest.fixture(params=["openai", "drop-in"])
async def client(request: pytest.FixtureRequest, ours: OpenAIFace, server: Server) -> AsyncIterator[Any]:
    if request.param == "drop-in":
        yield ours
        return
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key=TOKEN, max_retries=0) as theirs:
        yield theirs


def says(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


async def test_a_pydantic_tool_gets_its_arguments_parsed(client: Any) -> None:
    messages = says("What is the weather in Paris?")
    tools = [openai.pydantic_function_tool(GetWeather)]
    completion = await client.chat.completions.parse(model=MINI, messages=messages, tools=tools, tool_choice="required")
    message = completion.choices[0].message
    (call,) = message.tool_calls
    assert call.function.parsed_arguments == GetWeather(city="Paris")
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    assert message.parsed is None
    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    second = await client.chat.completions.parse(model=MINI, messages=messages, tools=tools)
    assert "sunny" in second.choices[0].message.content


async def test_parsed_arguments_do_not_travel_back(ours: OpenAIFace, simulation: Simulation) -> None:
    messages = says("What is the weather in Paris?")
    tools = [openai.pydantic_function_tool(GetWeather)]
    completion = await ours.chat.completions.parse(model=MINI, messages=messages, tools=tools, tool_choice="required")
    message = completion.choices[0].message
    assert message.tool_calls
    answer = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
    await ours.chat.completions.create(model=MINI, messages=[*messages, message, answer], tools=tools)  # type: ignore[list-item]
    (call,) = list(simulation.log)[-1].body["messages"][1]["tool_calls"]
    assert set(call["function"]) == {"name", "arguments"}


def test_arguments_that_do_not_fit_are_an_error_with_the_reply() -> None:
    typing = Typing(MINI, None, [openai.pydantic_function_tool(GetWeather)])
    reply = ChatReply.from_completion(ChatCompletion(), None)  # type: ignore[arg-type]
    with pytest.raises(e.InvalidReplyError, match="GetWeather") as caught:
        typing.arguments("GetWeather", '{"town": "Paris"}', reply)
    assert caught.value.partial is reply
    assert typing.arguments("other", "{}", reply) is None


async def test_an_event_stream_may_be_left_and_shows_what_there_is(ours: OpenAIFace) -> None:
    async with ours.chat.completions.stream(model=MINI, messages=says("Tell me about rivers")) as stream:
        async for event in stream:
            if event.type == "content.delta" and event.delta:
                break
            if event.type == "chunk":
                assert event.snapshot.choices is not None
        assert stream.current_completion_snapshot.choices[0].message.content
    with pytest.raises(AttributeError, match=r"'content\.delta' event has no 'content'"):
        _ = event.content


async def test_the_readmes_other_defaults(client: Any) -> None:
    patient = client.with_options(timeout=openai.Timeout(60.0, read=5.0, write=10.0, connect=2.0), max_retries=5)
    assert (await patient.chat.completions.create(model=MINI, messages=says("hi"))).id


async def test_retries_are_as_many_as_asked_for(ours: OpenAIFace, simulation: Simulation) -> None:
    simulation.script(Fault.answers(500, {"error": {"message": "broken"}}), when=lambda arrival: True)
    once = ours.with_options(max_retries=0)
    for ask in (
        lambda: once.chat.completions.create(model=MINI, messages=says("hi")),
        lambda: once.chat.completions.create(model=MINI, messages=says("hi"), stream=True),
        lambda: once.embeddings.create(model="openai/text-embedding-3-small", input="a"),
    ):
        before = simulation.log.total
        with pytest.raises(e.ServerError):
            await ask()
        assert simulation.log.total == before + 1


async def test_a_retired_service_is_told_at_once(ours: OpenAIFace, simulation: Simulation) -> None:
    simulation.script(Fault.retired(), when=lambda arrival: True)
    with pytest.raises(e.ServiceRetiredError):
        await ours.chat.completions.create(model=MINI, messages=says("hi"))
    with pytest.raises(e.ServiceRetiredError):
        await ours.chat.completions.create(model=MINI, messages=says("hi"), stream=True)
    with pytest.raises(e.ServiceRetiredError):
        await ours.embeddings.create(model="openai/text-embedding-3-small", input="a")
    assert simulation.log.total == 3
