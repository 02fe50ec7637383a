"""What the endpoint is known to have against a request."""

from __future__ import annotations

from ghmodels_async import profiles
from ghmodels_async.batch.objections import objections
from ghmodels_async.wire import ChatRequest, EmbeddingsRequest

GITHUB = profiles.load("github")
HELLO = [{"role": "user", "content": "hi"}]


def test_every_objection_says_what_is_allowed() -> None:
    request = ChatRequest(model="openai/gpt-4.1-mini", messages=HELLO, temperature=9, top_p=2)
    assert sorted(objections(GITHUB, request)) == ["temperature = 9.0: from 0 to 1", "top_p = 2.0: from 0 to 1"]
    assert objections(GITHUB, ChatRequest(model="openai/gpt-4.1-mini", messages=HELLO)) == []


def test_a_long_value_is_cut() -> None:
    request = ChatRequest(model="openai/gpt-4.1-mini", messages=[{"role": "x" * 100, "content": "hi"}])
    (said,) = objections(GITHUB, request)
    assert "xxx...: " in said
    assert len(said) < 250


def test_an_input_without_a_text_is_one() -> None:
    request = EmbeddingsRequest(model="openai/text-embedding-3-small", input=[])
    assert objections(GITHUB, request) == ["input = []: at least one text"]
