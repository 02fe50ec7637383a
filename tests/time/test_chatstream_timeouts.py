"""Phases on virtual time: what each one counts, and to the moment."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from chat_events import DONE, chunk, event, text, usage
from stream_fakes import HANG, FakeOpener, ScriptedSource
from virtual_time import run_virtual, virtual_clock

from ghmodels_async.clock import Clock
from ghmodels_async.errors import RequestTimeoutError
from ghmodels_async.stream import ChatStream, StreamOutcome, StreamTimeouts

ROLE = chunk({"role": "assistant", "content": ""})
FILTERS = event({"choices": [], "prompt_filter_results": []})
PING = b": ping\n\n"
END = chunk(finish="stop") + DONE


def stream_of(clock: Clock, *script: Any, before: float = 0, **phases: float) -> tuple[ChatStream, FakeOpener]:
    opener = FakeOpener(ScriptedSource(*script), before=before)
    return ChatStream(opener, clock=clock, timeouts=StreamTimeouts(**phases)), opener


async def timed_out(stream: ChatStream) -> RequestTimeoutError:
    with pytest.raises(RequestTimeoutError) as caught:
        await stream.final()
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.sent
    return caught.value


@pytest.mark.parametrize(
    "script",
    [
        (HANG,),
        (PING, 3, PING, 3, PING, 3, PING, 3, PING, HANG),
        (FILTERS, 3, ROLE, 3, usage(), 3, text(""), HANG),
        (text("<thi"), HANG),
        (b'{"choices": [', HANG),
    ],
    ids=["silence", "comments", "chunks without content", "perhaps a tag", "half a document"],
)
async def test_what_is_not_content_does_not_stop_the_first_delta_clock(clock: Clock, script: tuple[Any, ...]) -> None:
    stream, opener = stream_of(clock, *script, first_delta=10)
    error = await timed_out(stream)
    assert error.phase == "first_delta"
    assert error.elapsed == pytest.approx(10, abs=1e-3)
    assert clock.now() == pytest.approx(10, abs=1e-3)
    assert opener.attempts == [error] and opener.finished == []


@pytest.mark.parametrize(
    "content",
    [
        text("a"),
        chunk({"reasoning_content": "a"}),
        text("<think>a"),
        chunk({"refusal": "a"}),
        chunk({"tool_calls": [{"index": 0}]}),
        chunk(finish="stop"),
    ],
)
async def test_any_content_stops_the_first_delta_clock(clock: Clock, content: bytes) -> None:
    stream, _ = stream_of(clock, ROLE, 9.9, content, 100, END, first_delta=10)
    assert (await stream.final()).finish_reason == "stop"


async def test_the_first_delta_clock_starts_at_the_head(clock: Clock) -> None:
    stream, _ = stream_of(clock, 9, text("a"), END, first_delta=10, before=100)
    assert (await stream.final()).text == "a"


async def test_the_first_delta_clock_starts_anew_with_every_attempt(clock: Clock) -> None:
    opener = FakeOpener(ScriptedSource(HANG), ScriptedSource(9, text("a") + END))
    stream = ChatStream(opener, clock=clock, timeouts=StreamTimeouts(first_delta=10))
    assert (await stream.final()).text == "a"
    assert clock.now() == pytest.approx(19, abs=1e-3)


async def test_a_stall_ends_exactly_when_it_said(clock: Clock) -> None:
    stream, opener = stream_of(clock, text("a"), 4.9, text("b"), 4.9, text("c"), HANG, stall=5)
    error = await timed_out(stream)
    assert (error.phase, error.partial.text) == ("stall", "abc")
    assert error.elapsed == pytest.approx(5, abs=1e-3)
    assert clock.now() == pytest.approx(14.8, abs=1e-3)
    assert opener.finished == [(StreamOutcome.TIMED_OUT, None)]


async def test_comments_do_not_hide_a_stall(clock: Clock) -> None:
    stream, _ = stream_of(clock, text("a"), *[PING, 1] * 20, text("b"), END, stall=5)
    error = await timed_out(stream)
    assert error.phase == "stall"
    assert clock.now() == pytest.approx(5, abs=1e-3)


async def test_bytes_of_an_unfinished_event_do_not_hide_a_stall(clock: Clock) -> None:
    slow = [part for byte in text("b") for part in (bytes([byte]), 1)]
    stream, _ = stream_of(clock, text("a"), *slow, END, stall=5)
    assert (await timed_out(stream)).phase == "stall"


async def test_a_slow_consumer_is_no_stall(clock: Clock) -> None:
    stream, _ = stream_of(clock, *[part for number in range(5) for part in (text(str(number)), 4)], END, stall=5)
    async with stream:
        async for _ in stream:
            await asyncio.sleep(1000)
    assert stream.reply.text == "01234"


async def test_a_stall_after_a_slow_consumer_counts_from_the_moment_of_asking(clock: Clock) -> None:
    stream, _ = stream_of(clock, text("a"), HANG, stall=5)
    async with stream:
        await stream.__anext__()
        await asyncio.sleep(1000)
        began = clock.now()
        error = await timed_out(stream)
    assert clock.now() - began == pytest.approx(5, abs=1e-3)
    assert error.elapsed == pytest.approx(5, abs=1e-3)


async def test_total_counts_from_the_start_of_opening(clock: Clock) -> None:
    script = [part for number in range(100) for part in (text(str(number)), 1)]
    stream, _ = stream_of(clock, *script, before=3, stall=5, total=10)
    error = await timed_out(stream)
    assert error.phase == "total"
    assert error.elapsed == pytest.approx(10, abs=1e-3)
    assert clock.now() == pytest.approx(10, abs=1e-3)


async def test_total_also_ends_the_wait_for_the_first_content(clock: Clock) -> None:
    stream, _ = stream_of(clock, HANG, first_delta=60, total=10)
    assert (await timed_out(stream)).phase == "total"
    stream, _ = stream_of(clock, HANG, total=10)
    assert (await timed_out(stream)).phase == "total"


async def test_deltas_that_have_arrived_are_handed_out_even_when_the_total_is_over(clock: Clock) -> None:
    stream, _ = stream_of(clock, text("a") + text("b"), HANG, total=10)
    async with stream:
        await asyncio.sleep(50)
        assert [(await stream.__anext__()).text for _ in range(2)] == ["a", "b"]
        assert (await timed_out(stream)).phase == "total"


async def test_a_finished_reply_does_not_wait_long_for_its_usage(clock: Clock) -> None:
    stream, opener = stream_of(clock, text("a") + chunk(finish="stop"), HANG)
    assert (await stream.final()).text == "a"
    assert clock.now() == pytest.approx(5, abs=1e-3)
    assert opener.finished[0][0] is StreamOutcome.COMPLETED
    stream, _ = stream_of(clock, text("a") + chunk(finish="stop"), 4, usage() + DONE, stall=60)
    assert (await stream.final()).usage is not None
    began = clock.now()
    stream, _ = stream_of(clock, text("a") + chunk(finish="stop"), HANG, stall=2)
    await stream.final()
    assert clock.now() - began == pytest.approx(2, abs=1e-3)


async def test_without_limits_nothing_times_out(clock: Clock) -> None:
    stream, _ = stream_of(clock, 86_400, text("a"), 86_400, END)
    assert (await stream.final()).text == "a"


def test_seconds_are_nominal() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        clock = Clock(scale=60)
        opener = FakeOpener(ScriptedSource(text("a"), HANG))
        stream = ChatStream(opener, clock=clock, timeouts=StreamTimeouts(first_delta=30, stall=30))
        error = await timed_out(stream)
        assert error.elapsed == pytest.approx(30, abs=1e-2)
        assert loop.time() == pytest.approx(0.5, abs=1e-3)
        opener = FakeOpener(ScriptedSource(text("a") + END, HANG))
        began = loop.time()
        await ChatStream(opener, clock=clock).final()
        assert loop.time() - began == pytest.approx(0.1, abs=1e-3), "the drain is real time"

    run_virtual(main())


def test_one_timer_serves_a_thousand_reads() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        clock, armed = virtual_clock(), 0
        original = loop.call_at

        def counting(when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
            nonlocal armed
            armed += "Watch" in getattr(callback, "__qualname__", "")
            return original(when, callback, *args, context=context)

        loop.call_at = counting  # type: ignore[method-assign]
        script = [part for _ in range(1000) for part in (text("a"), 0.01)]
        stream = ChatStream(
            FakeOpener(ScriptedSource(*script, END)), clock=clock, timeouts=StreamTimeouts(first_delta=60, stall=30)
        )
        assert len((await stream.final()).text) == 1000
        assert armed == 3, "first content, stall, the end of the body"

    run_virtual(main())


async def test_no_timer_outlives_its_stream(clock: Clock) -> None:
    loop = asyncio.get_running_loop()
    for script in ((text("a") + END,), (text("a"),), (text("a"), HANG)):
        stream, _ = stream_of(clock, *script, first_delta=3600, stall=3600, total=7200)
        async with stream:
            await stream.__anext__()
    gc.collect()
    alive = [handle for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
    assert not [handle for handle in alive if "Watch" in repr(handle)]
