"""Runs with tools: rounds, concurrency, time, failures, cancellation."""

import asyncio
import gc
import json
import pickle
import threading
import time
from typing import Any

import pytest
from pydantic import BaseModel
from scripted_model import ScriptedModel, asks, contents, says

from ghmodels_async.clock import Clock
from ghmodels_async.errors import (
    ConfigurationError,
    FilteredReplyError,
    GHModelsError,
    LengthLimitError,
    RequestTimeoutError,
    ServerError,
    ToolError,
    ToolRoundsError,
)
from ghmodels_async.tools import Tool, ToolRun, run_tools, stream_tools, tool

M = "openai/gpt-4.1-mini"


async def get_weather(city: str) -> str:
    """Get the weather.

    Args:
        city: Where.
    """
    return f"sunny in {city}"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def run(model: ScriptedModel, streamed: bool, *args: Any, **kwargs: Any) -> ToolRun:
    """The same run, whole or streamed: every law here holds for both."""
    kwargs.setdefault("clock", model.clock)
    if not streamed:
        return await run_tools(model, M, *args, **kwargs)
    async with stream_tools(model, M, *args, **kwargs) as stream:
        return await stream.final()


both = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


async def test_the_scripted_model_streams_what_it_would_have_said_whole(clock: Clock) -> None:
    for line in (says("Good morning to you"), asks(("f", {"x": 1}), ("g", {})), says("cut", finish="length")):
        model = ScriptedModel(line, line, clock=clock)
        whole = await model.chat(M, "hi")
        assert await model.stream(M, "hi").final() == whole
        assert model.open == 0


@both
async def test_results_go_back_and_the_answer_comes_out(clock: Clock, streamed: bool) -> None:
    model = ScriptedModel(asks(("get_weather", {"city": "Oslo"})), says("It is sunny."), clock=clock)
    done = await run(model, streamed, "Weather in Oslo?", [get_weather], temperature=0.1)
    assert done.text == "It is sunny."
    assert done.rounds == 2
    assert contents(done.messages) == [
        ("user", "Weather in Oslo?"),
        ("assistant", None),
        ("tool", "sunny in Oslo"),
        ("assistant", "It is sunny."),
    ]
    assert done.new_messages == done.messages[1:]
    assert done.messages[2]["tool_call_id"] == done.messages[1]["tool_calls"][0]["id"] == "c1"
    assert (done.usage.prompt_tokens, done.usage.completion_tokens, done.usage.replies) == (20, 10, 2)
    (call,) = done.calls
    assert (call.round, call.name, call.content, call.error) == (1, "get_weather", "sunny in Oslo", None)
    assert model.asked[1].messages == done.messages[:3]
    assert all(asked.options["temperature"] == 0.1 for asked in model.asked)
    assert model.asked[0].options["tools"][0]["function"]["name"] == "get_weather"


@both
async def test_without_a_call_it_is_one_plain_reply(clock: Clock, streamed: bool) -> None:
    model = ScriptedModel(says("Hello."), clock=clock)
    done = await run(model, streamed, [{"role": "user", "content": "hi"}], [get_weather])
    assert (done.text, done.rounds, done.calls) == ("Hello.", 1, ())


@both
async def test_calls_of_one_round_run_together_and_their_results_keep_the_order(clock: Clock, streamed: bool) -> None:
    async def slow(seconds: float) -> float:
        await clock.sleep(seconds)
        return seconds

    model = ScriptedModel(
        asks(("slow", {"seconds": 3}), ("slow", {"seconds": 1}), ("slow", {"seconds": 2})), says("ok")
    )
    model.clock = clock
    began = clock.now()
    done = await run(model, streamed, "go", [slow])
    assert 3 <= clock.now() - began < 3.01
    assert [message["content"] for message in done.messages if message["role"] == "tool"] == ["3.0", "1.0", "2.0"]
    assert [round(call.duration) for call in done.calls] == [3, 1, 2]


