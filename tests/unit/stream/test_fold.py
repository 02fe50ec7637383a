"""`Fold`: pieces put together, and nothing invented."""

import pickle
import time
from typing import Any

import pytest
from chat_events import FILTERS, GITHUB, chunk, event, text, usage

from ghmodels_async.stream import ChatReply, DeltaDecoder, Fold, ReplyMeta
from ghmodels_async.wire import ChatCompletion


def fold(*parts: bytes) -> Fold:
    decoder, folded = DeltaDecoder(RuntimeError), Fold()
    for part in parts:
        for delta in decoder.feed(part):
            folded.add(delta)
    for delta in decoder.close():
        folded.add(delta)
    assert decoder.failure is None
    return folded


def call(index: int | None, arguments: Any = "", *, id: str | None = None, name: str | None = None) -> bytes:
    fragment: dict[str, Any] = {"id": id, "function": {"name": name, "arguments": arguments}}
    return chunk({"tool_calls": [fragment if index is None else {"index": index, **fragment}]})


def calls(*parts: bytes) -> list[tuple[str | None, str, str]]:
    return [(call.id, call.function.name, call.function.arguments) for call in fold(*parts).reply.tool_calls]


def test_nothing_folded_is_an_empty_reply() -> None:
    reply = Fold().reply
    assert reply == ChatReply()
    assert (reply.text, reply.reasoning, reply.refusal, reply.tool_calls, reply.finish_reason) == ("", "", "", (), None)
    assert not Fold().begun and not Fold().finished and Fold().open_call is None


def test_a_github_stream_folds_to_its_reply() -> None:
    folded = fold(GITHUB)
    reply = folded.reply
    assert reply.text == "Good morning 早 🌍"
    assert reply.finish_reason == "stop"
    assert (reply.id, reply.model) == ("c-1", "m-1")
    assert reply.usage is not None and reply.usage.completion_tokens == 5
    assert reply.choices[0].role == "assistant"
    assert folded.finished and folded.begun


def test_raw_keeps_unknown_fields_where_they_were() -> None:
    raw = fold(GITHUB).reply.raw
    assert isinstance(raw, ChatCompletion)
    assert raw.model_extra is not None and raw.choices[0].model_extra is not None
    assert raw.model_extra["prompt_filter_results"][0]["content_filter_results"] == FILTERS
    assert raw.choices[0].model_extra == {"content_filter_results": FILTERS}
    assert raw.choices[0].message.content == "Good morning 早 🌍"
    assert (raw.id, raw.model, raw.created) == ("c-1", "m-1", 1)


def test_raw_has_the_tagged_content_as_it_was_written() -> None:
    parts = ["<thi", "nk>hm</think>", "\n\nHi", " there", "!"]
    reply = fold(*[text(part) for part in parts], chunk(finish="stop")).reply
    assert (reply.reasoning, reply.text) == ("hm", "Hi there!")
    assert reply.raw.choices[0].message.content == "".join(parts)
    assert reply.raw.choices[0].message.reasoning_content is None


def test_raw_has_separate_reasoning_in_its_own_field() -> None:
    message = fold(chunk({"reasoning_content": "hm"}), text("Hi"), chunk(finish="stop")).reply.raw.choices[0].message
    assert (message.content, message.reasoning_content) == ("Hi", "hm")


def test_a_false_start_of_a_tag_leaves_text_and_content_alike() -> None:
    reply = fold(text("<thi"), text("s is"), text(" it")).reply
    assert reply.text == "<this is it"
    assert reply.raw.choices[0].message.content == "<this is it"


def test_choices_are_kept_apart_and_in_order() -> None:
    reply = fold(text("b", index=1), text("a"), text("B", index=1), chunk(index=1, finish="length")).reply
    assert [(choice.index, choice.text, choice.finish_reason) for choice in reply.choices] == [
        (0, "a", None),
        (1, "bB", "length"),
    ]
    assert reply.text == "a"


def test_finished_means_every_choice_that_has_spoken() -> None:
    folded = fold(text("a"), text("b", index=1), chunk(finish="stop"))
    assert not folded.finished
    assert not fold(usage()).finished
    assert fold(text("a"), text("b", index=1), chunk(finish="stop"), chunk(finish="stop"), chunk(index=1, finish="x"))


def test_a_second_finish_reason_replaces_the_first_and_counts_once() -> None:
    folded = fold(text("a"), text("b", index=1), chunk(finish="stop"), chunk(finish="length"))
    assert folded.reply.finish_reason == "length"
    assert not folded.finished


def test_the_last_usage_counts() -> None:
    folded = fold(usage(1, 1), text("a"), usage(1, 2))
    assert folded.usage is not None and folded.usage.completion_tokens == 2


def test_refusals_are_joined() -> None:
    assert fold(chunk({"refusal": "I can"}), chunk({"refusal": "not."})).reply.refusal == "I cannot."
    assert fold(chunk({"refusal": "no"})).reply.raw.choices[0].message.refusal == "no"


