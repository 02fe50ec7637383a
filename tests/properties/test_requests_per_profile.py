"""No invalid request leaves, no valid one is refused: random requests, every profile, two judges.

The first judge is a table in this file, transcribed from the sources a second time. The second, for the github profile,
is the simulated service itself: what `check` passes it must accept, and what `check` refuses it must refuse.
"""

import json
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghmodels_async import catalog, profiles
from ghmodels_async.profiles import check, to_body
from ghmodels_async.simulator.checks import Rules, check_chat
from ghmodels_async.simulator.roster import Roster
from ghmodels_async.wire import ChatRequest

# profile -> field -> what passes; a field that is absent always passes. Second transcription.
PENALTY = (-2, 2)
RULES = {
    "github": {
        "temperature": (0, 1), "top_p": (0, 1), "frequency_penalty": PENALTY, "presence_penalty": PENALTY,
        "n": (1, 128), "top_logprobs": (0, 20), "max_tokens": (1, inf), "max_completion_tokens": (1, inf),
    },
    "openai": {
        "temperature": (0, 2), "top_p": (0, 1), "frequency_penalty": PENALTY, "presence_penalty": PENALTY,
        "n": (1, 128), "top_logprobs": (0, 20), "max_tokens": (1, inf), "max_completion_tokens": (1, inf),
    },
    "openrouter": {"temperature": (0, 2), "top_p": (0, 1), "frequency_penalty": PENALTY, "presence_penalty": PENALTY},
    "google": {
        "temperature": (0, 2), "top_p": (0, 1), "frequency_penalty": None, "presence_penalty": None, "logit_bias": None,
    },
    "groq": {
        "temperature": (0, 2), "top_p": (0, 1), "n": (1, 1), "logprobs": None, "top_logprobs": None, "logit_bias": None,
    },
    "mistral": {"temperature": (0, 1.5)},
    "cerebras": {"frequency_penalty": None, "presence_penalty": None, "logit_bias": None, "parallel_tool_calls": None},
    "nvidia": {}, "local": {}, "foundry": {},
}  # fmt: skip
RULES["github-legacy"] = RULES["github"]

NUMBERS = st.one_of(st.sampled_from([-2, 0, 0.5, 1, 1.5, 2]), st.floats(-3, 3))
FIELDS = {
    "temperature": NUMBERS,
    "top_p": NUMBERS,
    "frequency_penalty": NUMBERS,
    "presence_penalty": NUMBERS,
    "n": st.integers(-1, 130),
    "top_logprobs": st.integers(-1, 22),
    "max_tokens": st.integers(-1, 4096),
    "max_completion_tokens": st.integers(-1, 4096),
    "logprobs": st.booleans(),
    "logit_bias": st.just({"50256": -100}),
    "parallel_tool_calls": st.booleans(),
    "seed": st.integers(0, 9),
    "stop": st.one_of(st.text(min_size=1, max_size=3), st.lists(st.sampled_from("abc"), max_size=4)),
}
SOME_FIELDS = st.fixed_dictionaries({}, optional=FIELDS)
MODEL = {"openrouter": "qwen/qwen3:free", "google": "gemini-2.5-flash"}


def request_of(profile, fields, model=None):
    model = model or MODEL.get(profile, "openai/gpt-4o")
    return ChatRequest(model=model, messages=[{"role": "user", "content": "Hello!"}], **fields)


WANTS_COMPLETION_TOKENS = {"openai", "cerebras"}  # for the models used here


def broken_rules(profile, fields):
    rules = RULES[profile]
    wanted, other = "max_tokens", "max_completion_tokens"
    if profile in WANTS_COMPLETION_TOKENS:
        wanted, other = other, wanted
    if wanted in fields:  # then the other one does not travel
        fields = {field: value for field, value in fields.items() if field != other}
    return {
        field
        for field, value in fields.items()
        if field in rules and (rules[field] is None or not rules[field][0] <= value <= rules[field][1])
    }


@pytest.mark.parametrize("profile", sorted(RULES))
@given(fields=SOME_FIELDS)
def test_check_finds_exactly_what_the_sources_say_is_refused(profile, fields):
    found = {problem.field for problem in check(profiles.load(profile), request_of(profile, fields))}
    assert found == broken_rules(profile, fields)


def test_every_shipped_profile_has_rules_here():
    assert set(RULES) == set(profiles.names())


@pytest.mark.parametrize("profile", sorted(RULES))
@given(fields=SOME_FIELDS, stream=st.booleans())
def test_what_travels_is_what_was_asked(profile, fields, stream):
    shipped = profiles.load(profile)
    body = json.loads(to_body(request_of(profile, fields), shipped, stream))
    ceilings = {"max_tokens", "max_completion_tokens"}
    for field in fields.keys() - ceilings - {"stop"}:
        assert body[field] == fields[field]
    assert len(ceilings & body.keys()) == bool(ceilings & fields.keys())
    if "stop" in fields:
        assert isinstance(body["stop"], list)
    assert body.get("stream", False) is stream
    assert ("stream_options" in body) == (stream and shipped.dialect.usage_in_stream)


