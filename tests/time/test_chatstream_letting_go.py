"""Whatever happens to whoever reads, the connection is freed and the attempt settled exactly once."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from chat_events import DONE, GITHUB, chunk, text, usage
from stream_fakes import HANG, FakeOpener, ScriptedSource
from virtual_time import VirtualTimeLoop, run_virtual, virtual_clock

from ghmodels_async.clock import Clock
from ghmodels_async.errors import StreamInterruptedError
from ghmodels_async.stream import ChatStream, StreamOutcome, StreamTimeouts

PATIENT = StreamTimeouts(first_delta=60, stall=60, total=3600)


def stream_of(clock: Clock, *script: Any, before: float = 0) -> tuple[ChatStream, FakeOpener, ScriptedSource]:
    source = ScriptedSource(*script)
    opener = FakeOpener(source, before=before)
    return ChatStream(opener, clock=clock, timeouts=PATIENT), opener, source


def abandoned(opener: FakeOpener, source: ScriptedSource) -> None:
    assert [outcome for outcome, _ in opener.finished] == [StreamOutcome.ABANDONED]
    assert source.released == 1


def complete(opener: FakeOpener, source: ScriptedSource) -> None:
    assert [outcome for outcome, _ in opener.finished] == [StreamOutcome.COMPLETED]
    assert source.released == 1


# -- leaving an `async with` ------------------------------------------------------------------------------------------


async def test_break_inside_async_with_lets_go(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, GITHUB)
    async with stream:
        async for delta in stream:
            if delta.text:
                break
    abandoned(opener, source)
    assert stream.reply.text == "Good "


async def test_an_exception_inside_async_with_lets_go(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, GITHUB)
    with pytest.raises(ZeroDivisionError):
        async with stream:
            raise ZeroDivisionError
    abandoned(opener, source)


async def test_reading_on_after_letting_go_is_an_error_and_never_looks_like_the_end(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, GITHUB)
    async with stream:
        while not (await stream.__anext__()).text:
            pass
    with pytest.raises(StreamInterruptedError, match="closed on this side") as caught:
        await stream.final()
    assert caught.value.partial.text == "Good "
    with pytest.raises(StreamInterruptedError):
        async for _ in stream.text:
            raise AssertionError
    with pytest.raises(StreamInterruptedError):
        await stream.__aenter__()
    abandoned(opener, source)


async def test_leaving_after_the_finish_reason_is_a_complete_reply(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, text("a") + chunk(finish="stop"), HANG)
    async with stream:
        async for delta in stream:
            if delta.finish_reason:
                break
    complete(opener, source)
    assert (await stream.final()).text == "a"


async def test_leaving_after_the_finish_with_an_open_tool_call_is_not(clock: Clock) -> None:
    tool = {"index": 0, "function": {"name": "f", "arguments": "{"}}
    stream, opener, source = stream_of(clock, chunk({"tool_calls": [tool]}) + chunk(finish="stop"), HANG)
    async with stream:
        async for delta in stream:
            if delta.finish_reason:
                break
    abandoned(opener, source)


async def test_closing_twice_is_closing_once(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, GITHUB)
    async with stream:
        await stream.aclose()
        await stream.aclose()
    abandoned(opener, source)
    done, opener, source = stream_of(clock, GITHUB)
    await done.final()
    await done.aclose()
    complete(opener, source)


async def test_a_stream_closed_before_it_was_opened_sends_nothing(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, GITHUB)
    await stream.aclose()
    with pytest.raises(StreamInterruptedError):
        await stream.final()
    assert source.reads == 0 and opener.finished == [] and opener.attempts == []


async def test_a_finish_that_fails_is_reported_and_the_source_is_free(clock: Clock) -> None:
    class Broken(FakeOpener):
        def finish(self, outcome: Any, usage: Any) -> None:
            super().finish(outcome, usage)
            raise ZeroDivisionError

    source = ScriptedSource(GITHUB)
    opener = Broken(source)
    stream = ChatStream(opener, clock=clock)
    with pytest.raises(ZeroDivisionError):
        await stream.final()
    await stream.aclose()
    complete(opener, source)


async def test_a_release_that_fails_still_settles(clock: Clock) -> None:
    class Stuck(ScriptedSource):
        def release(self) -> None:
            super().release()
            raise OSError("stuck")

    source = Stuck(GITHUB)
    opener = FakeOpener(source)
    stream = ChatStream(opener, clock=clock)
    with pytest.raises(OSError, match="stuck"):
        async with stream:
            pass
    abandoned(opener, source)


# -- cancellation -----------------------------------------------------------------------------------------------------

Reader = Callable[[ChatStream], Coroutine[Any, Any, Any]]


async def read_inside(stream: ChatStream) -> None:
    async with stream:
        async for _ in stream:
            await asyncio.sleep(0.01)


async def read_plainly(stream: ChatStream) -> None:
    async for _ in stream:
        pass


async def read_text(stream: ChatStream) -> None:
    async with stream:
        async for _ in stream.text:
            pass


async def read_final(stream: ChatStream) -> None:
    await stream.final()


async def enter_only(stream: ChatStream) -> None:
    async with stream:
        pass


PARTS = [GITHUB[at : at + 150] for at in range(0, len(GITHUB), 150)]
SLOW = [step for part in PARTS for step in (0.1, part)]


@pytest.mark.parametrize("read", [read_inside, read_plainly, read_text, read_final, enter_only])
@pytest.mark.parametrize("tail", [(), (HANG,)], ids=["body ends", "body stays open"])
def test_cancelled_at_any_step_a_stream_lets_go_exactly_once(read: Reader, tail: tuple[Any, ...]) -> None:
    """One run per 10 ms of the reader's life, each wait being longer, before and behind what happens there."""

    async def run(step: int, behind: int) -> bool:
        loop = asyncio.get_running_loop()
        failing = ScriptedSource(0.1, chunk({"role": "assistant"}), OSError("reset"))
        source = ScriptedSource(*SLOW, *tail)
        opener = FakeOpener(failing, source, before=0.05)
        stream = ChatStream(opener, clock=virtual_clock(), timeouts=PATIENT)
        task = loop.create_task(read(stream))
        await asyncio.sleep(step * 0.01)
        for _ in range(behind):
            await asyncio.sleep(0)
        missed = task.done()
        task.cancel()
        await asyncio.wait([task])
        assert missed or task.cancelled()
        assert len(opener.finished) == opener.opened, "settled once after open, never otherwise"
        for body in (failing, source):
            assert body.released >= (body.reads > 0)
        assert opener.opened or not missed
        del stream
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return missed

    steps, missed = 0, False
    while not missed:
        for behind in range(3):
            missed = run_virtual(run(steps, behind))
        steps += 1
    assert steps > 40


