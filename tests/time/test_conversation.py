"""Talks: what is sent, what is remembered, what a cut turn leaves behind."""

import asyncio
import gc
import json
from pathlib import Path
from typing import Any, Literal

import pytest
from scripted_model import Line, ScriptedModel, asks, contents, says
from simulated import LOW, connect

from ghmodels_async import content
from ghmodels_async.clock import Clock
from ghmodels_async.conversation import Conversation, inconsistency
from ghmodels_async.errors import ConfigurationError, ServerError, StreamError, ToolError
from ghmodels_async.simulator import Fault, Simulation

M = "openai/gpt-4.1-mini"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def test_each_turn_is_sent_with_everything_before_it(clock: Clock) -> None:
    model = ScriptedModel(says("Hello Ada."), says("You are Ada."), clock=clock)
    talk = Conversation(model, M, system="Be kind.", clock=clock, temperature=0.5)
    first = await talk.send("I am Ada.")
    second = await talk.send("Who am I?", temperature=0)
    assert (first.text, second.text) == ("Hello Ada.", "You are Ada.")
    assert contents(model.asked[1].messages) == [
        ("system", "Be kind."),
        ("user", "I am Ada."),
        ("assistant", "Hello Ada."),
        ("user", "Who am I?"),
    ]
    assert [asked.options["temperature"] for asked in model.asked] == [0.5, 0]
    assert contents(talk.messages)[-1] == ("assistant", "You are Ada.")
    assert talk.last is second
    assert talk.last_usage is not None and talk.last_usage.total_tokens == 15
    assert (talk.usage.replies, talk.usage.total_tokens) == (2, 30)


async def test_nothing_was_said_yet(clock: Clock) -> None:
    talk = Conversation(ScriptedModel(), M, clock=clock)
    assert (talk.messages, talk.last, talk.last_usage, talk.last_run) == ([], None, None, None)


async def test_the_instruction_and_the_model_may_change_between_turns(clock: Clock) -> None:
    model = ScriptedModel(says("a"), says("b"), clock=clock)
    talk = Conversation(model, M, system="One.", system_role="developer", clock=clock)
    await talk.send("x")
    talk.system, talk.model = "Two.", "openai/gpt-4o"
    await talk.send("y")
    assert model.asked[1].model == "openai/gpt-4o"
    assert model.asked[1].messages[0] == {"role": "developer", "content": "Two."}
    assert [message["role"] for message in talk.messages].count("developer") == 1


async def test_parts_and_whole_messages_can_be_said(clock: Clock) -> None:
    model = ScriptedModel(says("a"), says("b"), clock=clock)
    talk = Conversation(model, M, clock=clock)
    picture = content.image("https://example.com/cat.png")
    await talk.send([content.text("What is this?"), picture])
    await talk.send({"role": "user", "name": "ada", "content": "hi"})
    assert talk.messages[0]["content"][1] == picture
    assert talk.messages[2]["name"] == "ada"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_tools_are_part_of_a_turn(clock: Clock, streamed: bool) -> None:
    model = ScriptedModel(asks(("add", {"a": 1, "b": 2})), says("Three."), says("You are welcome."), clock=clock)
    talk = Conversation(model, M, tools=[add], clock=clock)
    if streamed:
        async with talk.stream("1 + 2?") as turn:
            steps = [step async for step in turn]
        assert [step.call.content for step in steps if step.call] == ["3"]
        assert turn.reply.text == "Three."
    else:
        await talk.send("1 + 2?")
    assert [message["role"] for message in talk.messages] == ["user", "assistant", "tool", "assistant"]
    assert talk.last_run is not None and talk.last_run.calls[0].name == "add"
    assert talk.usage.replies == 2
    await talk.send("Thanks.")
    assert len(model.asked[2].messages) == 5
    json.dumps(talk.to_dict())


async def test_a_turn_can_be_watched(clock: Clock) -> None:
    model = ScriptedModel(says("Good morning to you"), says("again"), clock=clock)
    talk = Conversation(model, M, clock=clock)
    turn = talk.stream("hi")
    assert model.asked == []
    with pytest.raises(RuntimeError, match="not begun"):
        _ = turn.reply
    texts = []
    async for step in turn:
        texts.append(step.text)
        if len(texts) == 3:
            assert turn.reply.text == "Good morning "
    assert "".join(texts) == "Good morning to you" == turn.reply.text
    assert contents(talk.messages) == [("user", "hi"), ("assistant", "Good morning to you")]
    assert [text async for text in talk.stream("more").text] == ["again"]
    assert (await talk.stream("x").aclose()) is None