@both
async def test_a_cap_of_one_runs_calls_one_after_the_other(clock: Clock, streamed: bool) -> None:
    running: list[int] = []

    async def slow(n: int) -> None:
        running.append(n)
        await clock.sleep(1)
        assert running[-1] == n

    model = ScriptedModel(asks(("slow", {"n": 1}), ("slow", {"n": 2}), ("slow", {"n": 3})), says("ok"), clock=clock)
    began = clock.now()
    done = await run(model, streamed, "go", [slow], max_parallel=1)
    assert running == [1, 2, 3]
    assert 3 <= clock.now() - began < 3.01
    assert [call.error for call in done.calls] == [None, None, None]


@both
async def test_sync_functions_run_in_threads_and_the_loop_stays_free(clock: Clock, streamed: bool) -> None:
    def whoami() -> str:
        return threading.current_thread().name

    model = ScriptedModel(asks(("whoami", "")), says("ok"), clock=clock)
    done = await run(model, streamed, "go", [whoami])
    assert done.calls[0].content != threading.current_thread().name


@both
async def test_results_of_any_kind_become_text(clock: Clock, streamed: bool) -> None:
    class Point(BaseModel):
        x: int

    class Opaque:
        def __str__(self) -> str:
            return "opaque"

    values: list[Any] = ["a", None, 3, {"k": [1]}, Point(x=1), Opaque(), b"\xff", float("inf")]
    texts = ["a", "null", "3", '{"k":[1]}', '{"x":1}', '"opaque"', '"_w=="', '"Infinity"']

    def give(n: int) -> Any:
        return values[n]

    model = ScriptedModel(asks(*[("give", {"n": n}) for n in range(len(values))]), says("ok"), clock=clock)
    done = await run(model, streamed, "go", [give])
    assert [call.content for call in done.calls] == texts


@both
async def test_failures_are_told_to_the_model_in_words_it_can_use(clock: Clock, streamed: bool) -> None:
    def broken() -> None:
        raise KeyError("no such city")

    def exhausted() -> None:
        next(iter(()))

    async def hangs() -> None:
        await clock.sleep(1000)

    async def cancels() -> None:
        raise asyncio.CancelledError

    model = ScriptedModel(
        asks(
            ("broken", {}),
            ("exhausted", {}),
            ("hangs", {}),
            ("cancels", {}),
            ("add", {"a": "x"}),
            ("add", '{"a": 1 "b"}'),
            ("missing", {}),
        ),
        says("Sorry."),
        clock=clock,
    )
    tools = [broken, exhausted, hangs, cancels, add]
    done = await run(model, streamed, "go", tools, tool_timeout=5)
    told = [call.content for call in done.calls]
    assert told[0] == "Error: KeyError: 'no such city'"
    assert told[1] == "Error: RuntimeError: the function raised StopIteration"
    assert told[2] == "Error: it took longer than 5 seconds"
    assert told[3] == "Error: it was cancelled from inside"
    assert told[4].startswith("Error: the arguments do not fit: a: Input should be a valid integer")
    assert "b: Field required" in told[4]
    assert told[5].startswith("Error: the arguments do not fit: the whole: Invalid JSON")
    assert told[6] == "Error: there is no tool named 'missing'. Tools: broken, exhausted, hangs, cancels, add"
    assert all(call.error for call in done.calls)
    assert done.text == "Sorry."


@both
async def test_a_timeout_of_the_tools_own_is_its_failure_and_not_ours(clock: Clock, streamed: bool) -> None:
    async def impatient() -> None:
        raise TimeoutError("upstream")

    model = ScriptedModel(asks(("impatient", {})), says("ok"), clock=clock)
    done = await run(model, streamed, "go", [impatient])
    assert done.calls[0].error == "TimeoutError: upstream"


@both
async def test_a_tools_own_time_wins_over_the_runs(clock: Clock, streamed: bool) -> None:
    async def slow() -> str:
        await clock.sleep(8)
        return "done"

    model = ScriptedModel(asks(("slow", {}), ("quick", {})), says("ok"), clock=clock)
    tools = [tool(slow, timeout=10), tool(slow, name="quick", timeout=2)]
    done = await run(model, streamed, "go", tools, tool_timeout=5)
    assert [call.error for call in done.calls] == [None, "it took longer than 2 seconds"]