ROSTER = Roster(profiles.load("github"), "enterprise")
CHAT_MODELS = sorted(card.id for card in catalog.cards() if card.available and card.chats)
WIDE_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        **FIELDS,
        "max_tokens": st.one_of(st.integers(-1, 2), st.integers(0, 120_000)),
        "max_completion_tokens": st.one_of(st.integers(-1, 2), st.integers(0, 120_000)),
        "stop": st.lists(st.sampled_from("abcdef"), max_size=6),
        "modalities": st.lists(st.sampled_from(["text", "audio"]), min_size=1, max_size=2, unique=True),
        "tool_choice": st.sampled_from(["auto", "none"]),
    },
)


@settings(max_examples=300)
@given(fields=WIDE_FIELDS, model=st.sampled_from(CHAT_MODELS))
def test_the_simulated_service_agrees_about_every_request(fields, model):
    profile = profiles.load("github")
    request = request_of("github", fields, model)
    body = json.loads(to_body(request, profile, False))
    objection = check_chat(body, ROSTER.find(model), Rules(profile.ranges))
    assert (objection is not None) == bool(check(profile, request)), objection and objection.body


TEXTS = st.sampled_from(["Hello!", "Answer in JSON.", ""])
PARTS = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXTS),
    st.just({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}),
    st.sampled_from([{"type": "hologram", "hologram": {}}, {"type": "text"}, "no part"]),
)
CALLS = st.lists(
    st.one_of(
        st.builds(lambda id: {"id": id, "function": {"name": "f", "arguments": "{}"}}, st.sampled_from("12")),
        st.sampled_from([{"id": "1"}, {"id": "1", "function": {"name": "f"}}]),
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda call: call["id"],
)
#: Turns that are right by themselves and may be wrong together, and single messages that may be wrong in every way.
TURNS = st.one_of(
    st.builds(lambda text: [{"role": "user", "content": text}], TEXTS),
    st.builds(lambda parts: [{"role": "user", "content": parts}], st.lists(PARTS, max_size=2)),
    st.builds(
        lambda calls, answered: [
            {"role": "assistant", "content": None, "tool_calls": calls},
            *({"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in calls if answered),
        ],
        CALLS,
        st.sampled_from([True, True, True, False]),
    ),
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "role": st.sampled_from(["user", "assistant", "tool", "developer", "wizard"]),
                "content": st.one_of(TEXTS, st.none(), st.just(3)),
                "tool_calls": CALLS,
                "tool_call_id": st.sampled_from("12"),
                "refusal": st.just("No."),
            },
        ),
        max_size=1,
    ),
)
SCHEMAS = st.recursive(
    st.sampled_from([{"type": "string"}, {"type": "integer"}]),
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda one: {"anyOf": [one]}, inner),
        st.builds(
            lambda name, one, closed, required: {
                "type": "object", "properties": {name: one}, "additionalProperties": not closed,
                "required": [name] if required else [],
            },
            st.sampled_from(["a", "type"]), inner, st.sampled_from([True] * 4 + [False]),
            st.sampled_from([True] * 4 + [False]),
        ),
    ),
    max_leaves=4,
)  # fmt: skip
NAMES = st.sampled_from(["f", "g", "no spaces", "", "x" * 65])
TOOLS = st.builds(
    lambda kind, name, parameters, strict: {
        "type": kind, "function": {"name": name, "parameters": parameters, "strict": strict},
    },
    st.sampled_from(["function"] * 4 + ["hammer"]), NAMES, SCHEMAS, st.booleans(),
)  # fmt: skip
TALKS = st.lists(TURNS, min_size=1, max_size=3).map(lambda turns: [one for turn in turns for one in turn])
SHAPES = st.fixed_dictionaries(
    {"messages": st.one_of(st.just([{"role": "user", "content": "In JSON."}]), TALKS)},
    optional={
        "tools": st.lists(TOOLS, max_size=2),
        "tool_choice": st.one_of(
            st.sampled_from(["auto", "none", "required", "any"]),
            st.builds(lambda name: {"type": "function", "function": {"name": name}}, NAMES),
        ),
        "response_format": st.one_of(
            st.sampled_from([{"type": "text"}, {"type": "json_object"}, {"type": "xml"}, {"type": "json_schema"}]),
            st.builds(
                lambda name, schema, strict: {
                    "type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": strict},
                },
                NAMES, SCHEMAS, st.booleans(),
            ),
        ),
    },
)  # fmt: skip


@settings(max_examples=500)
@given(shapes=SHAPES.filter(lambda shapes: shapes["messages"]))
def test_the_simulated_service_agrees_about_every_conversation_tool_and_format(shapes):
    profile = profiles.load("github")
    request = ChatRequest(model="openai/gpt-4o", **shapes)
    body = json.loads(to_body(request, profile, False))
    objection = check_chat(body, ROSTER.find("openai/gpt-4o"), Rules(profile.ranges))
    found = check(profile, request)
    assert (objection is not None) == bool(found), (objection and objection.body, found)
