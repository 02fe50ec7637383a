"""What any OpenAI-compatible server must let this client do. Content is the model's affair: only shapes are judged."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ghmodels_async import GitHubModels, RetryPolicy
from ghmodels_async import errors as e

PROMPT = "Reply with one short sentence about rivers."
ENDINGS = {"stop", "length"}


async def test_a_whole_reply_has_text_an_ending_and_times(gh: GitHubModels, model: str) -> None:
    reply = await gh.chat(model, PROMPT, max_tokens=40)
    assert reply.text
    assert reply.finish_reason in ENDINGS
    assert reply.meta.attempts >= 1
    assert reply.meta.head_after is not None and reply.meta.duration is not None
    assert reply.meta.head_after <= reply.meta.duration


async def test_usage_is_counted_and_summed(gh: GitHubModels, model: str) -> None:
    reply = await gh.chat(model, PROMPT, max_tokens=20)
    assert reply.usage is not None
    assert reply.usage.prompt_tokens > 0
    assert gh.usage.of(model).prompt_tokens == reply.usage.prompt_tokens


async def test_a_stream_comes_in_pieces_and_folds_to_its_reply(gh: GitHubModels, model: str) -> None:
    pieces = []
    async with gh.stream(model, PROMPT, max_tokens=40) as stream:
        async for delta in stream:
            pieces.append(delta.text)
    assert stream.reply.text == "".join(pieces)
    assert stream.reply.text
    assert stream.reply.finish_reason in ENDINGS
    assert stream.reply.meta.first_delta_after is not None


async def test_messages_of_every_common_role_are_taken(gh: GitHubModels, model: str) -> None:
    messages = [
        {"role": "system", "content": "You answer in one word."},
        {"role": "user", "content": "Name a colour."},
        {"role": "assistant", "content": "Blue"},
        {"role": "user", "content": "Another one — größer, 大きい, 🌊?"},
    ]
    assert (await gh.chat(model, messages, max_tokens=20)).choices


async def test_the_token_limit_is_kept_and_told(gh: GitHubModels, model: str) -> None:
    reply = await gh.chat(model, "Count from one to five hundred in words.", max_tokens=5)
    assert reply.finish_reason == "length"
    assert reply.usage is None or reply.usage.completion_tokens <= 8


async def test_a_stream_may_be_left_early_and_the_client_goes_on(gh: GitHubModels, model: str) -> None:
    async with gh.stream(model, "Count from one to two hundred.", max_tokens=200) as stream:
        async for _ in stream:
            break
    assert (await gh.chat(model, PROMPT, max_tokens=10)).choices


async def test_a_call_may_be_cancelled_and_the_client_goes_on(gh: GitHubModels, model: str) -> None:
    call = asyncio.create_task(gh.chat(model, "Count from one to two hundred.", max_tokens=200))
    await asyncio.sleep(0.05)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert (await gh.chat(model, PROMPT, max_tokens=10)).choices


async def test_a_deadline_is_kept(gh: GitHubModels, model: str) -> None:
    with pytest.raises((e.RequestTimeoutError, e.WouldExceedDeadlineError)):
        await gh.chat(model, "Count from one to two hundred.", max_tokens=200, deadline=0.001)


async def test_many_at_once_all_come_back(gh: GitHubModels, model: str) -> None:
    prompts = [f"Reply with the number {number}." for number in range(4)]
    async with gh.map(prompts, model=model, concurrency=2, ordered=True, max_tokens=10) as outcomes:
        found = [outcome async for outcome in outcomes]
    assert [outcome.error for outcome in found] == [None] * 4
    assert [outcome.ordinal for outcome in found] == [0, 1, 2, 3]


async def test_its_models_are_listed(gh: GitHubModels, model: str) -> None:
    cards = await gh.models()
    assert all(card.id for card in cards)


async def test_a_request_that_is_none_is_a_typed_error(gh: GitHubModels, model: str) -> None:
    broken: dict[str, Any] = {"messages": "not a list"}
    with pytest.raises(e.APIError) as caught:
        await gh.chat(model, PROMPT, extra_body=broken, retry=RetryPolicy(attempts=1))
    assert caught.value.status is not None and caught.value.status >= 400


async def test_the_face_of_the_openai_package_works(gh: GitHubModels, model: str) -> None:
    client = gh.as_openai()
    messages = [{"role": "user", "content": PROMPT}]
    completion = await client.chat.completions.create(model=model, messages=messages, max_tokens=20)
    assert completion.choices[0].message.content
    stream = await client.chat.completions.create(model=model, messages=messages, max_tokens=20, stream=True)
    assert [chunk async for chunk in stream]


async def test_a_conversation_remembers(gh: GitHubModels, model: str) -> None:
    talk = gh.conversation(model, system="You are helpful.", max_tokens=20)
    await talk.send("My name is Ada.")
    await talk.send("What is my name?")
    assert len(talk.messages) == 5


async def test_texts_become_vectors_in_their_order(gh: GitHubModels, embedding_model: str) -> None:
    vectors = await gh.embed(embedding_model, ["a river", "a bank", "a river"], array=False)
    assert len(vectors) == 3
    assert len({len(vector) for vector in vectors}) == 1
    assert max(abs(one - other) for one, other in zip(vectors[0], vectors[2], strict=True)) < 1e-2


async def test_a_tool_is_called_and_its_result_is_used(gh: GitHubModels, model: str, with_tools: None) -> None:
    def get_weather(city: str) -> str:
        """Tell the weather in a city."""
        return f"It is sunny in {city}."

    run = await gh.run_tools(model, "What is the weather in Paris? Use the tool.", [get_weather])
    assert [call.name for call in run.calls] == ["get_weather"]


async def test_verify_says_that_all_is_well(gh: GitHubModels, model: str) -> None:
    found = await gh.verify(model, raises=False)
    assert found.checks[-1].state == "ok", str(found)
