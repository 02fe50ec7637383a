"""Laws of the stream floor: chunking changes nothing, folding loses nothing, corruption is always named."""

from __future__ import annotations

import json
import os
import random
import time
from typing import Any

import pytest
from chat_events import DONE, GITHUB, chunk, event, text, usage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sse_oracle import events_of
from stream_fakes import FakeOpener, ScriptedSource
from virtual_time import run_virtual, virtual_clock

from ghmodels_async.errors import GHModelsError
from ghmodels_async.stream import (
    ChatReply,
    ChatStream,
    DeltaDecoder,
    EventTooLargeError,
    Fold,
    SSEDecoder,
    StreamTimeouts,
)
from ghmodels_async.wire import ChatCompletion

SSE_TOKENS = [
    b"data", b"event", b"id", b"retry", b":", b" ", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\0", b"42",
    b"\xef\xbb\xbf", "早🌍é".encode(), b"\xf0\x9f", b"\xff", b"\xc2", b"x", b"data: ", b"data:\n", b": ping\n",
    b"\x0b", b"\x0c", b"\x1c", b"\x85", "\u2028".encode(),
]  # fmt: skip

event_streams = st.lists(st.sampled_from(SSE_TOKENS) | st.binary(max_size=3), max_size=60).map(b"".join)


def cut(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    """The same bytes in arbitrary pieces, empty ones included."""
    marks = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    return [stream[start:end] for start, end in zip([0, *marks], [*marks, len(stream)], strict=True)]


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    stream = draw(event_streams)
    if draw(st.booleans()):
        return stream, [stream[at : at + 1] for at in range(len(stream))]
    return stream, cut(draw, stream)


@settings(max_examples=600, deadline=None)
@given(cut_streams())
def test_any_chunking_decodes_as_the_standard_says(case: tuple[bytes, list[bytes]]) -> None:
    stream, parts = case
    decoder = SSEDecoder()
    events = [tuple(found) for part in parts for found in decoder.feed(part)]
    assert events + decoder.close() == events_of(stream)


@settings(max_examples=300, deadline=None)
@given(cut_streams(), st.integers(1, 40))
def test_any_chunking_reaches_the_bound_at_the_same_event(case: tuple[bytes, list[bytes]], limit: int) -> None:
    stream, parts = case

    def run(pieces: list[bytes]) -> tuple[list[Any], bool]:
        decoder, events = SSEDecoder(limit=limit), []
        for piece in pieces:
            try:
                events += decoder.feed(piece)
            except EventTooLargeError as error:
                return events + error.events, True
        return events, False

    assert run(parts) == run([stream])


# -- folding ----------------------------------------------------------------------------------------------------------

words = st.text(st.sampled_from('ab <>/think\n早🌍"\\{}'), max_size=30)
arguments = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=8), max_size=3).map(json.dumps)
tool_calls = st.lists(
    st.builds(
        lambda number, name, text: {
            "id": f"call-{number}",
            "type": "function",
            "function": {"name": name, "arguments": text},
        },
        st.integers(0, 10**6),
        st.sampled_from(["f", "get_weather", "größe"]),
        arguments,
    ),
    max_size=3,
)


@st.composite
def choices(draw: st.DrawFn, index: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": draw(st.none() | words),
        "refusal": draw(st.none() | words),
    }
    if draw(st.booleans()):
        message["content"] = "<think>" + draw(words) + draw(st.sampled_from(["", "</think>\n\n"])) + draw(words)
    if draw(st.booleans()):
        message["reasoning_content"] = draw(words)
    calls = draw(tool_calls)
    if calls:
        message["tool_calls"] = calls
    reason = draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter", "made_up"]))
    return {"index": index, "message": message, "finish_reason": reason}


@st.composite
def completions(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(1, 3))
    body: dict[str, Any] = {
        "id": "c-1",
        "object": "chat.completion",
        "created": 5,
        "model": "m-1",
        "choices": [draw(choices(index)) for index in range(count)],
    }
    if draw(st.booleans()):
        body["usage"] = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.5}
    return body


def pieces(draw: st.DrawFn, content: str) -> list[str]:
    marks = sorted(draw(st.lists(st.integers(0, len(content)), max_size=5)))
    return [content[start:end] for start, end in zip([0, *marks], [*marks, len(content)], strict=True)]


def chunks_of_choice(draw: st.DrawFn, choice: dict[str, Any]) -> list[bytes]:
    """One choice as the chunks a server would have streamed."""
    index, message = choice["index"], choice["message"]
    parts: list[bytes] = [chunk({"role": message["role"], "content": ""}, index=index)]
    for field in ("reasoning_content", "content", "refusal"):
        if message.get(field):
            parts += [chunk({field: piece}, index=index) for piece in pieces(draw, message[field])]
    for position, call in enumerate(message.get("tool_calls", [])):
        function = call["function"]
        head = {"index": position, "id": call["id"], "type": "function", "function": {"name": function["name"]}}
        parts.append(chunk({"tool_calls": [head]}, index=index))
        for piece in pieces(draw, function["arguments"]):
            parts.append(chunk({"tool_calls": [{"index": position, "function": {"arguments": piece}}]}, index=index))
    return [*parts, chunk({}, index=index, finish=choice["finish_reason"])]


@st.composite
def streamed(draw: st.DrawFn) -> tuple[dict[str, Any], list[bytes]]:
    """A completion, and the same reply as a stream: choices interleaved, bytes cut anywhere."""
    body = draw(completions())
    queues = [chunks_of_choice(draw, choice) for choice in body["choices"]]
    stream = event({"choices": [], "prompt_filter_results": []}) if draw(st.booleans()) else b""
    while any(queues):
        queue = draw(st.sampled_from([queue for queue in queues if queue]))
        stream += queue.pop(0)
    if "usage" in body:
        stream += event({"id": "c-1", "model": "m-1", "choices": [], "usage": body["usage"]})
    stream += DONE
    if draw(st.booleans()):
        stream = stream.replace(b"\n", b"\r\n")
    return body, cut(draw, stream)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(streamed())
