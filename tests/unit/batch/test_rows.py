"""From one line to one request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ghmodels_async.batch import Recipe, RowError, Template
from ghmodels_async.batch.rows import CHAT_URL, EMBEDDINGS_URL, Job, RawRow, row_hash
from ghmodels_async.errors import ConfigurationError
from ghmodels_async.wire import ChatRequest, EmbeddingsRequest


def raw(value: Any, ordinal: int = 4) -> RawRow:
    data = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    return RawRow(ordinal, ordinal + 3, data)


def job(value: Any, **recipe: Any) -> Job:
    return Recipe(**recipe).job(raw(value))


def refused(value: Any, **recipe: Any) -> str:
    with pytest.raises(RowError) as caught:
        job(value, **recipe).request("m")
    assert caught.value.line == 7
    return caught.value.why


def test_a_prompt_line_becomes_one_user_message() -> None:
    made = job({"prompt": "hi", "temperature": 0.5, "id": 17})
    assert (made.custom_id, made.url, made.model) == ("17", CHAT_URL, None)
    request = made.request("m")
    assert isinstance(request, ChatRequest)
    assert request.model == "m"
    assert list(request.messages) == [{"role": "user", "content": "hi"}]
    assert request.temperature == 0.5


def test_a_messages_line_keeps_its_messages() -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    assert job({"messages": messages}).body["messages"] == messages


def test_chat_messages_under_input_are_a_chat() -> None:
    made = job({"input": [{"role": "user", "content": "u"}], "ideal": "x"})
    assert made.url == CHAT_URL
    assert made.ignored == ("ideal",)


def test_texts_under_input_are_embeddings() -> None:
    made = job({"input": ["a", "b"], "dimensions": 8, "temperature": 1})
    assert made.url == EMBEDDINGS_URL
    request = made.request("e")
    assert isinstance(request, EmbeddingsRequest)
    assert (list(request.input), request.dimensions) == (["a", "b"], 8)
    assert made.ignored == ("temperature",)


def test_an_openai_batch_line_is_taken_as_it_is() -> None:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "u"}], "max_tokens": 5, "stream": True}
    line = {"custom_id": "c", "method": "POST", "url": "/v1/chat/completions", "body": body}
    made = job(line)
    assert (made.custom_id, made.model) == ("c", "gpt-4o")
    request = made.request("other")
    assert request.model == "gpt-4o"
    assert isinstance(request, ChatRequest)
    assert request.stream is None, "how an answer travels is not the row's business"


def test_an_openai_embeddings_line_is_one() -> None:
    line = {"custom_id": "c", "method": "POST", "url": "/v1/embeddings", "body": {"model": "e", "input": "x"}}
    assert job(line).embeddings


def test_parameters_fill_what_a_row_leaves_open() -> None:
    body = {"messages": [{"role": "user", "content": "u"}], "temperature": 0.9}
    line = {"custom_id": "c", "url": "/v1/chat/completions", "body": body}
    for value in (line, body):
        made = job(value, parameters={"temperature": 0.1, "max_tokens": 9})
        assert (made.body["temperature"], made.body["max_tokens"]) == (0.9, 9)


def test_parameters_of_chat_do_not_reach_embeddings() -> None:
    assert "temperature" not in job({"input": "x"}, parameters={"temperature": 0.1}).body


def test_a_system_message_is_put_before_rows_without_one() -> None:
    system = Template("You are {{role}}.")
    assert job({"prompt": "p", "role": "kind"}, system=system).body["messages"][0] == {
        "role": "system",
        "content": "You are kind.",
    }
    told = [{"role": "developer", "content": "d"}, {"role": "user", "content": "u"}]
    assert job({"messages": told}, system=Template("s")).body["messages"] == told


def test_a_template_makes_the_prompt_of_variables() -> None:
    made = job({"q": "why", "temperature": "hot"}, template=Template("Q: {{q}}"))
    assert made.body == {"messages": [{"role": "user", "content": "Q: why"}]}


def test_a_template_without_its_variable_names_what_the_row_has() -> None:
    assert refused({"a": 1, "b": 2}, template=Template("{{q}}")) == "the template needs 'q'; the row has a, b"


def test_the_run_may_override_the_model_of_a_row() -> None:
    line = {"custom_id": "c", "body": {"model": "a", "messages": [{"role": "user", "content": "u"}]}}
    assert job(line, override_model=True).request("b").model == "b"


def test_a_named_field_is_the_id() -> None:
    assert job({"prompt": "p", "task": "t1", "id": "no"}, id_field="task").custom_id == "t1"
    assert "no 'task' to name it by" in refused({"prompt": "p"}, id_field="task")


def test_a_row_without_any_id_is_named_by_its_place() -> None:
    assert job({"prompt": "p"}).custom_id == "row-5"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b'{"prompt": ', "not JSON: EOF while parsing a value at column 11"),
        (b"\xff{}", "not JSON: expected value at column 1"),
        ([1], "expected a JSON object, found a list"),
        (7, "expected a JSON object, found a number"),
        ({"question": "x"}, '"input"; it has question'),
        ({}, "it has no fields"),
        ({"prompt": 3}, '"prompt" must be text, found a number'),
        ({"messages": "x"}, '"messages" must be a list, found a text'),
        ({"messages": []}, "messages: "),
        ({"messages": [{"role": "user", "content": "u"}], "temperature": "hot"}, "temperature: "),
        ({"body": []}, '"body" must be an object, found a list'),
        ({"body": {}}, '"custom_id" must be a non-empty text'),
        ({"body": {}, "custom_id": 1}, '"custom_id" must be a non-empty text'),
        ({"body": {}, "custom_id": "c", "method": "GET"}, '"method" must be "POST", found \'GET\''),
        ({"body": {}, "custom_id": "c", "url": "/v1/responses"}, "neither chat completions nor embeddings"),
        ({"body": {}, "custom_id": "c", "extra": 1}, "unknown fields beside body: extra"),
        ({"body": {"messages": [{"role": "user"}], "temprature": 1}, "custom_id": "c"}, "temprature: "),
    ],
)
def test_what_is_wrong_with_a_row_is_said_in_one_sentence(value: Any, why: str) -> None:
    assert why in refused(value)


def test_the_hash_tells_rows_apart() -> None:
    hashes = {row_hash(f"row {n}".encode()) for n in range(10_000)}
    assert len(hashes) == 10_000
    assert all(0 <= each < 2**64 for each in hashes)


def test_a_parameter_that_is_no_field_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigurationError, match="'temprature' is no field") as caught:
        Recipe(parameters={"temprature": 1})
    assert "Did you mean 'temperature'?" in caught.value.fix
    with pytest.raises(ConfigurationError) as caught:
        Recipe(parameters={"wholly_unknown": 1})
    assert "Did you mean" not in caught.value.fix
    assert "extra_body" in caught.value.fix


def test_fields_only_the_server_knows_travel_in_extra_body() -> None:
    extra = {"top_k": 40}
    for value, recipe in (
        ({"prompt": "hi"}, {"parameters": {"extra_body": extra}}),
        ({"prompt": "hi", "extra_body": extra}, {}),
    ):
        made = job(value, **recipe)
        assert made.ignored == ()
        assert made.request("m").extra_body == extra
    assert job({"input": "hi", "extra_body": extra}).request("m").extra_body == extra
