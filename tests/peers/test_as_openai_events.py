"""The drop-in's events and typed choices beside the helpers of `openai`, on the same bytes: nothing is left out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

openai = pytest.importorskip("openai")

from chat_events import DONE, GITHUB, chunk, event, text, usage  # noqa: E402
from pydantic import BaseModel  # noqa: E402
from raw_server import Exchange, RawServer  # noqa: E402

from ghmodels_async import GitHubModels  # noqa: E402
from ghmodels_async import errors as e  # noqa: E402
from ghmodels_async.openai_compat import OpenAIFace  # noqa: E402
from ghmodels_async.simulator import REFUSED, TOKEN, Simulation  # noqa: E402

MINI = "openai/gpt-4.1-mini"


class GetWeather(BaseModel):
    """Look the weather of a city up."""

    city: str


class Answer(BaseModel):
    explanation: str
    output: str


WEATHER = openai.pydantic_function_tool(GetWeather)
ANSWERS = [{"explanation": "because", "output": "a"}, {"explanation": "why not", "output": "b"}]


def says(words: str) -> list[Any]:
    return [{"role": "user", "content": words}]


class Served:
    """Both clients on one address, and what each of them got."""

    def __init__(self, ours: OpenAIFace, theirs: Any) -> None:
        self.ours, self.theirs = ours, theirs

    async def events(self, client: Any, **asked: Any) -> tuple[list[Any], Any]:
        """Every event, and the final completion or the error it ended with."""
        events: list[Any] = []
        async with client.chat.completions.stream(model=MINI, **asked) as stream:
            try:
                async for one in stream:
                    events.append(told(one))
                return events, final(await stream.get_final_completion())
            except (openai.OpenAIError, e.GHModelsError) as error:
                return events, ENDS[type(error).__name__]

    async def both(self, **asked: Any) -> tuple[Any, Any]:
        return await self.events(self.ours, **asked), await self.events(self.theirs, **asked)


#: What each side calls the same end.
ENDS = {
    "LengthLimitError": "length",
    "LengthFinishReasonError": "length",
    "FilteredReplyError": "filter",
    "ContentFilterFinishReasonError": "filter",
}


def told(one: Any) -> tuple[Any, ...]:
    """All that an event carries; of a chunk what its choices added, of its snapshot what was said by then."""
    if one.type == "chunk":
        said = [choice.message.content or "" for choice in one.snapshot.choices]
        return ("chunk", [choice.delta.content for choice in one.chunk.choices], said)
    names = ("delta", "snapshot", "content", "parsed", "refusal", "name", "index", "arguments", "arguments_delta")
    return (one.type, *(plain(getattr(one, name, "-")) for name in (*names, "parsed_arguments")))


def final(completion: Any) -> list[Any]:
    return [
        (
            choice.index,
            choice.message.content or "",
            choice.message.refusal,
            choice.message.parsed,
            [(call.function.name, call.function.parsed_arguments) for call in choice.message.tool_calls or ()],
            plain(choice.logprobs and choice.logprobs.content),
        )
        for choice in completion.choices
    ]


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.model_dump(exclude_none=True) if isinstance(value, BaseModel) else value


@pytest.fixture
async def simulated() -> AsyncIterator[Served]:
    async with Simulation(fast=True).serve() as server, both_at(server.base_url) as served:
        yield served


def both_at(url: str) -> Any:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def entered() -> AsyncIterator[Served]:
        gh = GitHubModels(TOKEN, base_url=url, ledger="memory")
        async with gh.as_openai() as ours, openai.AsyncOpenAI(base_url=url, api_key=TOKEN, max_retries=0) as theirs:
            yield Served(ours, theirs)

    return entered()


async def on_bytes(body: bytes, kind: str = "text/event-stream", **asked: Any) -> tuple[Any, Any]:
    """What both make of the same stream."""

    async def behave(exchange: Exchange) -> None:
        await exchange.answer(body, Content_Type=kind)

    async with RawServer(behave) as server, both_at(server.url) as served:
        return await served.both(messages=says("hi"), **asked)


@pytest.mark.parametrize(
    "asked",
    [
        {"messages": says("Say this is a test")},
        {"messages": says("Say this is a test"), "n": 2},
        {"messages": says("solve 8x + 31 = 2"), "response_format": Answer},
        {"messages": says("solve 8x + 31 = 2"), "response_format": Answer, "n": 3},
        {"messages": says("solve 8x + 31 = 2"), "response_format": Answer, "max_tokens": 3},
        {"messages": says("What is in Paris and Rome?"), "tools": [WEATHER], "tool_choice": "required"},
        {"messages": says(REFUSED), "response_format": Answer},
    ],
    ids=["text", "choices", "typed", "typed choices", "cut", "tools", "refusal"],
)
async def test_events_are_those_of_the_helpers(simulated: Served, asked: dict[str, Any]) -> None:
    mine, other = await simulated.both(seed=1, **asked)
    assert mine == other
    assert mine[0]


def likely(*tokens: str) -> dict[str, Any]:
    return {
        "content": [{"token": one, "bytes": list(one.encode()), "logprob": -0.1, "top_logprobs": []} for one in tokens],
        "refusal": None,
    }


def doubtful(*tokens: str) -> dict[str, Any]:
    return {"content": None, "refusal": likely(*tokens)["content"]}


START = chunk({"role": "assistant", "content": ""})
#: `openai` takes no chunk without this name, which servers write and most of our tests leave out.
SPENT = usage().replace(b'"choices": []', b'"object": "chat.completion.chunk", "choices": []')

STREAMS = {
    "github's own": GITHUB.replace(usage(), SPENT),
    "log-probabilities": (
        chunk({"role": "assistant", "content": ""}, logprobs=likely())
        + text("Good ", logprobs=likely("Go", "od "))
        + text("morning", logprobs=likely("morning"))
        + chunk({}, finish="stop", logprobs=None)
        + SPENT
        + DONE
    ),
    "log-probabilities of a refusal": (
        chunk({"role": "assistant", "refusal": ""}, logprobs=doubtful())
        + chunk({"refusal": "I will not"}, logprobs=doubtful("I", " will", " not"))
        + chunk({}, finish="stop")
        + DONE
    ),
    "log-probabilities of two choices": (
        START
        + chunk({"role": "assistant", "content": ""}, index=1)
        + text("a", logprobs=likely("a"))
        + text("b", index=1, logprobs=likely("b"))
        + chunk({}, finish="stop")
        + chunk({}, index=1, finish="stop")
        + DONE
    ),
    "reasoning in the text": text("<think>hm") + text("m</think>Yes") + chunk({}, finish="stop") + DONE,
    "a filter's cut": text("Good ") + chunk({}, finish="content_filter") + DONE,
}


@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS)
async def test_the_same_bytes_are_the_same_events(body: bytes) -> None:
    mine, other = await on_bytes(body, stream_options={"include_usage": True})
    assert mine == other
    assert mine[0]


async def test_a_second_choices_first_tokens_count_once() -> None:
    body = text("a", logprobs=likely("a")) + text("b", index=1, logprobs=likely("b"))
    ends = chunk({}, finish="stop") + chunk({}, index=1, finish="stop")
    (events, mine), _ = await on_bytes(body + ends + DONE)
    assert [[one["token"] for one in choice[5]] for choice in mine] == [["a"], ["b"]]
    assert [len(one[3]) for one in events if one[0] == "logprobs.content.done"] == [1, 1]


async def test_chunks_are_those_of_openai_to_the_last_field() -> None:
    body = (
        GITHUB.replace(usage(), SPENT).replace(DONE, b"")
        + chunk({"tool_calls": [call(0, '{"city"', "GetWeather")]}, logprobs=likely("x"))
        + chunk({"tool_calls": [call(0, ': "Rome"}')]})
        + chunk({}, finish="tool_calls")
        + DONE
    )

    async def behave(exchange: Exchange) -> None:
        await exchange.answer(body, Content_Type="text/event-stream")

    got: list[Any] = []
    async with RawServer(behave) as server, both_at(server.url) as served:
        for client in (served.ours, served.theirs):
            asked: Any = {"messages": says("hi"), "stream": True, "stream_options": {"include_usage": True}}
            stream = await client.chat.completions.create(model=MINI, **asked)
            # GitHub's first chunk is filter results without a choice; code for `openai` trips over it
            got.append([one async for one in stream if one.choices or one.usage])
    mine, other = got
    assert [one.to_dict() for one in mine] == [one.to_dict() for one in other]
    fragment = mine[-3].choices[0].delta.tool_calls[0]
    assert (fragment.index, fragment.function.name, fragment.type) == (0, "GetWeather", "function")
    assert without_methods(other, mine) == []
    for here, there in zip(mine, other, strict=True):
        assert missing(there.model_dump(), here.model_dump()) == []


def missing(theirs: Any, ours: Any, at: str = "") -> list[str]:
    """Fields that `openai`'s object has, set or not, and ours has not or has otherwise."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return [
            found for name, value in theirs.items() for found in missing(value, ours.get(name, "-"), f"{at}.{name}")
        ]
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        return [found for number, value in enumerate(theirs) for found in missing(value, ours[number], f"{at}{number}")]
    return [] if theirs == ours else [f"{at}: {theirs!r} is {ours!r}"]


