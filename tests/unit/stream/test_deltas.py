"""`DeltaDecoder`: every dialect seen in the wild, and every way a stream says that it failed."""

import json
from typing import Any

import pytest
from chat_events import DONE, FILTERS, GITHUB, chunk, event, text, usage

from ghmodels_async.stream import BadStreamError, ChatDelta, DeltaDecoder


class Reported(Exception):
    """What the injected classifier makes of an error object."""


def decode(*parts: bytes, limit: int = 1 << 20) -> tuple[list[ChatDelta], DeltaDecoder]:
    decoder = DeltaDecoder(Reported, limit=limit)
    deltas = [delta for part in parts for delta in decoder.feed(part)]
    return deltas + decoder.close(), decoder


def texts(*parts: bytes) -> list[str]:
    return [delta.text for delta in decode(*parts)[0]]


def test_a_github_stream_gives_one_delta_per_chunk() -> None:
    deltas, decoder = decode(GITHUB)
    assert [delta.text for delta in deltas] == ["", "", "Good ", "morning 早 🌍", "", ""]
    assert [delta.index for delta in deltas] == [None, 0, 0, 0, 0, None]
    assert [delta.plain for delta in deltas] == [True, False, False, True, False, False]
    assert [delta.substantial for delta in deltas] == [False, False, True, True, True, False]
    assert deltas[1].role == "assistant"
    assert (deltas[1].id, deltas[1].model) == ("c-1", "m-1")
    assert deltas[4].finish_reason == "stop"
    assert deltas[5].usage is not None and deltas[5].usage.total_tokens == 8
    assert decoder.done and not decoder.whole and decoder.failure is None


def test_unknown_fields_are_there_for_whoever_asks() -> None:
    deltas, _ = decode(GITHUB)
    assert deltas[0].chunk.model_extra == {
        "created": 0,
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": FILTERS}],
    }
    choices = deltas[2].chunk.choices
    assert choices is not None
    assert choices[0].model_extra == {"content_filter_results": FILTERS}


@pytest.mark.parametrize(
    "done", [b"data: [DONE]\n\n", b"data:[DONE]\r\n\r\n", b"data:  [DONE] \n\n", b"data: [DONE]]\n\n"]
)
def test_done_is_recognised_with_something_around_it(done: bytes) -> None:
    _, decoder = decode(text("a") + done)
    assert decoder.done and decoder.failure is None


def test_nothing_after_done_counts() -> None:
    deltas, decoder = decode(text("a") + DONE + text("b") + b"data: junk\n\n", text("c"))
    assert [delta.text for delta in deltas] == ["a"]
    assert decoder.failure is None


def test_a_keep_alive_without_data_is_no_chunk() -> None:
    assert texts(b"data:\n\ndata:  \n\n: ping\n\n" + text("a")) == ["a"]


def test_several_choices_keep_their_index() -> None:
    both = event({"choices": [{"index": 1, "delta": {"content": "b"}}, {"index": 0, "delta": {"content": "a"}}]})
    deltas, _ = decode(both + text("c", index=1))
    assert [(delta.index, delta.text) for delta in deltas] == [(1, "b"), (0, "a"), (1, "c")]


def test_usage_beside_choices_sits_on_the_last_delta_of_its_chunk() -> None:
    deltas, _ = decode(event({"choices": [{"delta": {"content": "a"}}], "usage": {"prompt_tokens": 1}}))
    assert deltas[0].usage is not None and deltas[0].usage.prompt_tokens == 1


def test_an_unknown_finish_reason_is_kept_and_an_empty_one_is_none() -> None:
    deltas, _ = decode(text("a", finish="") + chunk(finish="eos_token"))
    assert [delta.finish_reason for delta in deltas] == [None, "eos_token"]


def test_a_refusal_is_not_text() -> None:
    deltas, _ = decode(chunk({"role": "assistant", "refusal": "I can"}) + chunk({"refusal": "not"}))
    assert "".join(delta.refusal for delta in deltas) == "I cannot"
    assert all(delta.text == "" and delta.substantial for delta in deltas)