async def test_a_turn_can_be_read_to_its_end_at_once(clock: Clock) -> None:
    talk = Conversation(ScriptedModel(says("a b"), clock=clock), M, clock=clock)
    assert (await talk.stream("x").final()).text == "a b"
    assert talk.last is not None and talk.last.text == "a b"


async def test_one_turn_at_a_time(clock: Clock) -> None:
    model = ScriptedModel(says("a b c", pause=1), says("d"), clock=clock)
    talk = Conversation(model, M, clock=clock)
    first = asyncio.create_task(talk.send("x"))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="has not ended"):
        await talk.send("y")
    with pytest.raises(RuntimeError, match="has not ended"):
        await talk.stream("y").final()
    with pytest.raises(RuntimeError, match="has not ended"):
        talk.reset()
    await first
    assert (await talk.send("y")).text == "d"


Policy = Literal["drop", "keep"]


@pytest.mark.parametrize("policy", ["drop", "keep"])
@pytest.mark.parametrize("way", ["break", "cancel", "error", "collect"])
async def test_a_turn_cut_in_mid_answer_leaves_a_consistent_talk(clock: Clock, policy: Policy, way: str) -> None:
    model = ScriptedModel(says("Hello."), says("one two three four", pause=1), says("after"), clock=clock)
    talk = Conversation(model, M, on_interrupt=policy, clock=clock)
    await talk.send("hi")

    async def read() -> None:
        turn = talk.stream("count")
        if way != "collect":
            await turn.__aenter__()
        seen = 0
        try:
            async for step in turn:
                seen += bool(step.text)
                if seen == 2:
                    if way in ("break", "collect"):
                        return
                    if way == "error":
                        raise ValueError
        finally:
            if way != "collect":
                await turn.aclose()

    task = asyncio.create_task(read())
    if way == "cancel":
        await clock.sleep(3.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    elif way == "error":
        with pytest.raises(ValueError):
            await task
    elif way == "collect":
        with pytest.warns(ResourceWarning):
            await task
            gc.collect()
    else:
        await task
    kept = [("user", "count"), ("assistant", "one two ")] if policy == "keep" else []
    assert contents(talk.messages) == [("user", "hi"), ("assistant", "Hello."), *kept]
    assert model.open == 0
    assert (await talk.send("go on")).text == "after"
    assert inconsistency(model.asked[-1].messages) is None


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_turn_cut_between_tools_keeps_whole_rounds_only(clock: Clock, streamed: bool) -> None:
    async def slow() -> None:
        await clock.sleep(100)

    model = ScriptedModel(asks(("add", {"a": 1, "b": 2})), asks(("add", {"a": 1, "b": 2}), ("slow", {})), clock=clock)
    talk = Conversation(model, M, tools=[add, slow], on_interrupt="keep", clock=clock)
    task = asyncio.create_task(talk.stream("x").final() if streamed else talk.send("x"))
    await clock.sleep(10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [message["role"] for message in talk.messages] == ["user", "assistant", "tool"]
    assert talk.usage.replies == 2, "what was spent is counted though the turn was cut"
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("policy", ["drop", "keep"])
async def test_a_question_nobody_answered_is_forgotten(clock: Clock, policy: Policy) -> None:
    model = ScriptedModel(ServerError("down"), ServerError("down"), says("up"), clock=clock)
    talk = Conversation(model, M, on_interrupt=policy, clock=clock)
    with pytest.raises(ServerError):
        await talk.send("x")
    with pytest.raises(ServerError):
        async with talk.stream("x"):
            pytest.fail("there is nothing to enter")
    assert talk.messages == []
    assert (await talk.send("x")).text == "up"


async def test_a_failing_tool_may_end_the_turn(clock: Clock) -> None:
    def broken() -> None:
        raise ValueError

    model = ScriptedModel(asks(("broken", {})), clock=clock)
    talk = Conversation(model, M, tools=[broken], on_tool_error="raise", clock=clock)
    with pytest.raises(ToolError):
        await talk.send("x")
    assert talk.messages == []


async def test_a_long_talk_sends_what_fits_and_remembers_everything(clock: Clock) -> None:
    model = ScriptedModel(*[says("y" * 400, usage=(250 * (n + 1), 100)) for n in range(12)], clock=clock)
    limits: list[str] = []

    def limit(name: str) -> int:
        limits.append(name)
        return 1000

    talk = Conversation(model, M, system="Be kind.", input_limit=limit, clock=clock)
    for turn in range(12):
        await talk.send(f"{turn} " + "x" * 400)
    assert talk.left_out > 0
    last = model.asked[-1].messages
    assert last[0]["role"] == "system"
    assert last[1]["role"] == "user"
    assert len(last) < len(talk.messages) == 25
    assert set(limits) == {M}


async def test_a_talk_is_saved_and_goes_on_elsewhere(clock: Clock, tmp_path: Path) -> None:
    model = ScriptedModel(asks(("add", {"a": 1, "b": 2})), says("Three."), says("Yes."), clock=clock)
    talk = Conversation(model, M, system="Be kind.", tools=[add], clock=clock)
    await talk.send("1 + 2?")
    talk.save(tmp_path / "talk.json")
    again = Conversation.restore(model, tmp_path / "talk.json", tools=[add], clock=clock, temperature=0)
    assert again.messages == talk.messages
    assert (again.model, again.system, again.usage) == (talk.model, talk.system, talk.usage)
    await again.send("Sure?")
    assert len(model.asked[-1].messages) == 6
    assert model.asked[-1].options["temperature"] == 0
    other = Conversation.restore(model, talk.to_dict(), model="openai/gpt-4o", system=None)
    assert (other.model, other.system) == ("openai/gpt-4o", None)


async def test_what_a_caller_does_with_the_messages_does_not_change_the_talk(clock: Clock) -> None:
    talk = Conversation(ScriptedModel(says("a"), clock=clock), M, clock=clock)
    await talk.send("x")
    talk.messages[0]["content"] = "changed"
    talk.messages.clear()
    assert contents(talk.messages)[0] == ("user", "x")


async def test_a_reset_talk_starts_anew_and_remembers_its_cost(clock: Clock) -> None:
    model = ScriptedModel(says("a"), says("b"), clock=clock)
    talk = Conversation(model, M, system="Be kind.", clock=clock)
    await talk.send("x")
    talk.reset()
    assert contents(talk.messages) == [("system", "Be kind.")]
    assert talk.last is None and talk.usage.replies == 1
    await talk.send("y")
    assert len(model.asked[1].messages) == 2


async def test_a_talk_that_cannot_go_on_is_refused_at_once(clock: Clock) -> None:
    with pytest.raises(ConfigurationError, match="result of no call"):
        Conversation(ScriptedModel(), M, messages=[{"role": "tool", "tool_call_id": "1", "content": ""}])
    with pytest.raises(TypeError, match="unexpected option"):
        Conversation(ScriptedModel(), M, temprature=1)  # type: ignore[call-arg]
    talk = Conversation(ScriptedModel(), M)
    with pytest.raises(TypeError, match="unexpected option"):
        await talk.send("x", temprature=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected option"):
        talk.stream("x", temprature=1)  # type: ignore[call-arg]


async def test_a_refusal_is_remembered_as_one(clock: Clock) -> None:
    model = ScriptedModel(Line(refusal="No."), says("ok"), clock=clock)
    talk = Conversation(model, M, clock=clock)
    await talk.send("x")
    assert talk.messages[1] == {"role": "assistant", "content": None, "refusal": "No."}


async def test_the_simulated_service_accepts_every_turn(clock: Clock) -> None:
    simulation = Simulation(clock=clock, seed=4)

    def get_weather(city: str) -> str:
        """Get the weather in a city."""
        return f"sunny in {city}"

    async with connect(simulation, clock) as gh:
        talk = Conversation(gh, LOW, system="You are helpful.", tools=[get_weather], clock=clock, on_interrupt="keep")
        assert "get_weather says sunny" in (await talk.send("What is the weather in Paris and Rome?")).text
        assert (await talk.send("Thank you.")).text
        simulation.script([Fault.reset_mid_stream(after=6)])
        with pytest.raises(StreamError):
            await talk.stream("Tell me a long story.").final()
        assert talk.messages[-1]["role"] == "assistant" and talk.messages[-1]["content"]
        assert (await talk.stream("Go on.").final()).text
        assert {arrival.status for arrival in simulation.log} == {200}


async def test_a_turn_knows_its_run(clock: Clock) -> None:
    model = ScriptedModel(asks(("add", {"a": 1, "b": 2})), says("3"), clock=clock)
    talk = Conversation(model, M, tools=[add], clock=clock)
    turn = talk.stream("x")
    await turn.final()
    found: Any = turn.run
    assert found.rounds == 2 and found == talk.last_run