@both
async def test_a_failure_can_end_the_run_and_takes_the_other_calls_with_it(clock: Clock, streamed: bool) -> None:
    ended: list[str] = []

    async def fails() -> None:
        await clock.sleep(1)
        raise ValueError("bad day")

    async def slow() -> None:
        try:
            await clock.sleep(100)
        finally:
            ended.append("slow")

    model = ScriptedModel(asks(("slow", {}), ("fails", {})), clock=clock)
    with pytest.raises(ToolError, match="Tool 'fails' failed: ValueError: bad day") as caught:
        await run(model, streamed, "go", [slow, fails], on_tool_error="raise")
    error = caught.value
    assert isinstance(error.__cause__, ValueError)
    assert (error.tool, error.call_id) == ("fails", "c2")
    assert error.run.rounds == 1 and error.run.usage.total_tokens == 15
    assert ended == ["slow"]
    assert 1 <= clock.now() < 1.1
    copy = pickle.loads(pickle.dumps(error))
    assert copy.tool == "fails" and copy.run.messages == error.run.messages
    assert "go" not in str(error).split()


@both
async def test_unfit_arguments_and_unknown_tools_end_a_run_that_raises(clock: Clock, streamed: bool) -> None:
    for call, why in ((("add", {"a": 1}), "do not fit"), (("gone", {}), "no tool named")):
        model = ScriptedModel(asks(call), clock=clock)
        with pytest.raises(ToolError, match=why):
            await run(model, streamed, "go", [add], on_tool_error="raise")


@both
async def test_the_rounds_are_capped_and_nothing_spent_is_lost(clock: Clock, streamed: bool) -> None:
    model = ScriptedModel(*[asks(("add", {"a": 1, "b": n})) for n in range(5)], clock=clock)
    with pytest.raises(ToolRoundsError) as caught:
        await run(model, streamed, "go", [add], max_rounds=3)
    assert len(model.asked) == 3
    assert caught.value.run.rounds == 3
    assert len(caught.value.run.calls) == 2, "the calls of the last reply are not made: nobody could read their results"
    with pytest.raises(ValueError, match="max_rounds"):
        await run(model, streamed, "go", [add], max_rounds=0)
    with pytest.raises(ValueError, match="on_tool_error"):
        await run(model, streamed, "go", [add], on_tool_error="ignore")


@both
async def test_a_forced_choice_holds_for_the_first_round_only(clock: Clock, streamed: bool) -> None:
    model = ScriptedModel(asks(("add", {"a": 1, "b": 2})), says("3"), clock=clock)
    await run(model, streamed, "go", [add], tool_choice="required")
    assert [asked.options.get("tool_choice") for asked in model.asked] == ["required", None]


@both
async def test_a_reply_cut_while_asking_for_tools_calls_none(clock: Clock, streamed: bool) -> None:
    for finish, kind in (("length", LengthLimitError), ("content_filter", FilteredReplyError)):
        called: list[int] = []
        model = ScriptedModel(asks(("f", {}), finish=finish), clock=clock)
        with pytest.raises(kind) as caught:
            await run(model, streamed, "go", [Tool.from_schema("f", {"type": "object"}, called.append)])  # type: ignore[arg-type]
        assert caught.value.partial.tool_calls
        assert called == []


@both
async def test_an_answer_cut_by_its_length_is_still_an_answer(clock: Clock, streamed: bool) -> None:
    model = ScriptedModel(says("half of", finish="length"), clock=clock)
    assert (await run(model, streamed, "go", [add])).reply.finish_reason == "length"