def test_tool_call_fragments_come_through_as_validated_fields() -> None:
    first = {"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}, "extra": 1}
    deltas, _ = decode(chunk({"tool_calls": [first]}) + chunk({"tool_calls": [{"index": 0, "function": None}]}))
    assert deltas[0].tool_calls == [{k: v for k, v in first.items() if k != "extra"}]
    assert deltas[1].substantial


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_in_a_field_of_its_own(field: str) -> None:
    deltas, _ = decode(chunk({field: "hm"}) + text("<think> is a tag") + chunk({field: None, "content": "!"}))
    assert [(delta.reasoning, delta.text) for delta in deltas] == [("hm", ""), ("", "<think> is a tag"), ("", "!")]


def test_reasoning_that_is_not_text_is_left_in_the_chunk() -> None:
    deltas, _ = decode(chunk({"reasoning": {"steps": 3}, "content": "a"}))
    assert (deltas[0].reasoning, deltas[0].text) == ("", "a")


def test_a_leading_think_tag_is_reasoning_however_chunks_cut_it() -> None:
    deltas, _ = decode(*[text(c) for c in "<think>why</think>\n\nso"], chunk(finish="stop"))
    assert "".join(delta.reasoning for delta in deltas) == "why"
    assert "".join(delta.text for delta in deltas) == "so"
    wire = "".join(delta.text if delta.content is None else delta.content for delta in deltas)
    assert wire == "<think>why</think>\n\nso"


def test_each_choice_thinks_for_itself() -> None:
    deltas, _ = decode(text("<think>a") + text("b", index=1) + text("</think>c") + text("d", index=1))
    assert [(delta.index, delta.reasoning, delta.text) for delta in deltas] == [
        (0, "a", ""),
        (1, "", "b"),
        (0, "", "c"),
        (1, "", "d"),
    ]


def test_what_might_have_become_a_tag_is_handed_out_when_the_choice_is_finished() -> None:
    deltas, _ = decode(text("<thi") + chunk(finish="length"))
    assert [(delta.text, delta.content) for delta in deltas] == [("", "<thi"), ("<thi", "")]
    deltas, _ = decode(text("<think>abc</th"), text("", finish="length"))
    assert [delta.reasoning for delta in deltas] == ["abc", "</th"]


def test_what_might_have_become_a_tag_is_handed_out_when_the_stream_breaks() -> None:
    deltas, _ = decode(text("<think>abc</th"), text("<", index=1))
    assert [(delta.reasoning, delta.text, delta.index) for delta in deltas] == [
        ("abc", "", 0),
        ("", "", 1),
        ("</th", "", 0),
        ("", "<", 1),
    ]


def test_a_choice_that_never_left_the_tag_has_nothing_held_back() -> None:
    deltas, _ = decode(text("<think>a") + chunk(finish="length"), text("<think>b", index=1))
    assert [(delta.reasoning, delta.text) for delta in deltas] == [("a", ""), ("", ""), ("b", "")]


def test_content_after_the_finish_is_still_content() -> None:
    assert texts(text("a", finish="stop") + text("<think>")) == ["a", "<think>"]


def test_content_in_parts_is_text_and_reasoning() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Hi"}]
    deltas, _ = decode(chunk({"content": parts}))
    assert (deltas[0].reasoning, deltas[0].text) == ("hm", "Hi")


def test_logprobs_come_as_they_are() -> None:
    deltas, _ = decode(text("a", logprobs={"content": [{"token": "a"}]}) + text("b", logprobs=None))
    assert [delta.logprobs for delta in deltas] == [{"content": [{"token": "a"}]}, None]


def test_numbers_where_text_belongs_are_read_as_text() -> None:
    deltas, _ = decode(event({"id": 7, "model": "m", "created": 1.5, "choices": [{"delta": {"content": 5}}]}))
    assert (deltas[0].id, deltas[0].text) == ("7", "5")


def test_null_is_accepted_where_servers_send_it() -> None:
    nulls = {"id": None, "model": None, "choices": None, "usage": None, "error": None}
    deltas, decoder = decode(event(nulls) + event({"choices": [{"index": None, "delta": None, "finish_reason": None}]}))
    assert [delta.index for delta in deltas] == [None, 0]
    assert decoder.failure is None


def test_half_a_surrogate_pair_costs_a_character_and_not_the_stream() -> None:
    halves = b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\ndata: {"choices":[{"delta":{"content":"x"}}]}\n\n'
    assert texts(halves) == ["\ufffd", "x"]


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (event({"error": {"code": "x", "message": "m"}}), {"code": "x", "message": "m"}),
        (event({"error": "overloaded"}), "overloaded"),
        (event({"error": {"m": 1}, "choices": [{"delta": {}, "finish_reason": "error"}]}), {"m": 1}),
        (event({"error": {}}), {"error": {}}),
        (event({"error": {"m": 1}, "choices": "odd"}), {"m": 1}),
        (event({"object": "error", "message": "m", "code": 400}), {"object": "error", "message": "m", "code": 400}),
        (b'event: error\ndata: {"type": "overloaded_error"}\n\n', {"type": "overloaded_error"}),
        (b'event: error\ndata: {"model": [], "message": "m"}\n\n', {"model": [], "message": "m"}),
        (b"event: error\ndata: boom\n\n", {"message": "boom"}),
    ],
)
def test_an_error_inside_the_stream_is_classified_after_the_deltas_before_it(bad: bytes, expected: Any) -> None:
    deltas, decoder = decode(text("a") + bad + text("b"), text("c"))
    assert [delta.text for delta in deltas] == ["a"]
    assert isinstance(decoder.failure, Reported)
    assert decoder.failure.args == (expected,)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"data: {\n\n", "Invalid JSON: EOF"),
        (b"data: hello\n\n", "Invalid JSON"),
        (b"data: [1]\n\n", "should be an object"),
        (b"data: 5\n\n", "should be an object"),
        (event({"choices": [{"delta": {"content": {"secret": 1}}}]}), r"choices\.0\.delta\.content"),
        (event({"choices": [{"index": "zero"}]}), r"choices\.0\.index"),
        (b'data: {"choices": "\\ud83d"}\n\n', "choices"),
        (b'data: {"choices": \\ud83d\n\n', "Invalid JSON"),
    ],
)
def test_an_event_that_is_no_chunk_fails_and_its_text_is_not_quoted(bad: bytes, why: str) -> None:
    deltas, decoder = decode(text("a") + bad + text("b"))
    assert [delta.text for delta in deltas] == ["a"]
    with pytest.raises(BadStreamError, match=why) as caught:
        raise decoder.failure or AssertionError
    assert "secret" not in str(caught.value) and "hello" not in str(caught.value)