TOOLS = {"tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}


def without_methods(theirs: Any, ours: Any) -> list[str]:
    """Spellings of `openai`'s models that an object of ours, or one inside of it, has not."""
    if isinstance(theirs, list):
        return [found for one, other in zip(theirs, ours, strict=True) for found in without_methods(one, other)]
    if not isinstance(theirs, BaseModel):
        return []
    lacking = [f"{type(ours).__name__}.{name}" for name in ("to_dict", "to_json") if not hasattr(ours, name)]
    for name in type(theirs).model_fields:
        lacking += without_methods(getattr(theirs, name), getattr(ours, name))
    return lacking or [f"{ours!r} is other" for _ in "x" if theirs.to_dict() != ours.to_dict()]


@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS)
async def test_openais_own_accumulator_takes_our_chunks(body: bytes) -> None:
    from openai.lib.streaming.chat import ChatCompletionStreamState

    async def behave(exchange: Exchange) -> None:
        await exchange.answer(body, Content_Type="text/event-stream")

    put_together = []
    async with RawServer(behave) as server, both_at(server.url) as served:
        for client in (served.ours, served.theirs):
            state = ChatCompletionStreamState()
            stream = await client.chat.completions.create(model=MINI, messages=says("hi"), stream=True)
            async for one in stream:
                if one.choices:
                    state.handle_chunk(one)
            put_together.append(state.current_completion_snapshot.to_dict())
    assert put_together[0] == put_together[1]