async def test_cancelled_while_waiting_a_plain_stream_is_over(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, text("a"), HANG)
    assert (await stream.__anext__()).text == "a"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(stream.__anext__(), 1)
    abandoned(opener, source)
    with pytest.raises(StreamInterruptedError) as caught:
        await stream.final()
    assert caught.value.partial.text == "a"


async def test_a_cancellation_and_a_timeout_in_the_same_instant_is_a_cancellation(clock: Clock) -> None:
    source = ScriptedSource(text("a"), HANG)
    opener = FakeOpener(source)
    stream = ChatStream(opener, clock=clock, timeouts=StreamTimeouts(stall=5))
    await stream.__anext__()
    task = asyncio.create_task(stream.final())
    await asyncio.sleep(0)
    stream._reader._watch._end("expired")  # type: ignore[union-attr]
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    abandoned(opener, source)


async def test_a_timeout_leaves_no_cancellation_behind(clock: Clock) -> None:
    source = ScriptedSource(text("a"), HANG)
    stream = ChatStream(FakeOpener(source), clock=clock, timeouts=StreamTimeouts(stall=5))
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(TimeoutError):
        await stream.final()
    assert task.cancelling() == 0
    async with asyncio.timeout(1):
        await asyncio.sleep(0.5)


async def test_a_source_that_swallows_the_cancellation_loses_neither_data_nor_count(clock: Clock) -> None:
    class Stubborn(ScriptedSource):
        async def __anext__(self) -> bytes:
            try:
                return await super().__anext__()
            except asyncio.CancelledError:
                return text("late") + chunk(finish="stop") + DONE

    source = Stubborn(text("a"), HANG)
    opener = FakeOpener(source)
    stream = ChatStream(opener, clock=clock, timeouts=StreamTimeouts(stall=5))
    assert (await stream.final()).text == "alate"
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0
    complete(opener, source)


# -- other tasks ------------------------------------------------------------------------------------------------------


async def test_only_one_task_may_wait(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, text("a"), 10, GITHUB)
    await stream.__anext__()
    first = asyncio.create_task(stream.final())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="another task"):
        await stream.__anext__()
    assert (await first).text == "aGood morning 早 🌍"
    complete(opener, source)


async def test_only_one_task_may_open(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, GITHUB, before=1)
    first = asyncio.create_task(stream.final())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="another task"):
        await stream.__anext__()
    with pytest.raises(RuntimeError, match="another task"):
        await stream.__aenter__()
    await first
    complete(opener, source)


