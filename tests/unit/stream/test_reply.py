"""`ChatReply`: the same value, streamed or whole."""

import dataclasses
import json
import pickle
from typing import Any

import pytest
from chat_events import GITHUB, chunk, event, text

from ghmodels_async.stream import ChatReply, DeltaDecoder, Fold, ReplyMeta
from ghmodels_async.stream.reply import ReplyChoice
from ghmodels_async.wire import ChatCompletion


def folded(stream: bytes) -> ChatReply:
    fold = Fold()
    for delta in DeltaDecoder(RuntimeError).feed(stream):
        fold.add(delta)
    return fold.reply


def whole(body: dict[str, Any], meta: ReplyMeta | None = None) -> ChatReply:
    return ChatReply.from_completion(ChatCompletion.model_validate_json(json.dumps(body)), meta)


MESSAGE = {"role": "assistant", "content": "<think>hm</think>\nGood ", "refusal": None}
BODY = {"id": "c-1", "model": "m-1", "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}]}


def test_a_whole_reply_equals_the_streamed_one_whatever_their_meta() -> None:
    reply = whole(BODY, ReplyMeta(attempts=3))
    assert reply == folded(text("<think>h") + text("m</think>\nGood ") + chunk(finish="stop"))
    assert (reply.text, reply.reasoning, reply.finish_reason) == ("Good ", "hm", "stop")
    assert reply.meta.attempts == 3
    assert reply.raw.choices[0].message.content == MESSAGE["content"]


def test_reasoning_is_read_from_wherever_it_is() -> None:
    def reply(**message: Any) -> ChatReply:
        return whole({"choices": [{"message": message, "finish_reason": ""}]})

    assert reply(content="<think>a</think>b").reasoning == "a"
    own = reply(content="<think>a</think>b", reasoning_content="c")
    assert (own.reasoning, own.text, own.finish_reason) == ("c", "<think>a</think>b", None)
    assert reply(content=None, reasoning="d").reasoning == "d"
    assert reply(content="x", reasoning={"odd": 1}).text == "x"
    content = [{"type": "thinking", "thinking": "e"}, {"type": "text", "text": "f"}]
    parts = reply(content=content)
    assert (parts.reasoning, parts.text) == ("e", "f")
    assert parts.raw.choices[0].message.content == content


def test_the_first_choice_speaks_for_the_reply() -> None:
    def choice(index: int, content: str) -> dict[str, Any]:
        return {"index": index, "message": {"content": content, "refusal": content}, "finish_reason": "stop"}

    reply = whole({"choices": [choice(1, "b"), choice(0, "a")]})
    assert (reply.text, reply.refusal, len(reply.choices)) == ("a", "a", 2)


def test_a_call_of_another_type_is_kept_without_a_function() -> None:
    call = {"id": "t", "type": "custom", "custom": {"name": "grep", "input": "x"}}
    (found,) = whole({"choices": [{"message": {"tool_calls": [call]}}]}).tool_calls
    assert (found.type, found.function.name) == ("custom", "")
    assert found.model_extra == {"custom": call["custom"]}


def test_a_reply_without_choices_is_empty() -> None:
    reply = whole({"choices": [], "id": "", "model": ""})
    assert (reply.text, reply.reasoning, reply.refusal, reply.tool_calls, reply.finish_reason) == ("", "", "", (), None)
    assert (reply.id, reply.model) == (None, None)
    assert reply.raw.choices == []


def test_a_streamed_reply_in_the_wires_own_shape() -> None:
    tool = {"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}
    raw = folded(GITHUB + b"").raw
    assert raw.choices[0].message.content == "Good morning 早 🌍"
    assert raw.usage is not None and raw.usage.total_tokens == 8
    raw = folded(chunk({"tool_calls": [tool]}) + chunk({"reasoning_content": "hm"}) + event({"choices": []})).raw
    message = raw.choices[0].message
    assert message.tool_calls is not None and message.tool_calls[0].function.arguments == "{}"
    assert (message.content, message.reasoning_content) == (None, "hm")
    assert raw.model_extra is not None and raw.model_extra["object"] == "chat.completion"


def test_a_whole_reply_pickles() -> None:
    reply = whole(BODY, ReplyMeta(queue_wait=1.5))
    back = pickle.loads(pickle.dumps(reply))
    assert back == reply and back.meta == reply.meta and back.raw == reply.raw


@pytest.mark.parametrize("of", [lambda reply: reply, lambda reply: reply.choices[0]], ids=["reply", "choice"])
def test_a_whole_reply_is_the_frozen_value_its_constructor_makes(of: Any) -> None:
    found = of(whole(BODY))
    given = {one.name: getattr(found, one.name) for one in dataclasses.fields(found)}
    assert type(found) in (ChatReply, ReplyChoice)
    assert found == type(found)(**given) == dataclasses.replace(found)
    assert repr(found) == repr(type(found)(**given))
    for name in (*given, "another"):
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            setattr(found, name, None)


def test_neither_meta_nor_raw_text_clutters_the_repr() -> None:
    assert "prompt_filter_results" not in repr(folded(GITHUB))