@both
async def test_calls_without_ids_get_some(clock: Clock, streamed: bool) -> None:
    model = ScriptedModel(asks((None, "add", '{"a":1,"b":2}'), (None, "add", '{"a":3,"b":4}')), says("ok"), clock=clock)
    done = await run(model, streamed, "go", [add])
    ids = [message["tool_call_id"] for message in done.messages if message["role"] == "tool"]
    assert ids == [call["id"] for call in done.messages[1]["tool_calls"]]
    assert len(set(ids)) == 2 and all(ids)


@both
async def test_an_awkward_name_travels_sanitised_and_is_logged_as_written(clock: Clock, streamed: bool) -> None:
    model = ScriptedModel(asks(("files_read", {"a": 1, "b": 2})), says("ok"), clock=clock)
    done = await run(model, streamed, "go", [tool(add, name="files/read")])
    assert model.asked[0].options["tools"][0]["function"]["name"] == "files_read"
    assert done.calls[0].name == "files/read"


@both
async def test_the_deadline_covers_the_whole_run(clock: Clock, streamed: bool) -> None:
    async def slow() -> None:
        await clock.sleep(20)

    model = ScriptedModel(asks(("slow", {})), asks(("slow", {})), clock=clock)
    with pytest.raises(RequestTimeoutError) as caught:
        await run(model, streamed, "go", [slow], deadline=30)
    assert caught.value.phase == "total"
    assert 30 <= clock.now() < 30.01
    assert model.asked[0].options["deadline"] == pytest.approx(30, abs=0.01)
    assert model.asked[1].options["deadline"] == pytest.approx(10, abs=0.01)


@both
async def test_the_deadline_can_pass_before_a_round_begins(clock: Clock, streamed: bool) -> None:
    def blocks() -> None:
        time.sleep(0.01)  # real: virtual time stands still for a thread

    class Late(Clock):
        def now(self) -> float:
            return super().now() + (100 if len(model.asked) > 0 else 0)

    late = Late()
    model = ScriptedModel(asks(("blocks", {})), says("never"), clock=clock)
    with pytest.raises(RequestTimeoutError):
        await run(model, streamed, "go", [blocks], deadline=50, clock=late)
    assert len(model.asked) == 1


@both
async def test_a_failed_request_ends_the_run(clock: Clock, streamed: bool) -> None:
    model = ScriptedModel(asks(("add", {"a": 1, "b": 2})), ServerError("down", status=500), clock=clock)
    with pytest.raises(ServerError):
        await run(model, streamed, "go", [add])


@both
async def test_a_misspelt_option_is_refused_before_anything_is_asked(clock: Clock, streamed: bool) -> None:
    model = ScriptedModel(clock=clock)
    with pytest.raises(TypeError, match="did you mean 'temperature'"):
        await run(model, streamed, "go", [add], temprature=1)
    with pytest.raises(ConfigurationError):
        await run(model, streamed, "go", ["add"])
    assert model.asked == []


@both
async def test_what_is_sent_may_be_changed_and_the_exchange_stays_whole(clock: Clock, streamed: bool) -> None:
    model = ScriptedModel(asks(("add", {"a": 1, "b": 2})), says("3"), clock=clock)
    done = await run(model, streamed, "go", [add], fit=lambda messages: [dict(m) for m in messages][-2:])
    assert len(model.asked[1].messages) == 2
    assert len(done.messages) == 4