async def test_no_field_of_a_completion_is_missing() -> None:
    body = completion({"content": "a"}, {"refusal": "No."}, {"content": "", "finish": "content_filter"}, TOOLS)
    details = {"prompt_tokens_details": {"cached_tokens": 1}, "completion_tokens_details": {"reasoning_tokens": 2}}
    spent = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8, **details}
    whole = json.loads(body) | {"usage": spent}

    async def behave(exchange: Exchange) -> None:
        await exchange.answer(json.dumps(whole).encode(), Content_Type="application/json")

    async with RawServer(behave) as server, both_at(server.url) as served:
        asked: Any = {"model": MINI, "messages": says("hi")}
        mine, other = [await client.chat.completions.create(**asked) for client in (served.ours, served.theirs)]
    assert mine.to_dict() == other.to_dict()
    assert json.loads(mine.to_json()) == json.loads(other.to_json())
    assert without_methods(other, mine) == []
    assert missing(other.model_dump(), mine.model_dump()) == []


def call(index: int, arguments: str, name: str | None = None) -> dict[str, Any]:
    head = {"id": f"call_{index}", "type": "function"} if name else {}
    return {"index": index, **head, "function": {"arguments": arguments, **({"name": name} if name else {})}}


async def test_words_before_tool_calls_are_done_when_the_first_call_begins() -> None:
    body = (
        text("Let me see.")
        + chunk({"tool_calls": [call(0, "", "GetWeather")]})
        + chunk({"tool_calls": [call(0, '{"city": "Pa')]})
        + chunk({"tool_calls": [call(0, 'ris"}')]})
        + chunk({"tool_calls": [call(1, '{"city": "Rome"}', "GetWeather")]})
        + chunk({}, finish="tool_calls")
        + DONE
    )
    mine, other = await on_bytes(body, tools=[WEATHER])
    assert mine == other
    halves = [one[-1] for one in mine[0] if one[0] == "tool_calls.function.arguments.delta"]
    assert halves == [None, {}, {"city": "Paris"}, {"city": "Rome"}]


