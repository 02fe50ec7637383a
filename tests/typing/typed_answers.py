"""Checked by mypy and pyright, never run: what tools, typed answers, talks and the OpenAI face promise to a checker."""

from typing import Any, assert_type

from pydantic import BaseModel

from ghmodels_async.chats import Chats
from ghmodels_async.client import GitHubModels
from ghmodels_async.conversation import Conversation, Turn
from ghmodels_async.openai_compat import Chunk, ChunkStream, Completion, OpenAIFace
from ghmodels_async.stream import ChatReply
from ghmodels_async.structured import ObjectStream, Parsed, parse, parse_reply, stream_parse
from ghmodels_async.tools import CallRecord, ToolRun, ToolStep, run_tools, stream_tools, tool


class City(BaseModel):
    name: str


def add(a: int, b: int) -> int:
    return a + b


async def answers(gh: Chats) -> None:
    assert_type(await parse(gh, "m", "x", City), City)
    assert_type(await parse(gh, "m", "x", list[City], reask=1, temperature=0.1, deadline=3), list[City])
    assert_type(await parse_reply(gh, "m", "x", City), Parsed[City])
    stream = stream_parse(gh, "m", "x", City)
    assert_type(stream, ObjectStream[City])
    assert_type(await stream.final(), City)
    await parse(gh, "m", "x", City, temprature=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def tools(gh: Chats) -> None:
    run = await run_tools(gh, "m", "x", [add, tool(add), City], max_rounds=3, on_tool_error="raise", seed=1)
    assert_type(run, ToolRun)
    assert_type(run.calls, tuple[CallRecord, ...])
    async for step in stream_tools(gh, "m", [{"role": "user", "content": "x"}], [add]):
        assert_type(step, ToolStep)
    await run_tools(gh, "m", "x", [add], max_round=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await run_tools(gh, "m", "x", [add], on_tool_error="ignore")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def talks(gh: Chats) -> None:
    talk = Conversation(gh, "m", system="s", tools=[add], temperature=0.5, on_interrupt="keep")
    assert_type(await talk.send("x", max_tokens=5), ChatReply)
    turn = talk.stream([{"type": "text", "text": "x"}])
    assert_type(turn, Turn)
    async for text in turn.text:
        assert_type(text, str)
    await talk.send("x", max_token=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def face(client: OpenAIFace) -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "x"}]
    assert_type(await client.chat.completions.create(model="m", messages=messages), Completion)
    assert_type(await client.chat.completions.create(model="m", messages=messages, stream=False), Completion)
    stream = await client.chat.completions.create(model="m", messages=messages, stream=True, temperature=0)
    assert_type(stream, ChunkStream)
    async for chunk in stream:
        assert_type(chunk, Chunk)
        assert_type(chunk.choices[0].finish_reason, str | None)


def the_client_is_one_who_can_chat(gh: GitHubModels) -> None:
    chats: Chats = gh
    OpenAIFace(gh)
    Conversation(chats, "m")
