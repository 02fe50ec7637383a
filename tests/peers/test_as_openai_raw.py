"""`with_raw_response` and `with_streaming_response`: one piece of code on `openai`'s client and on the drop-in."""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

openai = pytest.importorskip("openai")

from openai.types.chat import ChatCompletion  # noqa: E402
from pydantic import BaseModel, ValidationError  # noqa: E402

from ghmodels_async import GitHubModels  # noqa: E402
from ghmodels_async import errors as e  # noqa: E402
from ghmodels_async.middleware import Middleware  # noqa: E402
from ghmodels_async.openai_compat import Completion, OpenAIFace, RawResponse  # noqa: E402
from ghmodels_async.simulator import TOKEN, Fault, Server, Simulation  # noqa: E402

MINI = "openai/gpt-4.1-mini"
EMBED = "openai/text-embedding-3-small"
#: Headers that differ between any two answers.
VOLATILE = {"date", "x-request-id", "x-github-request-id", "content-length", "x-ratelimit-remaining-requests"}


class Answer(BaseModel):
    explanation: str
    output: str


def says(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


HI: dict[str, Any] = {"model": MINI, "messages": says("hi"), "seed": 1}


@pytest.fixture
async def theirs(server: Server) -> AsyncIterator[Any]:
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key=TOKEN, max_retries=2) as client:
        yield client


@pytest.fixture(params=["openai", "drop-in"])
def client(request: pytest.FixtureRequest, ours: OpenAIFace, theirs: Any) -> Any:
    return theirs if request.param == "openai" else ours


async def test_the_readmes_raw_response_example(client: Any) -> None:
    response = await client.chat.completions.with_raw_response.create(**HI)
    assert response.headers.get("X-Request-Id")
    assert response.headers["content-type"].startswith("application/json")
    assert "x-no-such-header" not in response.headers
    assert response.status_code == 200
    assert response.request_id == response.headers["x-request-id"]
    assert response.retries_taken == 0
    completion = response.parse()
    assert completion is response.parse()
    assert completion.choices[0].message.content.startswith("[simulated]")
    assert completion._request_id == response.request_id
    assert json.loads(response.text) == json.loads(response.content) == completion.to_dict()
    assert response.parse(to=dict[str, Any])["object"] == "chat.completion"
    assert response.parse(to=str) == response.text


async def test_headers_and_body_are_those_that_openai_gets(ours: OpenAIFace, theirs: Any) -> None:
    got = []
    for client in (ours, theirs):
        response: Any = await client.chat.completions.with_raw_response.create(**HI)
        headers = {name: value for name, value in response.headers.items() if name not in VOLATILE}
        body = {name: value for name, value in json.loads(response.text).items() if name not in ("id", "created")}
        got.append((headers, body, response.status_code))
    assert got[0] == got[1]
    assert len(got[0][0]) > 2


async def test_the_body_fits_the_sdks_own_type(ours: OpenAIFace) -> None:
    response = await ours.chat.completions.with_raw_response.create(**HI)
    assert response.parse(to=ChatCompletion).choices[0].message.content
    with pytest.raises(ValidationError):
        response.parse(to=Answer)


async def test_a_stream_has_its_headers_before_it_is_read(client: Any) -> None:
    response = await client.chat.completions.with_raw_response.create(**HI, stream=True)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.request_id
    async with response.parse() as stream:
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    assert text.startswith("[simulated]")


async def test_a_plain_stream_shows_its_answers_head(client: Any) -> None:
    stream = await client.chat.completions.create(**HI, stream=True)
    assert stream.response.status_code == 200
    assert stream.response.headers["x-request-id"]
    await stream.close()


async def test_a_stream_that_is_forgotten_is_let_go_at_once(ours: OpenAIFace, simulation: Simulation) -> None:
    simulation.script([Fault.stall(after=4)])
    stream: Any = await ours.chat.completions.create(**HI, stream=True)
    assert stream.response.headers
    known = weakref.ref(stream)
    with pytest.warns(ResourceWarning, match="neither read to its end nor closed"):
        del stream
        assert known() is None  # by its count of references: nothing waits for a collection


async def test_the_text_of_a_stream_is_not_there_to_be_read(ours: OpenAIFace) -> None:
    response = await ours.chat.completions.with_raw_response.create(**HI, stream=True)
    with pytest.raises(RuntimeError, match="stream"):
        _ = response.text
    with pytest.raises(TypeError, match="chunks"):
        response.parse(to=dict)
    await response.parse().close()


async def test_typed_answers_are_made_by_parse(client: Any) -> None:
    asked: dict[str, Any] = {"model": MINI, "messages": says("solve 8x + 31 = 2"), "response_format": Answer}
    response = await client.chat.completions.with_raw_response.parse(**asked)
    assert isinstance(response.parse().choices[0].message.parsed, Answer)
    assert "parsed" not in json.loads(response.text)["choices"][0]["message"]
    cut = await client.chat.completions.with_raw_response.parse(**asked, max_tokens=2)
    assert cut.status_code == 200
    with pytest.raises((openai.LengthFinishReasonError, e.LengthLimitError)):
        cut.parse()


