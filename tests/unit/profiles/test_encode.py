"""Requests as JSON bodies in an endpoint's dialect."""

import json
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pytest

from ghmodels_async import profiles
from ghmodels_async.profiles import embeddings_body, plain_body, to_body
from ghmodels_async.wire import ChatRequest, EmbeddingsRequest, ToolCall

HELLO = [{"role": "user", "content": "Hello!"}]


def body_of(profile="github", stream=False, model="openai/gpt-4o", **fields):
    request = ChatRequest(model=model, messages=fields.pop("messages", HELLO), **fields)
    return json.loads(to_body(request, profiles.load(profile), stream))


def test_the_smallest_request_is_model_and_messages():
    assert body_of() == {"model": "openai/gpt-4o", "messages": HELLO}


def test_a_streamed_request_asks_for_usage():
    assert body_of(stream=True)["stream_options"] == {"include_usage": True}
    assert body_of(stream=True)["stream"] is True


def test_the_caller_can_decline_usage():
    assert body_of(stream=True, stream_options={"include_usage": False})["stream_options"] == {"include_usage": False}


def test_other_stream_options_are_kept_beside_usage():
    options = body_of(stream=True, stream_options={"other": 1})["stream_options"]
    assert options == {"include_usage": True, "other": 1}


def test_an_endpoint_that_refuses_the_option_is_not_asked():
    assert "stream_options" not in body_of("mistral", stream=True)


def test_stream_options_do_not_travel_without_a_stream():
    assert "stream_options" not in body_of(stream_options={"include_usage": True})


def test_stop_travels_as_a_list():
    assert body_of(stop="\n")["stop"] == ["\n"]
    assert body_of(stop=["a", "b"])["stop"] == ["a", "b"]


@pytest.mark.parametrize(
    ("profile", "model", "name"),
    [
        ("github", "openai/gpt-4o", "max_tokens"),
        ("github", "openai/o4-mini", "max_completion_tokens"),
        ("github", "gpt-5", "max_completion_tokens"),
        ("mistral", "mistral-small-latest", "max_tokens"),
        ("openai", "gpt-4o", "max_completion_tokens"),
        ("cerebras", "gpt-oss-120b", "max_completion_tokens"),
    ],
)
@pytest.mark.parametrize("given", ["max_tokens", "max_completion_tokens"])
def test_the_ceiling_travels_under_the_name_the_model_wants(profile, model, name, given):
    body = body_of(profile, model=model, **{given: 7})
    assert {key: value for key, value in body.items() if key.startswith("max_")} == {name: 7}


def test_of_two_ceilings_the_one_with_the_right_name_counts():
    assert body_of(max_tokens=5, max_completion_tokens=9)["max_tokens"] == 5
    assert body_of(model="o1", max_tokens=5, max_completion_tokens=9)["max_completion_tokens"] == 9


def test_zero_and_false_travel():
    body = body_of(temperature=0.0, seed=0, logprobs=False)
    assert (body["temperature"], body["seed"], body["logprobs"]) == (0.0, 0, False)


def test_extra_body_wins_key_by_key():
    body = body_of(temperature=0.2, extra_body={"temperature": 1.7, "top_k": 40})
    assert (body["temperature"], body["top_k"]) == (1.7, 40)


@pytest.mark.parametrize("stream", [True, False])
def test_extra_body_cannot_change_how_the_answer_is_read(stream):
    assert body_of(stream=stream, extra_body={"stream": not stream}).get("stream", False) is stream


def test_extra_headers_are_no_part_of_the_body():
    assert "extra_headers" not in body_of(extra_headers={"X-Mine": "1"})


def test_the_caller_keeps_his_objects_unchanged():
    options = {"include_usage": False}
    request = ChatRequest(model="m", messages=HELLO, stop="x", max_tokens=3, stream_options=options)
    before = request.model_copy(deep=True)
    to_body(request, profiles.load("github"), True)
    assert request == before
    assert options == {"include_usage": False}


