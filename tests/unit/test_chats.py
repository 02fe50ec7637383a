"""Messages of prompts and replies."""

from ghmodels_async.chats import message_of, messages_of
from ghmodels_async.stream import ChatReply
from ghmodels_async.wire import ChatCompletion, ChatMessage


def reply(**message: object) -> ChatReply:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}]}
    return ChatReply.from_completion(ChatCompletion.model_validate(body))


def test_a_prompt_is_one_users_message() -> None:
    assert messages_of("hi") == [{"role": "user", "content": "hi"}]


def test_messages_are_copied_and_a_replys_own_message_counts_as_one() -> None:
    given = {"role": "user", "content": "hi"}
    said = ChatMessage.model_validate({"content": "yes", "reasoning_content": "hm", "annotations": []})
    made = messages_of([given, said])
    assert made == [given, {"role": "assistant", "content": "yes"}]
    assert made[0] is not given


def test_a_reply_goes_on_as_an_assistants_message_without_its_reasoning() -> None:
    assert message_of(reply(content="yes", reasoning_content="hm")) == {"role": "assistant", "content": "yes"}
    assert message_of(reply(content=None)) == {"role": "assistant", "content": ""}
    assert message_of(reply(content=None, refusal="no")) == {"role": "assistant", "content": None, "refusal": "no"}


def test_tool_calls_go_on_as_plain_values() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert message_of(reply(content=None, tool_calls=[call])) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
