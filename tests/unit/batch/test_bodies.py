"""`chat_body` says what `ChatReply.raw` says, without pydantic's objects on the way."""

from __future__ import annotations

from typing import Any

import pytest
from chat_events import GITHUB, chunk, event, text, usage

from ghmodels_async.batch.bodies import chat_body
from ghmodels_async.stream import ChatReply, DeltaDecoder, Fold
from ghmodels_async.wire import ChatCompletion


def folded(*parts: bytes) -> ChatReply:
    decoder, fold = DeltaDecoder(RuntimeError), Fold()
    for part in parts:
        for delta in decoder.feed(part):
            fold.add(delta)
    return fold.reply


def call(index: int, arguments: str, *, id: str | None = None, name: str | None = None) -> bytes:
    return chunk({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]})


def plain(**fields: Any) -> bytes:
    return event({"id": "c", "object": "chat.completion.chunk", "model": "m", **fields})


STREAMS = {
    "nothing": (),
    "GitHub's": (GITHUB,),
    "text": (text("Hello"), text(" there"), chunk(finish="stop"), usage()),
    "calls": (
        call(0, "", id="a", name="f"),
        call(0, "{}"),
        call(1, "[1]", id="b", name="g"),
        chunk(finish="tool_calls"),
    ),
    "tagged reasoning": (text("<think>hm</think>"), text("Hi"), chunk(finish="stop")),
    "separate reasoning": (chunk({"reasoning_content": "hm"}), text("Hi"), chunk(finish="stop")),
    "a refusal": (chunk({"refusal": "No."}), chunk(finish="stop")),
    "two choices": (
        plain(choices=[{"index": 1, "delta": {"content": "b"}, "mark": 1}]),
        plain(choices=[{"index": 0, "delta": {"content": "a"}, "mark": {"x": None}}]),
        plain(choices=[{"index": 1, "delta": {}, "finish_reason": "length"}]),
    ),
    "log-probabilities": (
        plain(
            choices=[{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [{"token": "a", "logprob": -1}]}}]
        ),
        chunk(finish="stop"),
    ),
    "unknown fields, empty and null ones": (
        plain(created=7, system_fingerprint="f", tier=None, choices=[{"index": 0, "delta": {"content": "a"}}]),
        plain(
            created=0, system_fingerprint=None, filters=[], choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]
        ),
        plain(filters=[1], choices=[]),
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_the_body_of_a_stream_is_its_raw_reply(name: str) -> None:
    reply = folded(*STREAMS[name])
    assert chat_body(reply) == reply.raw.model_dump(mode="json", exclude_none=True)


def test_the_body_of_a_whole_completion_is_that_completion() -> None:
    given = {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}], "more": [1]}
    assert chat_body(ChatReply.from_completion(ChatCompletion.model_validate(given))) == given
