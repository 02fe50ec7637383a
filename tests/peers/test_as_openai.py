"""The drop-in: one piece of code, written for `openai`, run on both clients against the same simulated service."""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

openai = pytest.importorskip("openai")

from openai.resources.chat.completions import AsyncCompletions  # noqa: E402
from openai.types.chat import ChatCompletion, ChatCompletionChunk  # noqa: E402
from pydantic import BaseModel  # noqa: E402

from ghmodels_async import errors as e  # noqa: E402
from ghmodels_async.openai_compat import Chunk, Completion, OpenAIFace  # noqa: E402
from ghmodels_async.openai_compat.options import chat_options  # noqa: E402
from ghmodels_async.simulator import OUTPUT_FILTERED, REFUSED, TOKEN, Server, Simulation  # noqa: E402

MINI = "openai/gpt-4.1-mini"
EMBED = "openai/text-embedding-3-small"


@pytest.fixture
async def theirs(server: Server) -> AsyncIterator[Any]:
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key=TOKEN, max_retries=0) as client:
        yield client


@pytest.fixture(params=["openai", "drop-in"])
def client(request: pytest.FixtureRequest, ours: OpenAIFace, theirs: Any) -> Any:
    return theirs if request.param == "openai" else ours


def says(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


async def test_the_readmes_chat_example(client: Any) -> None:
    completion = await client.chat.completions.create(
        model=MINI,
        messages=[
            {"role": "developer", "content": "Talk like a pirate."},
            {"role": "user", "content": "What is the capital of France?"},
        ],
    )
    assert completion.choices[0].message.content == "[simulated] The capital of France is Paris."
    assert completion.choices[0].message.role == "assistant"
    assert completion.choices[0].message.tool_calls is None
    assert completion.choices[0].message.function_call is None
    assert completion.choices[0].logprobs is None
    assert completion.object == "chat.completion"
    assert completion.id and completion.created and completion.model
    assert completion.system_fingerprint == "simulated"
    assert completion.usage.total_tokens > 0
    assert completion._request_id


async def test_the_readmes_streaming_example(client: Any) -> None:
    stream = await client.chat.completions.create(model=MINI, messages=says("Say this is a test"), stream=True)
    text = ""
    async for chunk in stream:
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        assert chunk.object in ("chat.completion.chunk", "")
    assert text.startswith("[simulated]")


async def test_a_stream_as_a_context_may_be_left(client: Any) -> None:
    async with await client.chat.completions.create(
        model=MINI, messages=says("Tell me about rivers"), stream=True
    ) as stream:
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                break
    await stream.close()


async def test_usage_comes_last_when_it_was_asked_for(client: Any) -> None:
    stream = await client.chat.completions.create(
        model=MINI, messages=says("hi"), stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0


async def test_the_guides_tool_example(client: Any) -> None:
    messages: list[Any] = says("What is the weather in Paris and Rome?")
    tools = [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "Get the weather of a city",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            },
        }
    ]
    first = await client.chat.completions.create(model=MINI, messages=messages, tools=tools, tool_choice="auto")
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.content is None
    messages.append(message)
    for call in message.tool_calls:
        city = json.loads(call.function.arguments)["city"]
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"sunny in {city}"})
    second = await client.chat.completions.create(model=MINI, messages=messages, tools=tools)
    assert "sunny in Paris" in second.choices[0].message.content
    assert "sunny in Rome" in second.choices[0].message.content


async def test_an_image_is_a_part_of_a_message(client: Any) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/nature.jpg"}}
    question = {"role": "user", "content": [{"type": "text", "text": "What is in this image?"}, picture]}
    completion = await client.chat.completions.create(model="openai/gpt-4o", messages=[question], max_tokens=300)
    assert completion.choices[0].message.content


class Step(BaseModel):
    explanation: str
    output: str


class MathResponse(BaseModel):
    steps: list[Step]
    final_answer: str


@pytest.mark.parametrize("older", [False, True])
async def test_the_helpers_structured_output_example(client: Any, older: bool) -> None:
    completions = client.beta.chat.completions if older else client.chat.completions
    completion = await completions.parse(
        model=MINI,
        messages=[
            {"role": "system", "content": "You are a helpful math tutor."},
            {"role": "user", "content": "solve 8x + 31 = 2"},
        ],
        response_format=MathResponse,
    )
    message = completion.choices[0].message
    assert isinstance(message.parsed, MathResponse)
    assert json.loads(message.content) == message.parsed.model_dump()