def test_fragments_with_one_index_are_one_call() -> None:
    assert calls(
        call(0, id="a", name="f"),
        call(0, '{"x"'),
        call(1, '{"y":', id="b", name="g"),
        call(0, ": 1}"),
        call(1, "2}"),
    ) == [("a", "f", '{"x": 1}'), ("b", "g", '{"y":2}')]


def test_whole_calls_all_at_index_zero_are_several_calls() -> None:
    parts = [call(0, "{}", id="a", name="f"), call(0, '{"x":1}', id="b", name="f"), call(0, " ", id="b")]
    assert calls(*parts) == [("a", "f", "{}"), ("b", "f", '{"x":1} ')]


def test_an_id_repeated_on_every_fragment_is_one_call() -> None:
    assert calls(call(0, "{", id="a", name="f"), call(0, "}", id="a")) == [("a", "f", "{}")]


def test_calls_without_an_index_begin_where_a_function_is_named() -> None:
    assert calls(call(None, "{", id="a", name="f"), call(None, "}"), call(None, "{}", name="g")) == [
        ("a", "f", "{}"),
        (None, "g", "{}"),
    ]
    assert calls(call(None, "{}")) == [(None, "", "{}")]


def test_arguments_sent_as_an_object_become_json_text() -> None:
    assert calls(call(0, {"x": "ä"}, id="a", name="f")) == [("a", "f", '{"x": "ä"}')]


def test_a_call_without_a_type_is_a_function_and_another_type_is_kept() -> None:
    custom = chunk({"tool_calls": [{"index": 0, "type": "custom"}, {"index": 1, "type": None}]})
    assert [call.type for call in fold(custom).reply.tool_calls] == ["custom", "function"]


@pytest.mark.parametrize("arguments", ["{", '{"a": "b', '{"a": [1, 2', '{"a": tru', "[", '{"a": 1'])
def test_a_call_cut_in_its_json_is_open(arguments: str) -> None:
    assert fold(call(0, arguments, name="f"), chunk(finish="length")).open_call == ("f", "length")


@pytest.mark.parametrize(
    "arguments", ["", " ", "{}", '{"a": 1}', "[1]", '{"a" 1}', '{"a": 1}}', "not json", "{'a': 1}"]
)
def test_a_call_that_is_whole_or_wrong_is_not_open(arguments: str) -> None:
    assert fold(text("hm"), call(0, arguments, name="f")).open_call is None


def test_an_open_call_without_a_name_is_open_all_the_same() -> None:
    assert fold(call(0, "{")).open_call == ("?", None)


def test_logprobs_are_appended_and_the_deltas_stay_as_they_came() -> None:
    first, second = {"content": [{"token": "a"}], "refusal": None}, {"content": [{"token": "b"}], "extra": [1]}
    decoder, folded = DeltaDecoder(RuntimeError), Fold()
    deltas = decoder.feed(text("a", logprobs=first) + text("b", logprobs=second) + text("c", logprobs={"refusal": 1}))
    for delta in deltas:
        folded.add(delta)
    assert folded.reply.choices[0].logprobs == {
        "content": [{"token": "a"}, {"token": "b"}],
        "refusal": 1,
        "extra": [1],
    }
    assert deltas[0].logprobs == first and deltas[1].logprobs == second


def test_a_null_in_later_logprobs_takes_nothing_away() -> None:
    folded = fold(text("a", logprobs={"content": [1]}), text("b", logprobs={"content": None}))
    assert folded.reply.choices[0].logprobs == {"content": [1]}


def test_logprobs_that_are_no_object_are_replaced() -> None:
    assert fold(text("a", logprobs=[1]), text("b", logprobs=[2])).reply.choices[0].logprobs == [2]
    assert fold(text("a", logprobs=[1]), text("b", logprobs={"x": 1})).reply.choices[0].logprobs == {"x": 1}


def test_a_reply_pickles_whole() -> None:
    folded = fold(GITHUB, call(0, "{}", id="a", name="f"))
    reply = folded.with_meta(ReplyMeta(attempts=2, request_id="r", headers={"x": "y"}))
    back = pickle.loads(pickle.dumps(reply))
    assert back == reply and back.meta == reply.meta and back.raw == reply.raw


def test_folding_costs_the_same_per_delta_however_long_the_reply() -> None:
    def seconds(count: int) -> float:
        deltas = DeltaDecoder(RuntimeError).feed(b"".join(text("word ") + call(0, "1,") for _ in range(count)))
        folded = Fold()
        began = time.process_time()
        for delta in deltas:
            folded.add(delta)
        return time.process_time() - began

    small, large = min(seconds(2_000) for _ in range(3)), min(seconds(16_000) for _ in range(3))
    assert large < small * 8 * 3


def test_an_empty_extra_field_does_not_hide_an_earlier_value() -> None:
    reply = fold(event({"choices": [], "note": [1]}), text("a", mark=1), chunk(finish="stop", mark=0), usage()).reply
    assert reply.raw.model_extra is not None and reply.raw.model_extra["note"] == [1]
    assert reply.raw.choices[0].model_extra == {"mark": 1}
