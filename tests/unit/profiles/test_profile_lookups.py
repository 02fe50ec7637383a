"""`row_of`, `quota_of`, `wire_model`: which row a model gets, and what that costs."""

import pickle

import pytest
from pydantic import ValidationError

from ghmodels_async import profiles


@pytest.fixture
def github():
    return profiles.load("github")


@pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "gpt-4o-mini", "OpenAI/GPT-4o-Mini"])
def test_a_model_has_the_same_row_under_every_name(github, model):
    assert github.row_of(model) == "low"


def test_a_model_nobody_knows_gets_the_default_row(github):
    assert github.row_of("nobody/knows-this") == "high"


def test_the_guides_models_have_the_row_the_guide_gives_them(github):
    assert github.row_of("anthropic/claude-3.5-sonnet") == "high"
    assert github.row_of("meta/llama-3.1-8b") == "low"


def test_a_model_that_is_not_offered_on_a_plan_has_no_quota(github):
    assert github.quota_of("openai/o3", "free") is None
    assert github.quota_of("openai/o3", "pro").concurrent == 1


def test_an_unknown_plan_is_a_key_error_even_after_the_row_was_seen(github):
    github.quota_of("openai/gpt-4o", "free")
    with pytest.raises(KeyError, match="gold"):
        github.quota_of("openai/gpt-4o", "gold")


def test_models_of_one_row_share_one_quota(github):
    assert github.quota_of("openai/gpt-4o", "free") is github.quota_of("openai/gpt-4.1", "free")


def test_a_row_without_models_is_only_bound_by_the_account():
    nvidia = profiles.load("nvidia")
    assert nvidia.row_of("any/model") is None
    assert [rate.scope for rate in nvidia.quota_of("any/model", "free").rates] == ["account"]


def test_an_endless_stream_of_ids_does_not_fill_memory(github):
    for number in range(10_000):
        github.row_of(f"made-up/{number}")
    assert len(github._row_by_model) <= 4096


def test_the_more_special_glob_stands_first():
    google = profiles.load("google")
    assert google.row_of("gemini-2.5-flash-lite-001") == "gemini-2.5-flash-lite"
    assert google.row_of("models/gemini-2.5-flash") == "gemini-flash"


def test_a_profile_is_frozen_and_pickles(github):
    with pytest.raises(ValidationError):
        github.name = "other"
    assert pickle.loads(pickle.dumps(github)) == github


@pytest.mark.parametrize(
    ("model", "completion"),
    [
        ("openai/gpt-5-mini", True),
        ("o3-mini", True),
        ("openai/o1", True),
        ("openai/gpt-4o", False),
        ("mistral-ai/codestral-2501", False),
        ("microsoft/phi-4-mini-reasoning", False),
    ],
)
def test_reasoning_models_want_the_other_name_of_the_ceiling(github, model, completion):
    assert github.dialect.wants_completion_tokens(model) is completion


def test_a_changed_copy_looks_up_anew(github):
    assert github.row_of("openai/gpt-4o") == "high"
    github.quota_of("openai/gpt-4o", "free")
    changed = github.model_copy(update={"models": {"openai/gpt-4o": "low"}, "account": ()})
    assert changed.row_of("openai/gpt-4o") == "low"
    assert [rate.amount for rate in changed.quota_of("openai/gpt-4o", "free").rates] == [15, 150]
    assert github.row_of("openai/gpt-4o") == "high"