async def test_a_refusal_leaves_parsed_empty(client: Any) -> None:
    completion = await client.chat.completions.parse(model=MINI, messages=says(REFUSED), response_format=MathResponse)
    assert completion.choices[0].message.parsed is None
    assert completion.choices[0].message.refusal


async def test_strict_schemas_agree_on_what_must_be_said(ours: OpenAIFace, theirs: Any, simulation: Simulation) -> None:
    for client in (ours, theirs):
        await client.chat.completions.parse(model=MINI, messages=says("x"), response_format=MathResponse)
    mine, other = (arrival.body["response_format"]["json_schema"] for arrival in simulation.log)
    assert (mine["name"], mine["strict"]) == (other["name"], other["strict"])
    assert mine["schema"]["required"] == other["schema"]["required"]
    assert mine["schema"]["$defs"]["Step"]["required"] == other["schema"]["$defs"]["Step"]["required"]


async def test_the_models_list_both_ways(client: Any) -> None:
    page = await client.models.list()
    ids = [model.id for model in page.data]
    assert MINI in ids
    assert ids == [model.id async for model in client.models.list()]
    assert page.data[0].object == "model"
    assert next(iter(page)) is not None


async def test_both_clients_send_the_same_body(ours: OpenAIFace, theirs: Any, simulation: Simulation) -> None:
    asked: dict[str, Any] = {
        "model": MINI,
        "messages": says("hi"),
        "temperature": 0.5,
        "max_tokens": 9,
        "stop": ["END"],
        "seed": 3,
        "logit_bias": {"1": 2},
        "user": "u",
    }
    for client in (ours, theirs):
        await client.chat.completions.create(**asked)
    mine, other = (arrival.body for arrival in simulation.log)
    assert mine == other


async def test_the_sdks_own_types_accept_our_answers(ours: OpenAIFace) -> None:
    completion = await ours.chat.completions.create(model=MINI, messages=says("hi"))
    assert isinstance(completion, Completion)
    ChatCompletion.model_validate(completion.model_dump(), strict=True)
    ChatCompletion.model_validate(completion.to_dict(), strict=True)
    assert json.loads(completion.to_json())["object"] == "chat.completion"
    stream = await ours.chat.completions.create(model=MINI, messages=says("hi"), stream=True)
    chunks = [chunk async for chunk in stream]
    assert len(chunks) > 2 and all(isinstance(chunk, Chunk) and chunk.choices for chunk in chunks)
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk.model_dump(), strict=True)


async def test_answers_hold_the_same_values_on_both_sides(ours: OpenAIFace, theirs: Any) -> None:
    dumps = []
    for client in (ours, theirs):
        completion = await client.chat.completions.create(model=MINI, messages=says("Name three rivers"), seed=1)
        dump = completion.to_dict()
        for volatile in ("id", "created"):
            dump.pop(volatile)
        dumps.append(dump)
    assert dumps[0] == dumps[1]


async def test_each_chunk_comes_once_however_many_choices_it_has(ours: OpenAIFace) -> None:
    stream = await ours.chat.completions.create(model=MINI, messages=says("hi"), n=2, stream=True)
    texts = {0: "", 1: ""}
    async for chunk in stream:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert all(text.startswith("[simulated]") for text in texts.values())
    assert all(text.count("[simulated]") == 1 for text in texts.values())


async def test_a_typed_answer_may_ask_for_a_tool_instead(ours: OpenAIFace) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    completion = await ours.chat.completions.parse(
        model=MINI, messages=says("hi"), response_format=Step, tools=tools, tool_choice="required"
    )
    assert completion.choices[0].message.tool_calls and completion.choices[0].message.parsed is None


async def test_errors_are_this_librarys_own(ours: OpenAIFace) -> None:
    with pytest.raises(e.ModelNotFoundError):
        await ours.chat.completions.create(model="openai/none", messages=says("hi"))
    with pytest.raises(e.ModelNotFoundError):
        await ours.chat.completions.create(model="openai/none", messages=says("hi"), stream=True)
    with pytest.raises(e.FilteredReplyError):
        await ours.chat.completions.parse(model=MINI, messages=says(OUTPUT_FILTERED), response_format=Step)
    with pytest.raises(e.ModelNotFoundError):
        await ours.models.retrieve("openai/none")
    assert (await ours.models.retrieve(MINI)).owned_by


