"""What an endpoint is known to refuse, found before anything is spent."""

import pytest

from ghmodels_async import profiles
from ghmodels_async.profiles import check, is_plain
from ghmodels_async.wire import ChatRequest, EmbeddingsRequest

HELLO = [{"role": "user", "content": "Hello!"}]
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
ANSWERING = {"role": "tool", "tool_call_id": "1", "content": "x"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


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


def test_a_role_nobody_knows_is_found():
    assert fields_at_fault(messages=[*HELLO, {"role": "wizard", "content": "x"}]) == ["messages[1].role"]
    assert fields_at_fault(messages=[{"role": role, "content": "x"} for role in ("system", "developer")]) == []
    assert fields_at_fault(messages=[CALLING, ANSWERING]) == []


@pytest.mark.parametrize("field", ["model", "messages", "messages[].role", "messages[].content"])
def test_a_rule_for_what_every_request_has_judges_the_smallest_one(field):
    github = profiles.load("github")
    refusing = github.model_copy(update={"dialect": github.dialect.model_copy(update={"refuses": (field,)})})
    request = ChatRequest(model="openai/gpt-4o", messages=HELLO)
    assert check(github, request) == []
    assert is_plain(github, request)
    assert [problem.field.replace("[0]", "[]") for problem in check(refusing, request)] == [field]
    assert not is_plain(refusing, request)
    if field != "messages":  # which is no text
        choosing = github.model_copy(update={"choices": {field: ("nothing",)}})
        assert [problem.field.replace("[0]", "[]") for problem in check(choosing, request)] == [field]
        assert not is_plain(choosing, request)


@pytest.mark.parametrize("profile", profiles.names())
def test_nothing_speaks_against_a_request_that_is_plain(profile):
    loaded, found = profiles.load(profile), set()
    for role in ("system", "developer", "user", "assistant", "tool", "function", "nobody", None, ["user"]):
        for more in ({}, {"content": "x"}, {"content": []}, {"name": "x"}, {"content": "x", "name": "x"}):
            request = ChatRequest(model="openai/gpt-4o", messages=[*HELLO, {"role": role, **more}])
            if is_plain(loaded, request):
                assert check(loaded, request) == []
                found.add(role)
    assert found >= {"system", "user", "assistant"}
    assert not is_plain(loaded, ChatRequest(model="openai/gpt-4o", messages=HELLO, temperature=0))


def test_a_lone_message_of_a_tool_or_of_nobody_is_found_among_plain_ones():
    assert fields_at_fault(messages=[*HELLO, {"role": "tool", "content": "x"}]) == ["messages[1].tool_call_id"]
    assert fields_at_fault(messages=[*HELLO, {"name": "x", "content": "x"}]) == ["messages[1].role"]


def test_a_role_that_is_no_text_is_left_to_the_server():
    assert fields_at_fault(messages=[*HELLO, {"role": [], "content": "x"}]) == []


def test_tool_choice_is_a_documented_word_or_an_object():
    assert fields_at_fault(tool_choice="any") == ["tool_choice"]
    named = {"type": "function", "function": {"name": "f"}}
    assert fields_at_fault(tool_choice="auto") == fields_at_fault(tool_choice=named, tools=[TOOL]) == []


def test_more_stops_than_upstream_takes_are_found():
    assert fields_at_fault(stop=list("abcde")) == ["stop"]
    assert fields_at_fault(stop=list("abcd")) == fields_at_fault(stop="abcde") == []


def test_a_modality_the_model_does_not_speak_is_found():
    assert fields_at_fault(modalities=["text", "audio"]) == ["modalities"]
    assert fields_at_fault(modalities=["smell"]) == ["modalities", "modalities"]
    assert fields_at_fault(modalities=["text"]) == []


def test_a_ceiling_above_the_models_own_is_found_under_either_name():
    assert fields_at_fault(max_tokens=50_000) == ["max_tokens"]
    assert fields_at_fault(max_completion_tokens=50_000) == ["max_completion_tokens"]
    assert fields_at_fault(max_tokens=16_384) == []
    assert fields_at_fault(model="openai/gpt-5", max_tokens=100_001) == ["max_tokens"]


def test_a_ceiling_that_does_not_travel_is_not_judged_by_the_model():
    assert fields_at_fault(max_tokens=5, max_completion_tokens=50_000) == []


def test_a_ceiling_starts_at_one():
    assert fields_at_fault(max_tokens=0) == ["max_tokens"]


def strict_format(**schema):
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], **schema}
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        ([{"role": "user"}], "messages[0].content"),
        ([{"content": "x"}], "messages[0].role"),
        ([{"role": "user", "content": 3}], "messages[0].content"),
        ([{"role": "user", "content": ["x"]}], "messages[0].content[0].type"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "messages[0].content[0].image_url"),
        ([{"role": "assistant", "content": None}], "messages[0].content"),
        ([{"role": "assistant", "tool_calls": ["f"]}, ANSWERING], "messages[0].tool_calls"),
        ([*HELLO, ANSWERING], "messages[1].tool_call_id"),
        ([CALLING], "messages[1]"),
        ([CALLING, *HELLO], "messages[1].role"),
    ],
)
def test_messages_that_are_no_conversation_are_found(messages, place):
    assert fields_at_fault(messages=messages)[0] == place
    assert fields_at_fault("local", messages=messages) == []
    assert fields_at_fault(messages=messages, extra_body={"messages": HELLO}) == []


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": []}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {"name": "no spaces"}}]}, "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format.json_schema.name"),
        ({"response_format": strict_format()}, "response_format.json_schema.schema.additionalProperties"),
        (
            {"response_format": strict_format(additionalProperties=False, required=[])},
            "response_format.json_schema.schema.required",
        ),
    ],
)
def test_tools_and_formats_that_are_badly_declared_are_found(fields, place):
    assert fields_at_fault(**fields)[0] == place
    assert fields_at_fault("local", **fields) == []


def test_well_declared_tools_and_formats_pass():
    assert fields_at_fault(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "f"}}) == []
    assert fields_at_fault(response_format=strict_format(additionalProperties=False)) == []
    assert fields_at_fault(tool_choice="required", extra_body={"tools": [TOOL]}) == []
    asking = [{"role": "user", "content": [{"type": "text", "text": "Answer in JSON."}]}]
    assert fields_at_fault(messages=asking, response_format={"type": "json_object"}) == []


def test_what_is_no_short_value_is_not_quoted():
    secret = "my secret prompt " * 10
    request = ChatRequest(model="openai/gpt-4o", messages=[{"role": "user", "content": [{"type": secret}]}])
    assert secret[:20] not in "".join(map(str, check(profiles.load("github"), request)))