async def test_retries_are_counted(client: Any, simulation: Simulation) -> None:
    simulation.script([Fault.server_error(500, retry_after=0.01)])
    response = await client.chat.completions.with_raw_response.create(**HI)
    assert (response.status_code, response.retries_taken) == (200, 1)


async def test_vectors_and_models_have_headers_too(client: Any) -> None:
    vectors = await client.embeddings.with_raw_response.create(model=EMBED, input=["a", "b"])
    assert vectors.headers["x-request-id"] and len(vectors.parse().data) == 2
    listed = await client.models.with_raw_response.list()
    assert listed.headers["content-type"].startswith("application/json")
    assert MINI in [model.id for model in listed.parse().data]


async def test_the_whole_client_has_its_raw_twin(client: Any) -> None:
    for completions in (client.with_raw_response.chat.completions, client.chat.with_raw_response.completions):
        assert (await completions.create(**HI)).parse().choices
    assert (await client.with_raw_response.embeddings.create(model=EMBED, input="a")).parse().data
    assert (await client.with_raw_response.models.list()).parse().data


async def test_the_readmes_streaming_response_example(client: Any) -> None:
    async with client.chat.completions.with_streaming_response.create(**HI) as response:
        assert response.headers.get("X-Request-Id") == response.request_id
        lines = [line async for line in response.iter_lines()]
    assert json.loads("".join(lines))["choices"]


async def test_a_streamed_body_can_be_read_in_every_way(client: Any) -> None:
    create = client.chat.completions.with_streaming_response.create
    async with create(**HI) as response:
        assert (await response.parse()).choices[0].message.content
    async with create(**HI) as response:
        value = await response.json()
        assert value["choices"] and json.loads(await response.text()) == value == json.loads(await response.read())
    async with create(**HI) as response:
        assert json.loads(b"".join([part async for part in response.iter_bytes()]))["choices"]
    async with create(**HI, stream=True) as response:
        assert [chunk async for chunk in await response.parse()]
    async with client.with_streaming_response.embeddings.create(model=EMBED, input="a") as response:
        assert (await response.parse()).data
    async with client.with_streaming_response.models.list() as response:
        assert (await response.parse()).data


async def test_the_lines_of_a_stream_are_those_of_the_wire(ours: OpenAIFace, theirs: Any) -> None:
    got = []
    for client in (ours, theirs):
        options: Any = {"stream": True, "stream_options": {"include_usage": True}}
        async with client.chat.completions.with_streaming_response.create(**HI, **options) as response:
            lines = [line async for line in response.iter_lines()]
        # openai shows filter results too: a chunk without choices
        events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
        got.append(
            [(event["choices"], event.get("usage")) for event in events if event["choices"] or event.get("usage")]
        )
        assert lines[-2:] in (["data: [DONE]", ""], ["", "data: [DONE]"])
    assert got[0] == got[1]


async def test_a_stream_that_is_left_is_closed(ours: OpenAIFace, simulation: Simulation) -> None:
    simulation.script([Fault.stall(after=4)])
    async with ours.chat.completions.with_streaming_response.create(**HI, stream=True) as response:
        async for line in response.iter_lines():
            if "simulated" in line:
                break
        assert simulation.log.open == 1
    for _ in range(200):
        if not simulation.log.open:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the server never saw it close")


async def test_calls_side_by_side_keep_their_own_headers(ours: OpenAIFace) -> None:
    create = ours.chat.completions.with_raw_response.create
    responses = await asyncio.gather(*(create(**HI) for _ in range(4)))
    assert len({response.request_id for response in responses}) == 4
    for response in responses:
        assert response.request_id == response.headers["x-request-id"]


async def test_headers_pass_a_clients_middleware(server: Server) -> None:
    async def passes(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    layers: list[Middleware] = [passes]
    async with GitHubModels(TOKEN, base_url=server.base_url, ledger="memory", middleware=layers).as_openai() as face:
        response = await face.chat.completions.with_raw_response.create(**HI)
    assert response.headers["x-request-id"]


async def test_errors_are_as_without(ours: OpenAIFace) -> None:
    with pytest.raises(e.ModelNotFoundError):
        await ours.chat.completions.with_raw_response.create(model="openai/none", messages=says("hi"))
    with pytest.raises(e.ModelNotFoundError):
        async with ours.chat.completions.with_streaming_response.create(model="openai/none", messages=says("hi")):
            pass


async def test_what_a_raw_response_has_not_is_said(ours: OpenAIFace) -> None:
    response: RawResponse[Completion] = await ours.chat.completions.with_raw_response.create(**HI)
    with pytest.raises(AttributeError, match="no 'http_response'"):
        _ = response.http_response
    assert repr(response) == "<RawResponse [200] Completion>"