@both
@pytest.mark.parametrize("moment", [0.1, 1.0, 3.0, 7.5])
async def test_cancelling_at_any_moment_leaves_nothing_running(clock: Clock, streamed: bool, moment: float) -> None:
    running = 0

    async def slow() -> None:
        nonlocal running
        running += 1
        try:
            await clock.sleep(4)
        finally:
            running -= 1

    model = ScriptedModel(asks(("slow", {}), ("slow", {}), pause=0.2), says("a b c d e f g h", pause=0.5), clock=clock)
    task = asyncio.create_task(run(model, streamed, "go", [slow]))
    await clock.sleep(moment)
    if task.done():
        pytest.fail("the run was over before it could be cancelled")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running == 0
    assert model.open == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_stream_shows_the_deltas_of_every_round_and_each_finished_call(clock: Clock) -> None:
    model = ScriptedModel(
        asks(("get_weather", {"city": "Oslo"}), ("add", {"a": 1, "b": 2})), says("Sunny and three."), clock=clock
    )
    shown: list[Any] = []
    async with stream_tools(model, M, "go", [get_weather, add], clock=clock) as stream:
        async for step in stream:
            if step.call is not None:
                assert step.text == step.reasoning == "" and step.finish_reason is None and step.usage is None
                shown.append((step.round, step.call.name))
            elif step.text:
                shown.append((step.round, step.text))
            elif step.finish_reason:
                shown.append((step.round, step.finish_reason))
    assert sorted(shown[1:3]) == [(1, "add"), (1, "get_weather")]
    assert [shown[0], *shown[3:]] == [
        (1, "tool_calls"), (2, "Sunny "), (2, "and "), (2, "three."), (2, "stop"),
    ]  # fmt: skip
    assert stream.run.text == "Sunny and three."


async def test_a_streamed_run_has_a_text_iterator(clock: Clock) -> None:
    model = ScriptedModel(asks(("add", {"a": 1, "b": 2})), says("It is three."), clock=clock)
    texts = [text async for text in stream_tools(model, M, "go", [add], clock=clock).text]
    assert texts == ["It ", "is ", "three."]


async def test_making_a_streamed_run_asks_nothing(clock: Clock) -> None:
    model = ScriptedModel(says("hi"), clock=clock)
    stream = stream_tools(model, M, "go", [add], clock=clock)
    await clock.sleep(1)
    assert model.asked == []
    with pytest.raises(RuntimeError, match="no reply has ended"):
        _ = stream.run
    await stream.aclose()
    assert [step async for step in stream] == []


async def test_breaking_out_ends_the_round_or_the_calls(clock: Clock) -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await clock.sleep(100)
        finally:
            ended.append("slow")

    model = ScriptedModel(asks(("add", {"a": 1, "b": 1}), ("slow", {})), clock=clock)
    async with stream_tools(model, M, "go", [add, slow], clock=clock) as stream:
        async for step in stream:
            if step.call is not None:
                break
    assert ended == ["slow"]
    model = ScriptedModel(says("a b c d"), clock=clock)
    async with stream_tools(model, M, "go", [add], clock=clock) as stream:
        async for _ in stream:
            break
    assert model.open == 0


async def test_a_dropped_run_cancels_its_calls_and_says_so(clock: Clock) -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await clock.sleep(100)
        finally:
            ended.append("slow")

    model = ScriptedModel(asks(("add", {"a": 1, "b": 1}), ("slow", {})), clock=clock)
    stream = stream_tools(model, M, "go", [add, slow], clock=clock)
    async for step in stream:
        if step.call is not None:
            break
    with pytest.warns(ResourceWarning, match="ToolStream"):
        del stream, step
        gc.collect()
    await clock.sleep(1)
    assert ended == ["slow"]


async def test_a_streamed_run_that_failed_fails_the_same_way_again(clock: Clock) -> None:
    model = ScriptedModel(asks(("gone", {})), clock=clock)
    stream = stream_tools(model, M, "go", [add], on_tool_error="raise", clock=clock)
    for _ in range(2):
        with pytest.raises(ToolError):
            await stream.final()


async def test_entering_raises_what_the_first_round_raises(clock: Clock) -> None:
    model = ScriptedModel(ServerError("down", status=500), clock=clock)
    with pytest.raises(GHModelsError):
        async with stream_tools(model, M, "go", [add], clock=clock):
            pytest.fail("there is nothing to enter")


async def test_a_run_pickles(clock: Clock) -> None:
    model = ScriptedModel(asks(("add", {"a": 1, "b": 2})), says("3"), clock=clock)
    done = await run_tools(model, M, "go", [add], clock=clock)
    copy = pickle.loads(pickle.dumps(done))
    assert copy.messages == done.messages and copy.calls == done.calls
    json.dumps(done.messages)
