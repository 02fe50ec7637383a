"""A stream's life on virtual time: opening, handing out, every ending, settled exactly once."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import Any

import pytest
from chat_events import DONE, GITHUB, chunk, event, text, usage
from stream_fakes import HANG, FakeOpener, ScriptedSource

from ghmodels_async.clock import Clock
from ghmodels_async.errors import (
    APIError,
    ConnectionFailedError,
    GHModelsError,
    RequestTimeoutError,
    ServerError,
    StreamDecodeError,
    StreamInterruptedError,
    StreamTruncatedError,
)
from ghmodels_async.stream import ChatDelta, ChatStream, ReplyMeta, StreamOutcome, StreamTimeouts


def stream_of(clock: Clock, *script: Any, **options: Any) -> tuple[ChatStream, FakeOpener, ScriptedSource]:
    source = ScriptedSource(*script)
    opener = FakeOpener(source)
    return ChatStream(opener, clock=clock, **options), opener, source


def settled(opener: FakeOpener) -> list[StreamOutcome]:
    return [outcome for outcome, _ in opener.finished]


# -- well-behaved streams ---------------------------------------------------------------------------------------------


async def test_creating_a_stream_sends_nothing(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, GITHUB)
    await asyncio.sleep(1)
    assert source.reads == 0 and not opener.opened
    assert stream.reply.text == ""
    assert stream.reply.meta == ReplyMeta()


async def test_entering_returns_at_the_first_content_and_hands_out_every_chunk(clock: Clock) -> None:
    head, tail = GITHUB.split(b"Good ")
    stream, opener, source = stream_of(clock, 1.0, head + b"Good ", 2.0, tail)
    async with stream as entered:
        assert entered is stream
        assert stream.reply.choices == ()
        assert clock.now() == pytest.approx(3.0, abs=1e-3)
        deltas = [delta async for delta in stream]
    assert [delta.text for delta in deltas] == ["", "", "Good ", "morning 早 🌍", "", ""]
    assert stream.reply.text == "Good morning 早 🌍"
    assert settled(opener) == [StreamOutcome.COMPLETED]
    assert opener.finished[0][1] == stream.reply.usage
    assert source.released == 1 and source.exhausted


async def test_meta_counts_from_the_moment_the_request_left(clock: Clock) -> None:
    stream, _, _ = stream_of(clock, 1.0, text("a"), 2.0, chunk(finish="stop") + DONE)
    reply = await stream.final()
    assert reply.meta.head_after == 0.25
    assert reply.meta.first_delta_after == pytest.approx(1.25, abs=1e-3)
    assert reply.meta.duration == pytest.approx(3.25, abs=1e-3)


async def test_plain_iteration_opens_and_settles_by_itself(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, GITHUB)
    assert [delta.text async for delta in stream][2:4] == ["Good ", "morning 早 🌍"]
    assert settled(opener) == [StreamOutcome.COMPLETED]
    assert source.released == 1


async def test_text_is_the_first_choices_text_only(clock: Clock) -> None:
    body = text("a") + text("x", index=1) + text("b") + chunk(finish="stop") + chunk(index=1, finish="stop") + DONE
    stream, _, _ = stream_of(clock, body)
    assert [piece async for piece in stream.text] == ["a", "b"]
    assert [choice.text for choice in stream.reply.choices] == ["ab", "x"]


async def test_final_after_some_deltas_is_the_whole_reply(clock: Clock) -> None:
    stream, _, _ = stream_of(clock, GITHUB)
    async with stream:
        async for delta in stream:
            if delta.text:
                break
        assert stream.reply.text == "Good "
        assert (await stream.final()).text == "Good morning 早 🌍"
        assert (await stream.final()).text == "Good morning 早 🌍"
    with pytest.raises(StopAsyncIteration):
        await stream.__anext__()


async def test_a_finish_reason_is_enough_without_done(clock: Clock) -> None:
    stream, opener, _ = stream_of(clock, text("a") + chunk(finish="stop"))
    assert (await stream.final()).finish_reason == "stop"
    assert settled(opener) == [StreamOutcome.COMPLETED]


async def test_done_is_enough_only_where_the_profile_says_so(clock: Clock) -> None:
    strict, _, _ = stream_of(clock, text("a") + DONE)
    with pytest.raises(StreamTruncatedError, match=r"\[DONE\]"):
        await strict.final()
    lenient, opener, _ = stream_of(clock, text("a") + DONE, done_suffices=True)
    reply = await lenient.final()
    assert (reply.text, reply.finish_reason) == ("a", None)
    assert settled(opener) == [StreamOutcome.COMPLETED]


async def test_done_alone_is_nowhere_enough(clock: Clock) -> None:
    stream, opener, _ = stream_of(clock, DONE, done_suffices=True)
    with pytest.raises(StreamTruncatedError):
        await stream.final()
    assert len(opener.attempts) == 1 and opener.finished == []


async def test_a_lenient_stream_without_content_still_hands_out_its_deltas(clock: Clock) -> None:
    stream, opener, _ = stream_of(clock, chunk({"role": "assistant"}) + DONE, done_suffices=True)
    deltas = [delta async for delta in stream]
    assert [delta.role for delta in deltas] == ["assistant"]
    assert len(stream.reply.choices) == 1
    assert settled(opener) == [StreamOutcome.COMPLETED]


async def test_a_lenient_stream_of_nothing_but_half_a_tag_folds_it_once(clock: Clock) -> None:
    stream, _, _ = stream_of(clock, text("<thi") + DONE, done_suffices=True)
    async with stream:
        assert stream.reply.text == ""
        assert (await stream.final()).text == "<thi"


async def test_what_might_have_become_a_tag_is_text_when_done_ends_the_stream(clock: Clock) -> None:
    stream, _, _ = stream_of(clock, text("<think>a</think>b"), text("c", index=1) + text("<thi", index=2) + DONE,
                             done_suffices=True)  # fmt: skip
    assert [choice.text for choice in (await stream.final()).choices] == ["b", "c", "<thi"]


async def test_a_whole_json_reply_is_a_stream_of_one_delta(clock: Clock) -> None:
    body = {"model": "m", "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}], "usage": {}}
    data = json.dumps(body).encode()
    stream, opener, _ = stream_of(clock, data[:10], 1.0, data[10:])
    assert [delta.text async for delta in stream] == ["Hi"]
    assert stream.reply.finish_reason == "stop"
    assert settled(opener) == [StreamOutcome.COMPLETED]


async def test_a_whole_json_reply_without_a_finish_reason_is_whole_all_the_same(clock: Clock) -> None:
    stream, _, _ = stream_of(clock, json.dumps({"choices": [{"message": {"content": "Hi"}}]}).encode())
    assert (await stream.final()).text == "Hi"


async def test_after_done_the_end_of_the_body_is_awaited_for_a_moment(clock: Clock) -> None:
    stream, _, source = stream_of(clock, GITHUB, 0.05)
    await stream.final()
    assert source.exhausted
    began = clock.now()
    stream, opener, source = stream_of(clock, GITHUB, HANG)
    await stream.final()
    assert not source.exhausted and source.released == 1
    assert clock.now() - began == pytest.approx(0.1, abs=1e-3)
    assert settled(opener) == [StreamOutcome.COMPLETED]


async def test_the_end_of_a_body_is_not_awaited_once_it_has_arrived(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, text("a") + chunk(finish="stop") + DONE, HANG)
    source.ended = True
    assert (await stream.final()).text == "a"
    assert settled(opener) == [StreamOutcome.COMPLETED]
    assert (source.reads, source.released, clock.now()) == (1, 1, pytest.approx(0, abs=1e-4))


async def test_a_connection_that_breaks_after_done_took_nothing_away(clock: Clock) -> None:
    stream, opener, _ = stream_of(clock, GITHUB, ConnectionFailedError("reset", sent=True))
    assert (await stream.final()).finish_reason == "stop"
    assert settled(opener) == [StreamOutcome.COMPLETED]


async def test_a_connection_that_breaks_after_the_finish_took_nothing_away(clock: Clock) -> None:
    stream, opener, _ = stream_of(clock, text("a") + chunk(finish="stop"), OSError("reset"))
    assert (await stream.final()).text == "a"
    assert settled(opener) == [StreamOutcome.COMPLETED]


async def test_nothing_is_read_ahead_of_the_consumer(clock: Clock) -> None:
    stream, _, source = stream_of(clock, *[text(f"{number} ") for number in range(5)], chunk(finish="stop"))
    async with stream:
        assert source.reads == 1
        await stream.__anext__()
        await asyncio.sleep(100)
        assert source.reads == 1
        await stream.__anext__()
        assert source.reads == 2


# -- streams that end badly -------------------------------------------------------------------------------------------

TOOL = {"index": 0, "id": "t", "function": {"name": "find", "arguments": '{"city": "Ber'}}

BAD: list[tuple[str, tuple[Any, ...], type[Exception], StreamOutcome, str]] = [
    ("cut", (text("Hel"), text("lo")), StreamTruncatedError, StreamOutcome.TRUNCATED, "Hello"),
    ("cut in an event", (text("Hello") + text("!")[:-1],), StreamTruncatedError, StreamOutcome.TRUNCATED, "Hello"),
    (
        "cut in a tag",
        (text("<think>a</think>Hello"), text("<")),
        StreamTruncatedError,
        StreamOutcome.TRUNCATED,
        "Hello<",
    ),
    (
        "one choice of two cut",
        (text("Hello") + text("x", index=1) + chunk(finish="stop"),),
        StreamTruncatedError,
        StreamOutcome.TRUNCATED,
        "Hello",
    ),
    (
        "open tool call",
        (text("Hello") + chunk({"tool_calls": [TOOL]}) + chunk(finish="tool_calls") + DONE,),
        StreamTruncatedError,
        StreamOutcome.TRUNCATED,
        "Hello",
    ),
    (
        "reset",
        (text("Hello"), ConnectionFailedError("reset by peer", sent=True)),
        StreamInterruptedError,
        StreamOutcome.INTERRUPTED,
        "Hello",
    ),
    ("foreign error", (text("Hello"), ValueError("x")), StreamInterruptedError, StreamOutcome.INTERRUPTED, "Hello"),
    ("bad json", (text("Hello") + b"data: {oops\n\n",), StreamDecodeError, StreamOutcome.FAILED, "Hello"),
    ("no utf-8 json", (text("Hello"), b"data: {\xff\n\n"), StreamDecodeError, StreamOutcome.FAILED, "Hello"),
    ("error frame", (text("Hello") + event({"error": {"code": "x"}}),), ServerError, StreamOutcome.FAILED, "Hello"),
    ("stall", (text("Hello"), HANG), RequestTimeoutError, StreamOutcome.TIMED_OUT, "Hello"),
]


@pytest.mark.parametrize(("_name", "script", "kind", "outcome", "said"), BAD, ids=[row[0] for row in BAD])
@pytest.mark.parametrize("way", ["async with", "plain", "final"])
async def test_a_bad_ending_is_named_and_keeps_what_was_said(
    clock: Clock,
    way: str,
    _name: str,
    script: tuple[Any, ...],
    kind: type[Exception],
    outcome: StreamOutcome,
    said: str,
) -> None:
    stream, opener, source = stream_of(clock, *script, timeouts=StreamTimeouts(stall=5))
    deltas: list[ChatDelta] = []
    with pytest.raises(kind) as caught:
        if way == "async with":
            async with stream:
                async for delta in stream:
                    deltas.append(delta)
        elif way == "plain":
            async for delta in stream:
                deltas.append(delta)
        else:
            await stream.final()
    error = caught.value
    assert isinstance(error, GHModelsError)
    if not isinstance(error, APIError):
        assert error.partial is not None and error.partial.text == said
        assert error.partial.meta.duration is not None
    assert stream.reply.text == said
    if way != "final":
        assert "".join(delta.text for delta in deltas if delta.index == 0) == said
    assert settled(opener) == [outcome]
    assert source.released == 1
    with pytest.raises(kind) as again:
        await stream.final()
    assert again.value is error
    back = pickle.loads(pickle.dumps(error))
    assert str(back) == str(error) and getattr(back, "partial", None) == getattr(error, "partial", None)


async def test_an_open_tool_call_says_which_and_why(clock: Clock) -> None:
    body = chunk({"tool_calls": [TOOL]}) + chunk(finish="length") + DONE
    stream, _, _ = stream_of(clock, body)
    with pytest.raises(StreamTruncatedError, match="'find'") as caught:
        await stream.final()
    assert "length" in caught.value.why and "output tokens" in caught.value.fix
    assert caught.value.partial.tool_calls[0].function.arguments == '{"city": "Ber'


async def test_what_broke_the_connection_is_the_cause(clock: Clock) -> None:
    reset = ConnectionFailedError("reset by peer", sent=True)
    stream, _, _ = stream_of(clock, text("a"), reset)
    with pytest.raises(StreamInterruptedError, match="reset by peer") as caught:
        await stream.final()
    assert caught.value.__cause__ is reset


async def test_the_text_of_a_foreign_exception_is_not_repeated(clock: Clock) -> None:
    stream, _, _ = stream_of(clock, text("a"), ValueError("Bearer ghp_secret"))
    with pytest.raises(StreamInterruptedError) as caught:
        await stream.final()
    assert "secret" not in str(caught.value) and "ValueError" in str(caught.value)


async def test_usage_of_a_stream_that_broke_is_settled_if_it_was_seen(clock: Clock) -> None:
    stream, opener, _ = stream_of(clock, text("a") + usage())
    with pytest.raises(StreamTruncatedError):
        await stream.final()
    outcome, spent = opener.finished[0]
    assert outcome is StreamOutcome.TRUNCATED and spent is not None and spent.total_tokens == 8


# -- before the first content -----------------------------------------------------------------------------------------

EARLY: list[tuple[str, tuple[Any, ...], type[Exception]]] = [
    ("empty body", (), StreamTruncatedError),
    ("role chunk, then the end", (chunk({"role": "assistant", "content": ""}),), StreamTruncatedError),
    ("done at once", (DONE,), StreamTruncatedError),
    ("reset", (ConnectionFailedError("reset", sent=True),), StreamInterruptedError),
    ("error frame", (chunk({"role": "assistant"}) + event({"error": {"code": "overloaded"}}),), ServerError),
    ("json error under 200", (b'{"error": {"code": "x"}}',), ServerError),
    ("html under 200", (b"<html>",), StreamDecodeError),
    ("bad json", (b"data: {\n\n",), StreamDecodeError),
    ("silence", (HANG,), RequestTimeoutError),
    ("half a tag", (text("<thi"),), StreamTruncatedError),
    (
        "half a document, then reset",
        (b'{"choices": [', ConnectionFailedError("reset", sent=True)),
        StreamInterruptedError,
    ),
    ("half a document", (b'{"choices": [',), StreamDecodeError),
]


@pytest.mark.parametrize(("_name", "script", "kind"), EARLY, ids=[row[0] for row in EARLY])
@pytest.mark.parametrize("way", ["async with", "plain"])
async def test_what_fails_before_the_first_content_reaches_the_opener(
    clock: Clock, way: str, _name: str, script: tuple[Any, ...], kind: type[Exception]
) -> None:
    stream, opener, source = stream_of(clock, *script, timeouts=StreamTimeouts(first_delta=5))
    with pytest.raises(kind) as caught:
        if way == "async with":
            async with stream:
                raise AssertionError("never entered")
        async for _ in stream:
            raise AssertionError("nothing to hand out")
    assert opener.attempts == [caught.value]
    assert opener.finished == []
    assert source.released >= 1
    with pytest.raises(kind):
        await stream.final()


@pytest.mark.parametrize(("_name", "script", "kind"), EARLY, ids=[row[0] for row in EARLY])
async def test_the_opener_may_try_again_and_nothing_of_the_failed_attempt_shows(
    clock: Clock, _name: str, script: tuple[Any, ...], kind: type[Exception]
) -> None:
    failed, good = ScriptedSource(*script), ScriptedSource(GITHUB)
    opener = FakeOpener(failed, good)
    stream = ChatStream(opener, clock=clock, timeouts=StreamTimeouts(first_delta=5))
    async with stream:
        texts = [delta.text async for delta in stream]
    assert texts == ["", "", "Good ", "morning 早 🌍", "", ""]
    assert stream.reply.text == "Good morning 早 🌍"
    assert [type(error) for error in opener.attempts] == [kind]
    assert settled(opener) == [StreamOutcome.COMPLETED]
    assert failed.released >= 1 and good.released == 1


async def test_an_attempt_refused_before_its_body_is_the_openers_alone(clock: Clock) -> None:
    refused = ServerError("busy", status=503)
    opener = FakeOpener(refused)
    stream = ChatStream(opener, clock=clock)
    with pytest.raises(ServerError):
        await stream.__aenter__()
    assert opener.finished == []
    assert stream.reply.meta == ReplyMeta()


async def test_an_error_frame_behind_content_comes_after_the_content_and_is_not_retried(clock: Clock) -> None:
    opener = FakeOpener(ScriptedSource(text("a") + event({"error": {}})), ScriptedSource(GITHUB))
    stream = ChatStream(opener, clock=clock)
    async with stream:
        assert (await stream.__anext__()).text == "a"
        with pytest.raises(ServerError) as caught:
            await stream.__anext__()
    assert caught.value.partial == stream.reply and stream.reply.text == "a"
    assert opener.attempts == []
    assert settled(opener) == [StreamOutcome.FAILED]


async def test_an_opener_that_never_begins_is_a_bug_with_a_name(clock: Clock) -> None:
    opener = FakeOpener()
    stream = ChatStream(opener, clock=clock)
    with pytest.raises(RuntimeError, match="begin"):
        await stream.final()


async def test_a_stream_with_nothing_but_a_finish_reason_is_an_empty_reply(clock: Clock) -> None:
    stream, opener, _ = stream_of(clock, chunk({"role": "assistant"}) + chunk(finish="content_filter") + DONE)
    reply = await stream.final()
    assert (reply.text, reply.finish_reason) == ("", "content_filter")
    assert settled(opener) == [StreamOutcome.COMPLETED]


@pytest.mark.parametrize("limit", [100, 16 << 20])
async def test_a_huge_event_ends_the_stream_by_name_when_it_is_over_the_bound(clock: Clock, limit: int) -> None:
    big = text("x" * 2_000_000) + chunk(finish="stop")
    stream, _, _ = stream_of(clock, big[:1_000_000], big[1_000_000:], limit=limit)
    if limit > 1000:
        assert len((await stream.final()).text) == 2_000_000
    else:
        with pytest.raises(StreamDecodeError, match="100 bytes"):
            await stream.final()
