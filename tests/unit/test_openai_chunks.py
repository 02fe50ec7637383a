"""Chunks for code written for `openai`: each once, none without a choice unless it was asked for."""

import json
from typing import Any

import chat_events as ev
import pytest

from ghmodels_async.openai_compat import ChunkStream
from ghmodels_async.stream import ChatDelta, ChatReply, DeltaDecoder

BOTH = {"id": "c", "choices": [{"index": n, "delta": {"content": str(n)}, "finish_reason": None} for n in (0, 1)]}


class Deltas:
    """The deltas of some bytes, as a stream."""

    def __init__(self, data: bytes) -> None:
        self._deltas = iter(DeltaDecoder(lambda error: ValueError(error)).feed(data))
        self.closed = 0

    async def __aenter__(self) -> "Deltas":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> "Deltas":
        return self

    async def __anext__(self) -> ChatDelta:
        for delta in self._deltas:
            return delta
        raise StopAsyncIteration

    @property
    def reply(self) -> ChatReply:
        return ChatReply()

    async def aclose(self) -> None:
        self.closed += 1


async def chunks(data: bytes, *, with_usage: bool = False) -> list[dict[str, Any]]:
    stream: Any = ChunkStream(Deltas(data), with_usage=with_usage)
    return [json.loads(chunk.to_json()) async for chunk in stream]


async def test_a_chunk_with_two_choices_comes_once() -> None:
    assert await chunks(ev.event(BOTH) + ev.event(BOTH)) == [BOTH, BOTH]


@pytest.mark.parametrize(("asked", "last"), [(False, "chat.completion.chunk"), (True, None)])
async def test_chunks_without_choices_come_only_if_usage_was_asked_for(asked: bool, last: str | None) -> None:
    found = await chunks(ev.GITHUB, with_usage=asked)
    assert all(chunk["choices"] for chunk in found[:-1])
    assert bool(found[-1]["choices"]) is not asked
    assert ("usage" in found[-1]) is asked
    assert found[-1].get("object") == last


async def test_leaving_a_stream_lets_go_of_it() -> None:
    deltas = Deltas(ev.GITHUB)
    stream: Any = ChunkStream(deltas, with_usage=False)
    async with stream:
        assert (await anext(stream)).choices[0].delta.role == "assistant"
    await stream.aclose()
    assert deltas.closed == 2