def test_a_read_only_mapping_and_a_models_own_tool_call_can_be_sent_back():
    call = ToolCall.model_validate({"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}})
    messages = [MappingProxyType({"role": "assistant", "content": None, "tool_calls": [call]})]
    sent = body_of(messages=messages)["messages"][0]["tool_calls"][0]
    assert sent["function"] == {"name": "f", "arguments": "{}"}


def test_text_travels_as_utf8_not_as_escapes():
    request = ChatRequest(model="m", messages=[{"role": "user", "content": "Привет 🙂"}])
    assert "Привет 🙂".encode() in to_body(request, profiles.load("github"), False)


def test_half_a_surrogate_pair_is_escaped_rather_than_a_crash():
    assert body_of(messages=[{"role": "user", "content": "x\ud83d"}])["messages"][0]["content"] == "x\ud83d"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_carry_is_refused(value):
    for fields in (
        {"extra_body": {"x": value}},
        {"extra_body": {"x": {"y": value}}},
        {"temperature": value},
        {"logit_bias": {"1": value}},
        {"messages": [{"role": "user", "content": value}]},
    ):
        with pytest.raises(ValueError, match="JSON compliant"):
            body_of(**fields)


@pytest.mark.parametrize("value", [object(), b"x", date(2026, 1, 1), Path("x")])
def test_something_that_is_no_json_value_is_refused(value):
    for fields in ({"extra_body": {"x": value}}, {"messages": [{"role": "user", "content": value}]}):
        with pytest.raises(TypeError, match="is not a JSON value"):
            body_of(**fields)


def test_every_character_and_number_is_written_as_the_standard_library_writes_it():
    text = "".join(map(chr, (*range(0x0D00), *range(0xD7F0, 0xD800), 0xE000, 0xFEFF, 0xFFFF, 0x10000, 0x10FFFF)))
    fields = {"user": text, "seed": -(10**30), "n": 2**64, "logprobs": False, "temperature": 0.1, "top_p": 1.0}
    messages = [{"role": "user", "content": text, text: 7, "x": True}]
    request = ChatRequest(model="m", messages=messages, **fields)
    expected = {"model": "m", "messages": messages, **request.given()}
    written = json.dumps(expected, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    assert to_body(request, profiles.load("github"), False) == written.encode()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("profile", profiles.names())
def test_a_plain_request_is_the_same_bytes_either_way(profile, stream):
    for text in ("Hello!", "", "\x00\x7f\u2028", "Привет 🙂", "x\ud83d"):
        messages = [{"role": "system", "content": text}, {"content": text, "role": "user"}]
        request = ChatRequest(model="openai/gpt-4o", messages=messages)
        loaded = profiles.load(profile)
        assert plain_body(request, loaded, stream) == to_body(request, loaded, stream)


def test_keys_that_are_no_text_are_written_as_the_standard_library_writes_them():
    assert body_of(extra_body={"x": {None: 1, True: 2, 3: 4}})["x"] == {"null": 1, "true": 2, "3": 4}


def test_embeddings_travel_with_their_texts():
    request = EmbeddingsRequest(model="openai/text-embedding-3-small", input=["a", "b"], dimensions=8)
    body = json.loads(embeddings_body(request, profiles.load("github-legacy")))
    assert body == {"model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 8}


def test_embeddings_take_extra_fields():
    request = EmbeddingsRequest(model="m", input="a", extra_body={"input_type": "query"})
    assert json.loads(embeddings_body(request, profiles.load("github")))["input_type"] == "query"


def test_a_set_travels_in_order():
    assert body_of(extra_body={"x": {"b", "a"}, "y": frozenset([2, 1])})["x"] == ["a", "b"]


def test_any_mapping_in_extra_body_travels_as_an_object():
    assert body_of(extra_body={"x": MappingProxyType({"a": 1})})["x"] == {"a": 1}