def test_an_event_over_the_bound_fails_after_the_deltas_before_it() -> None:
    deltas, decoder = decode(text("a") + text("x" * 500) + text("b"), limit=400)
    assert [delta.text for delta in deltas] == ["a"]
    assert isinstance(decoder.failure, BadStreamError)
    assert "400 bytes" in str(decoder.failure)


COMPLETION: dict[str, Any] = {
    "id": "c-9",
    "model": "m-9",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "<think>hm</think>Hi",
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                    {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}


@pytest.mark.parametrize("wrap", [lambda text: text, json.dumps], ids=["document", "document in a string"])
@pytest.mark.parametrize("prefix", [b"", b"\n\n ", b"\xef\xbb\xbf"], ids=["bare", "blank", "bom"])
@pytest.mark.parametrize("step", [1, 10_000])
def test_a_whole_reply_where_a_stream_was_asked_becomes_deltas(wrap: Any, prefix: bytes, step: int) -> None:
    body = prefix + wrap(json.dumps(COMPLETION)).encode()
    deltas, decoder = decode(*[body[at : at + step] for at in range(0, len(body), step)])
    assert decoder.failure is None and decoder.whole
    assert [(delta.reasoning, delta.text, delta.finish_reason) for delta in deltas] == [("hm", "Hi", "tool_calls")]
    assert [fragment.get("index") for fragment in deltas[0].tool_calls] == [0, 1]
    assert deltas[0].usage is not None and deltas[0].model == "m-9"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"code": "x"}}, {"code": "x"}),
        ({"error": {"code": "x"}, "choices": []}, {"code": "x"}),
        ({"message": "Not Found"}, {"message": "Not Found"}),
        ([1, 2], [1, 2]),
        ("just text", None),
        ({"choices": [{"message": {"content": {}}}]}, None),
        ({"choices": [1]}, None),
        ({"choices": [{"message": {"tool_calls": [3]}}]}, None),
    ],
)
def test_a_whole_body_that_is_no_reply_fails(body: Any, expected: Any) -> None:
    deltas, decoder = decode(json.dumps(body).encode())
    assert deltas == [] and not decoder.whole
    assert decoder.failure is not None
    if expected is None:
        assert isinstance(decoder.failure, BadStreamError)
    else:
        assert decoder.failure.args == (expected,)


@pytest.mark.parametrize(
    ("body", "why"),
    [(b"<!doctype html><p>Bad gateway", "HTML"), (b'{"choices": [', "neither"), (b'{"a": "\xff', "neither")],
)
def test_a_body_that_is_neither_fails_with_what_it_is(body: bytes, why: str) -> None:
    _, decoder = decode(body)
    with pytest.raises(BadStreamError, match=why):
        raise decoder.failure or AssertionError


def test_a_document_over_the_bound_fails_before_it_is_whole() -> None:
    decoder = DeltaDecoder(Reported, limit=100)
    assert decoder.feed(b'{"choices": [') == []
    assert decoder.failure is None
    assert decoder.feed(b" " * 100) == []
    assert isinstance(decoder.failure, BadStreamError) and "100 bytes" in str(decoder.failure)
    assert decoder.close() == []


def test_an_empty_body_is_no_failure_of_the_decoder() -> None:
    deltas, decoder = decode(b"", b"\n\n")
    assert deltas == [] and decoder.failure is None and not decoder.done and not decoder.whole


def test_a_delta_shows_what_it_holds_and_not_what_was_said() -> None:
    deltas, _ = decode(text("secret"), usage())
    assert "secret" not in repr(deltas[0])
    assert "usage" in repr(deltas[1])
