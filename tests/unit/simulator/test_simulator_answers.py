"""The shape of good answers: bodies, chunks, headers, look-ups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ghmodels_async import catalog
from ghmodels_async.simulator import OUTPUT_FILTERED, PROMPT_FILTERED, REFUSED

Open = Callable[..., Any]
SYSTEM = {"role": "system", "content": "Be brief."}


def user(text: str) -> list[dict[str, str]]:
    return [SYSTEM, {"role": "user", "content": text}]


@pytest.mark.parametrize(
    "path",
    [
        "/inference/chat/completions",
        "/orgs/simulated-org/inference/chat/completions",
        "/chat/completions",
        "/v1/chat/completions",
        "/api/v1/chat/completions",
        "/openai/v1/chat/completions",
        "/v1beta/openai/chat/completions",
        "/models/chat/completions",
    ],
)
def test_chat_answers_under_every_root_a_profile_may_have(desk: Open, path: str) -> None:
    assert desk().ask(path=path).status == 200


def test_a_whole_reply_has_the_upstream_shape_and_says_who_wrote_it(desk: Open) -> None:
    asked = desk()
    body = asked.json(asked.ask(messages=user("What is the capital of France?")))
    choice = body["choices"][0]
    assert choice["message"]["content"] == "[simulated] The capital of France is Paris."
    assert choice["message"]["role"] == "assistant"
    assert choice["finish_reason"] == "stop"
    assert body["system_fingerprint"] == "simulated"
    assert body["model"] == "gpt-4.1-mini-2025-04-14"
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]


def test_a_stream_opens_with_filter_results_and_a_role_and_closes_with_a_reason(desk: Open) -> None:
    asked = desk()
    chunks = asked.chunks(asked.ask(stream=True))
    assert chunks[0]["choices"] == [] and chunks[0]["id"] == "" and "prompt_filter_results" in chunks[0]
    assert chunks[1]["choices"][0]["delta"] == {"content": "", "refusal": None, "role": "assistant"}
    assert chunks[1]["choices"][0]["content_filter_results"] == {}
    assert "hate" in chunks[2]["choices"][0]["content_filter_results"]
    assert chunks[-1]["choices"][0] == {
        "content_filter_results": {},
        "delta": {},
        "finish_reason": "stop",
        "index": 0,
        "logprobs": None,
    }
    assert all("usage" not in chunk for chunk in chunks)


def test_usage_comes_last_and_only_when_asked_for(desk: Open) -> None:
    asked = desk()
    chunks = asked.chunks(asked.ask(stream=True, stream_options={"include_usage": True}))
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == asked.last.completion_tokens


@pytest.mark.parametrize("more", [{}, {"n": 3}, {"max_tokens": 9}, {"stop": ["the", "a"]}, {"seed": 4}])
def test_the_deltas_of_a_stream_add_up_to_the_whole_reply(desk: Open, more: dict[str, Any]) -> None:
    asked = desk()
    whole = asked.json(asked.ask(**more))
    texts = [""] * len(whole["choices"])
    reasons: list[str | None] = [None] * len(texts)
    for chunk in asked.chunks(asked.ask(stream=True, **more)):
        for choice in chunk["choices"]:
            texts[choice["index"]] += choice["delta"].get("content") or ""
            reasons[choice["index"]] = choice["finish_reason"]
    assert texts == [choice["message"]["content"] for choice in whole["choices"]]
    assert reasons == [choice["finish_reason"] for choice in whole["choices"]]


def test_the_same_seed_and_prompt_say_the_same_and_others_something_else(desk: Open) -> None:
    def text(prompt: str, **options: Any) -> str:
        asked = desk(**options)
        return str(asked.json(asked.ask(messages=user(prompt)))["choices"][0]["message"]["content"])

    assert text("Compare cats and dogs") == text("Compare cats and dogs")
    assert text("Compare cats and dogs") != text("Compare cats and wolves")
    assert text("Compare cats and dogs") != text("Compare cats and dogs", seed=1)
    assert "cats" in text("Compare cats and dogs").lower()


def test_every_reply_has_its_own_id(desk: Open) -> None:
    asked = desk()
    assert asked.json(asked.ask())["id"] != asked.json(asked.ask())["id"]


def test_a_code_prompt_gets_code_with_the_asked_for_signature(desk: Open) -> None:
    asked = desk()
    prompt = 'def has_close(numbers: list, threshold: float) -> bool:\n    """Check numbers."""\n'
    text = asked.json(asked.ask(messages=user(prompt)))["choices"][0]["message"]["content"]
    code = text.split("```python\n")[1].split("```")[0]
    assert "def has_close(numbers: list, threshold: float)" in code
    compile(code, "reply", "exec")


def test_max_tokens_cuts_the_reply_and_says_length(desk: Open) -> None:
    asked = desk()
    body = asked.json(asked.ask(max_tokens=5))
    assert body["usage"]["completion_tokens"] == 5
    assert body["choices"][0]["finish_reason"] == "length"


def test_a_stop_sequence_ends_the_reply_before_it(desk: Open) -> None:
    asked = desk()
    body = asked.json(asked.ask(messages=user("What is the capital of France?"), stop=" is "))
    assert body["choices"][0]["message"]["content"] == "[simulated] The capital of France"


def test_a_reply_takes_as_long_as_its_tokens_and_fast_ones_take_none(desk: Open) -> None:
    asked = desk()
    whole, stream = asked.ask(), asked.ask(stream=True)
    duration = stream.head_after + sum(delay for delay, _ in stream.frames)
    assert 0.5 < whole.head_after < 10
    assert duration == pytest.approx(whole.head_after, rel=0.1)
    assert stream.head_after < 0.5 * whole.head_after
    quick = desk(fast=True).ask(stream=True)
    assert quick.head_after == sum(delay for delay, _ in quick.frames) == 0


def test_headers_of_a_200_mislead_on_github_models(desk: Open) -> None:
    asked = desk()
    headers = asked.ask(model="openai/gpt-4o-mini").headers
    assert headers["x-ratelimit-limit-requests"] == "20000"
    assert headers["x-ratelimit-remaining-requests"] == "19999"
    assert headers["x-ratelimit-limit-tokens"] == "2000000"
    assert headers["x-ratelimit-renewalperiod-requests"] == "60"
    assert headers["x-ratelimit-abusepenalty-active"] == "False"
    assert asked.ask(model="openai/gpt-4.1-mini").headers["x-ratelimit-key"] == "gpt-4.1-mini"


def test_headers_of_a_200_tell_the_truth_where_the_profile_says_so(desk: Open) -> None:
    asked = desk("groq")
    headers = asked.ask(model="llama-3.3-70b-versatile").headers
    assert headers["x-ratelimit-limit-requests"] == "1000"
    assert headers["x-ratelimit-reset-requests"] == "24h0m0s"
    assert int(headers["x-ratelimit-remaining-requests"]) == int(headers["x-ratelimit-limit-requests"]) - 1
    left = int(headers["x-ratelimit-remaining-tokens"])
    asked.ask(model="llama-3.3-70b-versatile")
    spent = asked.last.prompt_tokens + asked.last.completion_tokens
    assert int(asked.exchanges[-1].answer.headers["x-ratelimit-remaining-tokens"]) == left - spent


def test_the_old_host_says_that_it_is_old(desk: Open) -> None:
    headers = desk("github-legacy").ask(model="gpt-4o").headers
    assert headers["sunset"] == "Fri, 17 Oct 2025 00:00:00 GMT" and 'rel="deprecation"' in headers["link"]
    assert "sunset" not in desk().ask().headers


def test_deepseek_r1_thinks_aloud_in_the_content_or_in_its_own_field(desk: Open) -> None:
    asked = desk()
    text = asked.json(asked.ask(model="deepseek/deepseek-r1"))["choices"][0]["message"]["content"]
    assert text.startswith("<think>\n") and "\n</think>\n\n[simulated]" in text
    asked = desk(reasoning_field=True)
    message = asked.json(asked.ask(model="deepseek/deepseek-r1"))["choices"][0]["message"]
    assert message["reasoning_content"] and message["content"].startswith("[simulated]")
    chunks = desk(reasoning_field=True).chunks(asked.ask(model="deepseek/deepseek-r1-0528", stream=True))
    assert any("reasoning_content" in choice["delta"] for chunk in chunks for choice in chunk["choices"])


def test_thinking_that_hits_the_cap_is_never_closed(desk: Open) -> None:
    asked = desk()
    choice = asked.json(asked.ask(model="deepseek/deepseek-r1", max_tokens=6))["choices"][0]
    assert "<think>" in choice["message"]["content"] and "</think>" not in choice["message"]["content"]
    assert choice["finish_reason"] == "length"


def test_silent_thinking_is_billed_and_can_eat_the_whole_cap(desk: Open) -> None:
    asked = desk(plan="pro")
    body = asked.json(asked.ask(model="openai/o3", max_completion_tokens=20))
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 20
    assert body["choices"][0]["message"]["content"] == "" and body["choices"][0]["finish_reason"] == "length"


def test_documented_words_ask_for_filters_and_refusals(desk: Open) -> None:
    asked = desk()
    filtered = asked.ask(messages=user(f"please {PROMPT_FILTERED}"))
    error = asked.json(filtered)["error"]
    assert filtered.status == 400 and error["code"] == "content_filter"
    assert error["innererror"]["content_filter_result"]["violence"] == {"filtered": True, "severity": "medium"}
    cut = asked.json(asked.ask(messages=user(f"please {OUTPUT_FILTERED}")))["choices"][0]
    assert cut["finish_reason"] == "content_filter"
    refused = asked.json(asked.ask(messages=user(f"please {REFUSED}")))["choices"][0]["message"]
    assert refused["content"] is None and "can't assist" in refused["refusal"]
    chunks = asked.chunks(asked.ask(messages=user(f"please {REFUSED}"), stream=True))
    assert any(choice["delta"].get("refusal") for chunk in chunks for choice in chunk["choices"])


def test_the_catalog_is_a_bare_array_and_needs_no_token(desk: Open) -> None:
    asked = desk()
    cards = asked.json(asked.ask(method="GET", path="/catalog/models", token=None))
    assert len(cards) == sum(entry.available for entry in catalog.cards())
    assert set(cards[0]) == {
        *("id", "name", "publisher", "registry", "summary", "html_url", "version", "capabilities", "limits"),
        *("rate_limit_tier", "supported_input_modalities", "supported_output_modalities", "tags"),
    }
    assert all(isinstance(card["limits"]["max_input_tokens"], int) for card in cards)


def test_model_lists_are_wrapped_but_on_the_old_host(desk: Open) -> None:
    asked = desk()
    for path in ("/v1/models", "/inference/models", "/models"):
        assert asked.json(asked.ask(method="GET", path=path))["data"][0]["object"] == "model"
    old = desk("github-legacy")
    assert old.json(old.ask(method="GET", path="/models"))[0]["id"].startswith("azureml://registries/")


def test_a_service_without_a_catalog_lists_examples_it_would_serve(desk: Open) -> None:
    for name in ("groq", "openrouter", "local"):
        asked = desk(name)
        for model in asked.json(asked.ask(method="GET", path="/v1/models"))["data"]:
            assert asked.ask(model=model["id"]).status == 200


def test_the_token_belongs_to_a_user_with_organisations(desk: Open) -> None:
    asked = desk(organizations=("one", "two"))
    assert asked.json(asked.ask(method="GET", path="/user"))["login"] == "simulated-account-1"
    assert [org["login"] for org in asked.json(asked.ask(method="GET", path="/user/orgs"))] == ["one", "two"]


def test_embeddings_are_unit_vectors_that_rank_by_shared_words(desk: Open) -> None:
    asked = desk()
    texts = ["the cat sat on the mat", "a cat on a mat", "stock markets fell sharply"]
    body = asked.json(ask_embeddings(asked, texts, dimensions=256))
    vectors = [item["embedding"] for item in body["data"]]
    assert [len(vector) for vector in vectors] == [256] * 3
    assert sum(value * value for value in vectors[0]) == pytest.approx(1)
    near = sum(a * b for a, b in zip(vectors[0], vectors[1], strict=True))
    far = sum(a * b for a, b in zip(vectors[0], vectors[2], strict=True))
    assert near > far
    assert body["usage"] == {"prompt_tokens": asked.last.prompt_tokens, "total_tokens": asked.last.prompt_tokens}


def test_base64_embeddings_are_the_same_numbers_as_little_endian_floats(desk: Open) -> None:
    import base64
    import struct

    asked = desk()
    plain = asked.json(ask_embeddings(asked, "one text"))["data"][0]["embedding"]
    packed = asked.json(ask_embeddings(asked, "one text", encoding_format="base64"))["data"][0]["embedding"]
    numbers = struct.unpack(f"<{len(plain)}f", base64.b64decode(packed))
    assert list(numbers) == pytest.approx(plain, abs=1e-6)


def ask_embeddings(asked: Any, texts: Any, **fields: Any) -> Any:
    body = {"model": "openai/text-embedding-3-small", "input": texts}
    return asked.ask(body, path="/inference/embeddings", **fields)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"input": ""}, 400),
        ({"input": []}, 400),
        ({"input": None}, 400),
        ({"input": ["fine", ""]}, 400),
        ({"input": ["x"] * 2049}, 400),
        ({"input": "x", "encoding_format": "hex"}, 400),
        ({"input": "x", "dimensions": 0}, 400),
        ({"input": "x", "surprise": 1}, 400),
        ({"input": ["word " * 2000] * 40}, 413),
        ({"input": [1, 2, 3]}, 200),
        ({"input": [[1, 2], [3]]}, 200),
    ],
)
def test_embedding_inputs_are_checked(desk: Open, fields: dict[str, Any], status: int) -> None:
    asked = desk()
    assert (
        asked.ask({"model": "openai/text-embedding-3-small"}, path="/inference/embeddings", **fields).status == status
    )


def test_a_chat_model_does_not_embed_and_an_embedding_model_does_not_chat(desk: Open) -> None:
    asked = desk()
    assert asked.ask({"model": "openai/gpt-4o", "input": "x"}, path="/inference/embeddings").status == 400
    assert asked.ask(model="openai/text-embedding-3-small").status == 400