def test_folding_a_stream_gives_the_reply_that_was_not_streamed(case: tuple[dict[str, Any], list[bytes]]) -> None:
    body, parts = case
    decoder, fold = DeltaDecoder(RuntimeError), Fold()
    for part in parts:
        for delta in decoder.feed(part):
            fold.add(delta)
    assert decoder.done and decoder.failure is None and decoder.close() == []
    whole = ChatReply.from_completion(ChatCompletion.model_validate_json(json.dumps(body)))
    assert fold.reply == whole
    for streamed_choice, choice in zip(fold.reply.raw.choices, whole.raw.choices, strict=True):
        assert (streamed_choice.message.content or "") == (choice.message.content or "")
        assert streamed_choice.message.tool_calls == choice.message.tool_calls


@settings(max_examples=100, deadline=None)
@given(completions())
def test_a_whole_document_and_its_stream_fold_alike(body: dict[str, Any]) -> None:
    decoder, fold = DeltaDecoder(RuntimeError), Fold()
    assert decoder.feed(json.dumps(body).encode()) == []
    for delta in decoder.close():
        fold.add(delta)
    assert decoder.whole
    assert fold.reply == ChatReply.from_completion(ChatCompletion.model_validate_json(json.dumps(body)))


# -- corruption -------------------------------------------------------------------------------------------------------

TOOL = {"index": 0, "id": "t", "function": {"name": "f", "arguments": '{"a": '}}
HEALTHY = [
    GITHUB,
    b": ping\n\n" + text("<think>a") + text("</think>b", index=1) + chunk(finish="stop") + usage() + DONE,
    chunk({"tool_calls": [TOOL]}) + chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]})
    + chunk(finish="tool_calls") + DONE,
    json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}).encode(),
    text("a") + event({"error": {"code": "x", "message": "m"}}),
]  # fmt: skip


@st.composite
def corrupted(draw: st.DrawFn) -> list[bytes]:
    stream = bytearray(draw(st.sampled_from(HEALTHY)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(stream)))
        kind = draw(st.sampled_from(["flip", "delete", "insert", "repeat", "truncate"]))
        if kind == "flip" and at < len(stream):
            stream[at] = draw(st.integers(0, 255))
        elif kind == "delete":
            del stream[at : at + draw(st.integers(1, 30))]
        elif kind == "insert":
            stream[at:at] = draw(st.binary(max_size=8) | st.sampled_from(SSE_TOKENS))
        elif kind == "repeat":
            stream[at:at] = stream[at : at + draw(st.integers(1, 200))]
        else:
            del stream[at:]
    return cut(draw, bytes(stream))


class Reported(GHModelsError):
    """What the fake opener makes of error objects."""


async def read(parts: list[bytes]) -> ChatReply:
    opener = FakeOpener(ScriptedSource(*parts))
    clock = virtual_clock()
    stream = ChatStream(opener, clock=clock, timeouts=StreamTimeouts(first_delta=5, stall=5, total=60), limit=4096)
    try:
        async with stream:
            return await stream.final()
    finally:
        assert opener.ended == 1
        assert opener.sources[0].released


@settings(max_examples=500, deadline=10_000, suppress_health_check=[HealthCheck.too_slow])
@given(corrupted())
def test_corrupt_bytes_end_in_a_reply_or_a_typed_error(parts: list[bytes]) -> None:
    try:
        reply = run_virtual(read(parts))
    except GHModelsError as error:
        assert str(error)
    else:
        document = b"".join(parts).lstrip(b" \t\r\n\xef\xbb\xbf").startswith((b"{", b'"'))
        assert reply.finish_reason is not None or document, "only a whole document may do without"


@settings(max_examples=300, deadline=10_000)
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_noise_ends_in_a_typed_error(parts: list[bytes]) -> None:
    with pytest.raises(GHModelsError):
        run_virtual(read(parts))


@pytest.mark.parametrize("seconds", [2.0])
def test_fuzzing_the_decoder_for_a_while_finds_nothing_untyped(seconds: float) -> None:
    """Random mutations at full speed, no shrinking: `make soak` raises the time through GHMODELS_FUZZ_SECONDS."""
    seed = int(os.environ.get("GHMODELS_FUZZ_SEED", "20261122"))
    luck = random.Random(seed)
    until = time.monotonic() + float(os.environ.get("GHMODELS_FUZZ_SECONDS", seconds))
    runs = 0
    while time.monotonic() < until:
        stream = bytearray(luck.choice(HEALTHY))
        for _ in range(luck.randrange(8)):
            at = luck.randrange(len(stream) + 1)
            stream[at : at + luck.randrange(4)] = luck.choice([b"", luck.randbytes(3), luck.choice(SSE_TOKENS)])
        decoder, fold = DeltaDecoder(Reported, limit=2048), Fold()
        at = 0
        while at < len(stream):
            step = luck.randrange(1, 64)
            for delta in decoder.feed(bytes(stream[at : at + step])):
                fold.add(delta)
            at += step
        for delta in decoder.close():
            fold.add(delta)
        assert decoder.failure is None or isinstance(decoder.failure, (Reported, ValueError))
        assert fold.open_call is None or fold.begun
        assert fold.reply.raw is not None
        runs += 1
    assert runs > 50, f"seed {seed}"