async def test_closing_from_another_task_ends_the_wait_there(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, text("a"), HANG)
    await stream.__anext__()
    reader = asyncio.create_task(stream.final())
    await asyncio.sleep(1)
    await stream.aclose()
    with pytest.raises(StreamInterruptedError, match="closed on this side"):
        await reader
    assert not reader.cancelled() and reader.cancelling() == 0
    abandoned(opener, source)


async def test_closing_from_another_task_ends_the_wait_even_if_the_source_does_not(clock: Clock) -> None:
    class Deaf(ScriptedSource):
        def release(self) -> None:
            self.released += 1

    source = Deaf(text("a"), HANG)
    opener = FakeOpener(source)
    stream = ChatStream(opener, clock=clock)
    await stream.__anext__()
    reader = asyncio.create_task(stream.final())
    await asyncio.sleep(1)
    await stream.aclose()
    with pytest.raises(StreamInterruptedError, match="closed on this side"):
        await reader
    assert reader.cancelling() == 0
    abandoned(opener, source)


async def test_closing_while_the_end_of_the_body_is_awaited_changes_nothing(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, GITHUB, HANG)
    reader = asyncio.create_task(stream.final())
    await asyncio.sleep(0.05)
    await stream.aclose()
    assert (await reader).text == "Good morning 早 🌍"
    complete(opener, source)


@pytest.mark.parametrize("way", ["enter", "iterate"])
@pytest.mark.parametrize("before", [0.0, 5.0], ids=["in begin", "before begin"])
async def test_closing_from_another_task_ends_the_opening(clock: Clock, before: float, way: str) -> None:
    stream, opener, source = stream_of(clock, HANG, before=before)
    reader = asyncio.create_task(stream.__aenter__() if way == "enter" else stream.final())
    await asyncio.sleep(1)
    await stream.aclose()
    with pytest.raises(StreamInterruptedError):
        await reader
    assert reader.cancelling() == 0
    assert opener.finished == [] and len(opener.attempts) == 1
    assert source.released >= (before == 0)


# -- forgotten streams ------------------------------------------------------------------------------------------------


def here() -> str:
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    return f"{frame.f_back.f_code.co_filename}:{frame.f_back.f_lineno}"


async def test_break_without_async_with_frees_at_once_and_names_the_line(clock: Clock) -> None:
    source = ScriptedSource(GITHUB)
    opener = FakeOpener(source)
    with pytest.warns(ResourceWarning) as caught:
        async for delta in ChatStream(opener, clock=clock, timeouts=PATIENT):
            line = here()
            if delta.text:
                break
    abandoned(opener, source)
    file, _, number = line.rpartition(":")
    assert f"{file}:{int(number) - 1} " in str(caught[0].message)


async def test_the_line_named_is_the_users_and_not_the_librarys(clock: Clock) -> None:
    room = {"__name__": "ghmodels_async.client", "ChatStream": ChatStream}
    exec("def stream(*args, **options):\n    return ChatStream(*args, **options)", room)
    source = ScriptedSource(text("a"), HANG)
    stream = room["stream"](FakeOpener(source), clock=clock)  # type: ignore[operator]
    line = here()
    await stream.__anext__()
    with pytest.warns(ResourceWarning) as caught:
        del stream
    file, _, number = line.rpartition(":")
    assert f"{file}:{int(number) - 1} " in str(caught[0].message)


async def test_break_from_text_without_async_with_frees_at_once(clock: Clock) -> None:
    source = ScriptedSource(GITHUB)
    opener = FakeOpener(source)
    with pytest.warns(ResourceWarning):
        async for _ in ChatStream(opener, clock=clock, timeouts=PATIENT).text:
            break
    abandoned(opener, source)


async def test_del_frees_at_once(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, text("a"), HANG)
    await stream.__anext__()
    with pytest.warns(ResourceWarning, match="use `async with`"):
        del stream
    abandoned(opener, source)


async def test_a_stream_in_a_cycle_is_freed_by_the_collector_in_spite_of_its_timer(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, text("a"), 1, text("b"), HANG)
    await stream.__anext__()
    await stream.__anext__()
    cycle: list[Any] = [stream]
    cycle.append(cycle)
    alive = weakref.ref(stream)
    del stream
    with pytest.warns(ResourceWarning):
        del cycle
        gc.collect()
    assert alive() is None
    abandoned(opener, source)


async def test_a_stream_read_to_its_end_or_never_opened_leaves_in_silence(clock: Clock) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stream, opener, source = stream_of(clock, GITHUB)
        await stream.final()
        del stream
        complete(opener, source)
        stream, opener, source = stream_of(clock, GITHUB)
        del stream
        assert opener.finished == []
        broken = ChatStream.__new__(ChatStream)
        del broken