async def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    ours: OpenAIFace, simulation: Simulation
) -> None:
    create: Any = ours.chat.completions.create
    with pytest.raises(TypeError, match="did you mean 'temperature'"):
        await create(model=MINI, messages=says("hi"), temprature=1)
    with pytest.raises(TypeError, match="extra_query"):
        await create(model=MINI, messages=says("hi"), extra_query={"a": "b"})
    with pytest.raises(TypeError, match="parse"):
        await create(model=MINI, messages=says("hi"), response_format=Step)
    with pytest.raises(AttributeError, match="no 'responses'"):
        _ = ours.responses
    assert simulation.log.total == 0


async def test_placeholders_for_not_given_are_left_out(ours: OpenAIFace, simulation: Simulation) -> None:
    options: dict[str, Any] = {"temperature": openai.NOT_GIVEN, "max_tokens": openai.omit, "stream": openai.NOT_GIVEN}
    await ours.chat.completions.create(model=MINI, messages=says("hi"), **options)
    assert set(next(iter(simulation.log)).body) == {"model", "messages"}


def test_every_parameter_of_the_sdk_is_understood() -> None:
    names = set(inspect.signature(AsyncCompletions.create).parameters)
    names -= {"self", "model", "messages", "stream", "extra_query", "timeout", "extra_headers", "extra_body"}
    taken = chat_options(dict.fromkeys(names, 1), None)
    assert set(taken) - {"extra_body"} | set(taken["extra_body"]) == names


def test_a_timeout_is_the_calls_deadline() -> None:
    assert chat_options({"timeout": 30}, None) == {"deadline": 30.0}
    assert chat_options({}, 20) == {"deadline": 20}
    assert chat_options({"timeout": openai.Timeout(connect=5, read=60, write=1, pool=1)}, None) == {"deadline": 60.0}
    assert chat_options({"timeout": 30, "deadline": 9}, None) == {"deadline": 9}
    assert chat_options({"timeout": None}, 20) == {}


async def test_a_face_with_another_timeout_shares_the_client(ours: OpenAIFace) -> None:
    patient = ours.with_options(timeout=0.001)
    with pytest.raises((e.WouldExceedDeadlineError, e.RequestTimeoutError)):
        await patient.chat.completions.create(model=MINI, messages=says("hi"))
    assert (await ours.chat.completions.create(model=MINI, messages=says("hi"))).id


async def test_the_readmes_embedding_example(client: Any) -> None:
    response = await client.embeddings.create(model=EMBED, input=["The food was delicious", "and the waiter"])
    assert [item.index for item in response.data] == [0, 1]
    assert response.data[0].object == "embedding" and response.object == "list"
    assert isinstance(response.data[0].embedding[0], float)
    assert response.usage.prompt_tokens > 0
    one = await client.embeddings.create(model=EMBED, input="The food was delicious", encoding_format="float")
    assert one.data[0].embedding == pytest.approx(response.data[0].embedding, abs=1e-6)
    short = await client.embeddings.create(model=EMBED, input=["a"], dimensions=8, encoding_format="base64")
    assert len(base64.b64decode(short.data[0].embedding)) == 32


async def test_an_embedding_input_that_is_no_text_is_refused(ours: OpenAIFace, simulation: Simulation) -> None:
    odd: Any = [[1, 2, 3]]
    with pytest.raises(TypeError, match="token numbers"):
        await ours.embeddings.create(model=EMBED, input=odd)
    with pytest.raises(TypeError, match="unexpected option 'dimension'"):
        await ours.embeddings.create(model=EMBED, input="a", dimension=8)
    assert simulation.log.total == 0


async def test_more_texts_than_a_request_holds_are_split_and_joined(ours: OpenAIFace, simulation: Simulation) -> None:
    texts = [f"text {number}" for number in range(3000)]
    response = await ours.embeddings.create(model=EMBED, input=texts, dimensions=2, timeout=60)
    assert [item.index for item in response.data] == list(range(3000))
    assert simulation.log.total == 2
    assert response.usage is not None and response.usage.total_tokens > 3000
