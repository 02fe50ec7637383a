"""What an endpoint is known to refuse, found before anything is spent."""

import pytest

from ghmodels_async import profiles
from ghmodels_async.profiles import check
from ghmodels_async.wire import ChatRequest, EmbeddingsRequest

HELLO = [{"role": "user", "content": "Hello!"}]


def fields_at_fault(profile="github", model="openai/gpt-4o", **fields):
    request = ChatRequest(model=model, messages=fields.pop("messages", HELLO), **fields)
    return [problem.field for problem in check(profiles.load(profile), request)]


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [("temperature", 0, 1), ("top_p", 0, 1), ("frequency_penalty", -2, 2), ("presence_penalty", -2, 2)],
)
def test_githubs_documented_ranges_are_inclusive(field, low, high):
    assert fields_at_fault(**{field: low}) == fields_at_fault(**{field: high}) == []
    assert fields_at_fault(**{field: low - 0.01}) == fields_at_fault(**{field: high + 0.01}) == [field]


def test_the_same_value_may_be_fine_elsewhere():
    assert fields_at_fault("openai", temperature=1.5) == []
    assert fields_at_fault("mistral", temperature=1.5) == []
    assert fields_at_fault("mistral", temperature=1.6) == ["temperature"]
    assert fields_at_fault("local", temperature=9) == []


def test_nan_is_in_no_range():
    assert fields_at_fault(temperature=float("nan")) == ["temperature"]


def test_extra_body_bypasses_the_check():
    assert fields_at_fault(temperature=9, extra_body={"temperature": 1.7}) == []


@pytest.mark.parametrize("model", ["openai/o3-mini", "gpt-5", "openai/gpt-5-nano"])
def test_reasoning_models_take_only_the_default_temperature(model):
    assert fields_at_fault(model=model, temperature=0.5) == ["temperature"]
    assert fields_at_fault(model=model, temperature=1) == fields_at_fault(model=model) == []


def test_a_chat_model_of_the_same_family_takes_any_temperature():
    assert fields_at_fault(model="openai/gpt-5-chat", temperature=0.5) == []


def test_fields_groq_answers_with_400_are_found():
    assert fields_at_fault("groq", logprobs=True, top_logprobs=2, logit_bias={"1": 1}) == [
        "logprobs", "logit_bias", "top_logprobs",
    ]  # fmt: skip
    assert fields_at_fault("groq", n=2) == ["n"]
    assert fields_at_fault("groq", n=1) == []


def test_a_refused_key_of_a_message_is_found_where_it_is():
    messages = [{"role": "user", "content": "a"}, {"role": "user", "content": "b", "name": "Ada"}]
    assert fields_at_fault("groq", messages=messages) == ["messages[1].name"]
    assert fields_at_fault("github", messages=messages) == []


def test_a_problem_reads_as_field_value_and_what_is_allowed():
    request = ChatRequest(model="openai/gpt-4o", messages=HELLO, temperature=1.5)
    (problem,) = check(profiles.load("github"), request)
    assert str(problem) == "temperature = 1.5: from 0 to 1"


def embeddings_at_fault(texts):
    request = EmbeddingsRequest(model="openai/text-embedding-3-small", input=texts)
    return [problem.field for problem in check(profiles.load("github"), request)]


def test_embeddings_take_up_to_the_cap_of_texts():
    assert embeddings_at_fault(["a"] * 2048) == []
    assert embeddings_at_fault(["a"] * 2049) == ["input"]


def test_embeddings_take_no_empty_text():
    assert embeddings_at_fault(["a", ""]) == ["input[1]"]
    assert embeddings_at_fault("") == ["input[0]"]
    assert embeddings_at_fault([]) == ["input"]