async def test_a_stream_forgotten_in_another_thread_is_freed_in_its_own(clock: Clock) -> None:
    stream, opener, source = stream_of(clock, text("a"), HANG)
    await stream.__anext__()
    threads: list[int] = []
    original = source.release

    def release() -> None:
        threads.append(threading.get_ident())
        original()

    source.release = release  # type: ignore[method-assign]
    box = [stream]
    del stream
    with pytest.warns(ResourceWarning):
        await asyncio.get_running_loop().run_in_executor(None, box.clear)
    await asyncio.sleep(0)
    assert threads == [threading.get_ident()]
    abandoned(opener, source)


def test_a_stream_that_outlives_its_loop_is_settled_without_noise() -> None:
    kept: list[Any] = []

    class Closed(ScriptedSource):
        def release(self) -> None:
            super().release()
            raise RuntimeError("Event loop is closed")

    async def main() -> None:
        source = Closed(text("a"), HANG)
        opener = FakeOpener(source)
        stream = ChatStream(opener, clock=virtual_clock(), timeouts=PATIENT)
        await stream.__anext__()
        kept.extend([opener, source, stream])

    run_virtual(main())
    opener, source = kept[:2]
    with pytest.warns(ResourceWarning):
        kept.clear()
    abandoned(opener, source)


def test_a_stream_forgotten_between_two_runs_of_its_loop_is_freed_there_and_then() -> None:
    loop = VirtualTimeLoop()

    async def main() -> tuple[ChatStream, FakeOpener, ScriptedSource]:
        stream, opener, source = stream_of(virtual_clock(), text("a"), HANG)
        await stream.__anext__()
        return stream, opener, source

    stream, opener, source = loop.run_until_complete(main())
    with pytest.warns(ResourceWarning):
        del stream
    abandoned(opener, source)
    loop.close()


def test_a_failing_release_of_a_forgotten_stream_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(ScriptedSource):
        def release(self) -> None:
            super().release()
            raise OSError("stuck")

    async def main() -> None:
        stream = ChatStream(FakeOpener(Stuck(text("a"), HANG)), clock=virtual_clock())
        await stream.__anext__()
        del stream

    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: unraisable.append(args.exc_value))
    with pytest.warns(ResourceWarning):
        run_virtual(main())
    assert [str(error) for error in unraisable] == ["stuck"]


def test_a_reader_whose_loop_was_torn_down_has_let_go() -> None:
    loop = VirtualTimeLoop()
    source = ScriptedSource(GITHUB)
    opener = FakeOpener(source, before=50)

    async def main() -> Any:
        coroutine = ChatStream(opener, clock=virtual_clock(), timeouts=PATIENT).__aenter__()
        task = asyncio.get_running_loop().create_task(asyncio.sleep(0))
        await task
        return coroutine

    coroutine = loop.run_until_complete(main())
    coroutine.close()
    loop.close()
    assert opener.finished == [] and source.reads == 0


# -- in quantity ------------------------------------------------------------------------------------------------------


def test_ten_thousand_abandoned_streams_leave_nothing() -> None:
    outcomes: list[StreamOutcome] = []

    async def one(clock: Clock, number: int) -> None:
        stream, opener, source = stream_of(clock, text("a")[:50], text("a")[50:], HANG)
        if number % 3 == 0:
            async with stream:
                await stream.__anext__()
        elif number % 3 == 1:
            await stream.__anext__()
            del stream
        else:
            task = asyncio.create_task(stream.final())
            await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.wait([task])
        outcomes.extend(outcome for outcome, _ in opener.finished)
        assert source.released == 1

    def alive() -> int:
        gc.collect()
        return sum(isinstance(thing, (ChatStream, ScriptedSource)) for thing in gc.get_objects())

    async def main() -> None:
        loop = asyncio.get_running_loop()
        clock = virtual_clock()
        before = alive()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            for number in range(10_000):
                await one(clock, number)
        assert alive() <= before
        assert len(asyncio.all_tasks()) == 1
        assert len(loop._scheduled) < 200  # type: ignore[attr-defined]

    run_virtual(main())
    assert len(outcomes) == 10_000 and set(outcomes) == {StreamOutcome.ABANDONED}


async def test_usage_seen_before_letting_go_is_settled(clock: Clock) -> None:
    stream, opener, _ = stream_of(clock, text("a") + usage(), HANG)
    async with stream:
        await stream.__anext__()
        await stream.__anext__()
    spent = opener.finished[0][1]
    assert spent is not None and spent.prompt_tokens == 3
