"""What the service refuses, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ghmodels_async.simulator import DISABLED_ORGANIZATION

Open = Callable[..., Any]
USER = {"role": "user", "content": "hi"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
STRICT = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("token", "status", "code", "message"),
    [
        (None, 401, "unauthorized", "Bad credentials"),
        ("ghp_bad_credentials", 401, "unauthorized", "Bad credentials"),
        ("github_pat_expired", 401, "unauthorized", "Bad credentials"),
        (
            "gho-no-models-permission",
            401,
            "unauthorized",
            "The `models` permission is required to access this endpoint",
        ),
        ("ghp_no_access", 403, "no_access", "No access to model: openai/gpt-4.1-mini"),
    ],
)
def test_tokens_that_ask_for_it_are_refused_as_captured(
    desk: Open, token: str | None, status: int, code: str, message: str
) -> None:
    asked = desk()
    answer = asked.ask(token=token)
    assert answer.status == status
    assert asked.json(answer) == {"error": {"code": code, "message": message, "details": message}}
    assert not asked.last.admitted


def test_a_spent_budget_has_no_code(desk: Open) -> None:
    asked = desk()
    answer = asked.ask(token="no-budget")
    assert answer.status == 403
    assert set(asked.json(answer)["error"]) == {"message"}


def test_a_disabled_organisation_and_token_say_so(desk: Open) -> None:
    asked = desk()
    for answer in (
        asked.ask(token="models-disabled"),
        asked.ask(path=f"/orgs/{DISABLED_ORGANIZATION}/inference/chat/completions"),
    ):
        assert answer.status == 403
        assert asked.json(answer) == {"message": "GitHub Models is disabled"}


def test_a_key_in_the_profiles_own_header_is_a_key(desk: Open) -> None:
    assert desk("foundry").ask(token=None, headers={"api-key": "k"}, model="gpt-4o").status == 200
    assert desk("local").ask(token=None, model="m").status == 200
    refused = desk("openai").ask(token="expired", model="gpt-4o")
    assert refused.status == 401 and b"invalid_api_key" in refused.body


@pytest.mark.parametrize("status", [404, 400])
def test_an_unknown_model_is_named(desk: Open, status: int) -> None:
    asked = desk(unknown_model_status=status)
    answer = asked.ask(model="openai/gpt-9")
    assert answer.status == status
    assert asked.json(answer)["error"]["message"] == "Unknown model: openai/gpt-9"


def test_a_model_that_only_documents_name_is_unknown(desk: Open) -> None:
    assert desk().ask(model="anthropic/claude-3.5-sonnet").status == 404


def test_short_names_are_served(desk: Open) -> None:
    assert desk().ask(model="gpt-4o-mini").status == 200


def test_a_service_without_catalog_does_not_know_models_that_say_so(desk: Open) -> None:
    assert desk("groq").ask(model="no-such-model-7").status == 404


def test_an_unknown_path_is_not_found(desk: Open) -> None:
    assert desk().ask(path="/nowhere").status == 404
    assert desk().ask(method="GET", path="/inference/chat/completions").status == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(desk: Open, body: bytes) -> None:
    assert desk().ask(body).status == 400


@pytest.mark.parametrize(
    ("fields", "code", "part"),
    [
        ({"model": ""}, None, "you must provide a model parameter"),
        ({"messages": []}, "empty_array", "Invalid 'messages': empty array"),
        ({"messages": None}, "missing_required_parameter", "Missing required parameter: 'messages'"),
        ({"messages": "hi"}, "invalid_type", "expected an array of objects"),
        ({"messages": ["hi"]}, "invalid_type", "messages[0]"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "invalid_value", "Invalid value: 'robot'"),
        ({"messages": [{"role": "user"}]}, "invalid_type", "expected a string, got null"),
        ({"messages": [{"role": "user", "content": 7}]}, "invalid_type", "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "invalid_value", "Invalid value: 'video'"),
        ({"temperature": 1.5}, "decimal_above_max_value", "Expected a value <= 1, but got 1.5 instead"),
        ({"top_p": -0.1}, "decimal_below_min_value", "Expected a value >= 0"),
        ({"n": 0}, "integer_below_min_value", "Expected a value >= 1"),
        ({"temperature": "hot"}, "invalid_type", "expected a decimal, but got a string instead"),
        ({"stream": 1}, "invalid_type", "expected a boolean, but got an integer"),
        ({"max_tokens": True}, "invalid_type", "expected an integer, but got a boolean"),
        ({"max_tokens": 50000}, "invalid_value", "max_tokens is too large: 50000. This model supports at most 32768"),
        ({"stream_options": {"include_usage": True}}, None, "only allowed when 'stream' is enabled"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "array_above_max_length", "maximum length 4"),
        ({"stop": [1]}, "invalid_type", "expected an array of strings"),
        ({"colour": "red"}, None, "Unrecognized request argument supplied: colour"),
        ({"tools": []}, "empty_array", "Invalid 'tools'"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "tools[0].function"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "invalid_value", "does not match pattern"),
        ({"tool_choice": "required"}, None, "only allowed when 'tools' are specified"),
        ({"tools": [TOOL], "tool_choice": "always"}, "invalid_value", "'none', 'auto', and 'required'"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "invalid_value",
            "Tool choice 'g' not found",
        ),
        ({"response_format": {"type": "xml"}}, "invalid_value", "'json_object', 'json_schema', and 'text'"),
        ({"response_format": {"type": "json_object"}}, None, "must contain the word 'json'"),
        ({"response_format": {"type": "json_schema"}}, "missing_required_parameter", "response_format.json_schema"),
    ],
)
def test_a_field_that_upstream_would_not_take_is_refused(
    desk: Open, fields: dict[str, Any], code: str | None, part: str
) -> None:
    asked = desk()
    answer = asked.ask(**fields)
    error = asked.json(answer)["error"]
    assert (answer.status, error["code"]) == (400, code)
    assert part in error["message"]


def test_an_unknown_field_passes_when_the_caller_says_so_or_the_service_is_lenient(desk: Open) -> None:
    assert desk().ask(colour="red", headers={"extra-parameters": "pass-through"}).status == 200
    assert desk("openrouter").ask(model="m:free", top_k=5).status == 200


def test_reasoning_models_refuse_max_tokens_and_temperature_in_the_captured_words(desk: Open) -> None:
    asked = desk(plan="enterprise")
    model = {"model": "openai/o4-mini"}
    refused = asked.json(asked.ask(**model, max_tokens=5))["error"]
    assert refused["message"] == (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )
    refused = asked.json(asked.ask(**model, temperature=0.5))["error"]
    assert refused == {
        "message": "Unsupported value: 'temperature' does not support 0.5 with this model. "
        "Only the default (1) value is supported.",
        "type": "invalid_request_error",
        "param": "temperature",
        "code": "unsupported_value",
    }
    assert asked.ask(**model, temperature=1, max_completion_tokens=9).status == 200


def test_a_modality_the_model_lacks_is_422_and_a_part_it_lacks_is_400(desk: Open) -> None:
    asked = desk()
    assert asked.ask(modalities=["text", "audio"]).status == 422
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}
    assert asked.ask(model="microsoft/phi-4", messages=[image]).status == 400
    assert asked.ask(messages=[image]).status == 200


@pytest.mark.parametrize(
    ("messages", "part"),
    [
        ([USER, {"role": "tool", "tool_call_id": "call_1", "content": "x"}], "must be a response to a preceeding"),
        ([USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, USER], "did not have response messages"),
        ([USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}], "call_1"),
        ([USER, {"role": "assistant", "content": None, "tool_calls": [{}]}], "messages[1].tool_calls"),
    ],
)
def test_a_conversation_that_loses_a_tool_result_is_refused(desk: Open, messages: list[Any], part: str) -> None:
    asked = desk()
    answer = asked.ask(messages=messages, tools=[TOOL])
    assert answer.status == 400 and part in asked.json(answer)["error"]["message"]


@pytest.mark.parametrize(
    ("schema", "part"),
    [
        ({**STRICT, "required": []}, "Missing 'a'"),
        ({**STRICT, "additionalProperties": True}, "In context=(), 'additionalProperties' is required"),
        ({"type": "array"}, "got 'type: \"array\"'"),
        ({**STRICT, "properties": {"a": {"type": "object"}}}, "In context=('properties', 'a')"),
        ({**STRICT, "$defs": {"b": {"type": "object", "properties": {}}}}, "In context=('$defs', 'b')"),
    ],
)
def test_a_strict_schema_has_to_be_strict_all_the_way_down(desk: Open, schema: dict[str, Any], part: str) -> None:
    asked = desk()
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": schema}}
    refused = asked.ask(response_format=wanted)
    assert refused.status == 400 and part in asked.json(refused)["error"]["message"]
    loose = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    assert asked.ask(response_format=loose).status == 200
    tool = {"type": "function", "function": {"name": "f", "strict": True, "parameters": schema}}
    refused = asked.ask(tools=[tool])
    assert refused.status == 400 and "Invalid schema for function 'f'" in asked.json(refused)["error"]["message"]


@pytest.mark.parametrize("name", ["", "has space", "x" * 65])
def test_a_schema_needs_a_plain_name(desk: Open, name: str) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": name, "schema": STRICT}}
    assert desk().ask(response_format=wanted).status == 400


def test_a_faulty_request_still_costs_quota(desk: Open) -> None:
    asked = desk()
    for _ in range(15):
        assert asked.ask(temperature=9).status == 400
    assert asked.ask(temperature=9).status == 429


@pytest.mark.parametrize(
    ("profile", "header", "part"),
    [
        ("openai-like", "retry-after", "on requests per min (RPM): Limit 1, Used 1, Requested 1. Please try again in"),
        ("openrouter", "x-ratelimit-reset", "Rate limit exceeded: free-models-per-min"),
        ("google", None, "Please retry in"),
    ],
)
def test_other_services_refuse_in_their_own_dialect(desk: Open, profile: str, header: str | None, part: str) -> None:
    asked = desk("groq" if profile == "openai-like" else profile)
    for kind in ("FreeModelsPerMinute", "x"):
        asked.simulation.set_limit(kind, 1)
    quota = asked.simulation.profile.quota_of("m:free", asked.simulation.plan)
    asked.simulation.set_limit(quota.rates[0].type, 1)
    asked.ask(model="m:free")
    answer = asked.ask(model="m:free")
    assert answer.status == 429 and asked.last.limit == quota.rates[0].type
    body = asked.json(answer)
    error = body[0]["error"] if isinstance(body, list) else body["error"]
    assert part in error["message"]
    assert header is None or header in answer.headers