async def test_half_a_value_can_be_seen_while_it_grows() -> None:
    document = json.dumps(ANSWERS[0])
    body = b"".join(text(document[at : at + 5]) for at in range(0, len(document), 5))
    mine, other = await on_bytes(START + body + chunk({}, finish="stop") + DONE, response_format=Answer)
    assert mine == other
    assert {"explanation": "because"} in [one[4] for one in mine[0] if one[0] == "content.delta"]


async def test_every_choice_of_a_stream_is_typed() -> None:
    body = START + chunk({"role": "assistant", "content": ""}, index=1)
    body += b"".join(text(json.dumps(answer), index=index) for index, answer in enumerate(ANSWERS))
    ends = chunk({}, finish="stop") + chunk({}, index=1, finish="stop")
    mine, other = await on_bytes(body + ends + DONE, response_format=Answer)
    assert mine == other
    assert [choice[3] for choice in mine[1]] == [Answer(**answer) for answer in ANSWERS]


def completion(*choices: dict[str, Any]) -> bytes:
    listed = [
        {
            "index": index,
            "finish_reason": choice.pop("finish", "stop"),
            "logprobs": likely("a") if choice.get("content") else None,
            "message": {"role": "assistant", "content": None, "refusal": None, **choice},
        }
        for index, choice in enumerate(choices)
    ]
    return json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": listed}).encode()


WHOLE: dict[str, tuple[dict[str, Any], ...]] = {
    "two answers": tuple({"content": json.dumps(answer)} for answer in ANSWERS),
    "an answer and a refusal": ({"content": json.dumps(ANSWERS[0])}, {"refusal": "No."}),
    "a refusal and an answer": ({"refusal": "No."}, {"content": json.dumps(ANSWERS[1])}),
    "the second was cut": ({"content": json.dumps(ANSWERS[0])}, {"content": '{"exp', "finish": "length"}),
    "the second was filtered": ({"content": json.dumps(ANSWERS[0])}, {"content": "", "finish": "content_filter"}),
    "nothing said": ({"content": ""},),
    "calls of the second": (
        {"content": json.dumps(ANSWERS[0])},
        {"tool_calls": [{k: v for k, v in call(0, '{"city": "Rome"}', "GetWeather").items() if k != "index"}]},
    ),
}


@pytest.mark.parametrize("choices", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("typed", [True, False], ids=["typed", "untyped"])
async def test_every_choice_of_a_completion_is_parsed(choices: tuple[dict[str, Any], ...], typed: bool) -> None:
    body = completion(*(dict(choice) for choice in choices))

    async def behave(exchange: Exchange) -> None:
        await exchange.answer(body, Content_Type="application/json")

    got = []
    wanted = {"response_format": Answer} if typed else {}
    async with RawServer(behave) as server, both_at(server.url) as served:
        for client in (served.ours, served.theirs):
            try:
                found = await client.chat.completions.parse(model=MINI, messages=says("hi"), tools=[WEATHER], **wanted)
                got.append(final(found))
            except (openai.OpenAIError, e.GHModelsError) as error:
                got.append(ENDS[type(error).__name__])
    assert got[0] == got[1]


async def test_a_second_choice_that_does_not_fit_is_an_error_with_that_choice() -> None:
    async def behave(exchange: Exchange) -> None:
        fits = {"content": json.dumps(ANSWERS[0])}
        await exchange.answer(completion(fits, {"content": '{"output": 1}'}), Content_Type="application/json")

    async with RawServer(behave) as server, both_at(server.url) as served:
        with pytest.raises(e.InvalidReplyError) as caught:
            await served.ours.chat.completions.parse(model=MINI, messages=says("hi"), response_format=Answer)
    assert caught.value.partial.text == '{"output": 1}'


async def test_logprobs_of_another_dialect_stay_as_they_came() -> None:
    odd = {"tokens": ["a"], "token_logprobs": [-0.1], "content": [{"word": "a"}]}

    async def behave(exchange: Exchange) -> None:
        body = event({"id": "c", "choices": [{"index": 0, "message": {"content": "a"}, "logprobs": odd}]})
        await exchange.answer(body.removeprefix(b"data: "), Content_Type="application/json")

    async with RawServer(behave) as server, both_at(server.url) as served:
        found = await served.ours.chat.completions.create(model=MINI, messages=says("hi"))
    assert found.choices[0].logprobs == odd
