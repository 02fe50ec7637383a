"""The other profiles against a second transcription of what was published, one line per model."""

import pytest

from ghmodels_async import profiles

MINUTE, HOUR, DAY, MONTH = 60.0, 3600.0, 86400.0, 31 * 86400.0

FREE_OF_OPENROUTER = {("requests", MINUTE): 20, ("requests", DAY): 50}
TOPPED_UP = {("requests", MINUTE): 20, ("requests", DAY): 1000}

# profile, plan, model, {(unit, window): amount}, scope of all, anchor of the day
PUBLISHED = [
    ("openrouter", "free", "deepseek/deepseek-r1:free", FREE_OF_OPENROUTER, "account", "utc"),
    ("openrouter", "topped-up", "qwen/qwen3:free", TOPPED_UP, "account", "utc"),
    *[
        (
            "google", "free", model,
            {("requests", MINUTE): minute, ("requests", DAY): day, ("tokens", MINUTE): tokens}, "model", "us-pacific",
        )
        for model, minute, day, tokens in [
            ("gemini-3.5-flash", 5, 20, 250_000),
            ("gemini-3-flash", 5, 20, 250_000),
            ("gemini-2.5-flash", 5, 20, 250_000),
            ("gemini-3.1-flash-lite", 15, 500, 250_000),
            ("gemini-2.5-flash-lite", 10, 20, 250_000),
            ("gemma-3-27b-it", 30, 14_400, 15_000),
        ]
    ],
    *[
        (
            "groq", "free", model,
            {("requests", MINUTE): 30, ("requests", DAY): day, ("tokens", MINUTE): tokens}, "model", "rolling",
        )
        for model, day, tokens in [
            ("llama-3.1-8b-instant", 14_400, 6_000),
            ("llama-3.3-70b-versatile", 1_000, 12_000),
            ("openai/gpt-oss-120b", 1_000, 8_000),
            ("openai/gpt-oss-20b", 1_000, 8_000),
            ("something-new", 1_000, 6_000),
        ]
    ],
    (
        "cerebras", "free", "gpt-oss-120b",
        {
            ("requests", MINUTE): 30, ("requests", HOUR): 900, ("requests", DAY): 14_400,
            ("tokens", MINUTE): 60_000, ("tokens", HOUR): 1_000_000, ("tokens", DAY): 1_000_000,
        },
        "model", "rolling",
    ),
    (
        "mistral", "free", "mistral-small-latest",
        {("requests", 1.0): 1, ("tokens", MINUTE): 500_000, ("tokens", MONTH): 1_000_000_000}, "model", "rolling",
    ),
    ("nvidia", "free", "meta/llama-3.1-8b-instruct", {("requests", MINUTE): 40}, "account", "rolling"),
    ("local", "local", "anything", {}, "model", "rolling"),
    ("openai", "tier-1", "gpt-4o", {}, "model", "rolling"),
    ("foundry", "deployment", "my-deployment", {}, "model", "rolling"),
]  # fmt: skip

ADDRESSES = {
    "github": ("https://models.github.ai/inference", "GITHUB_TOKEN"),
    "github-legacy": ("https://models.inference.ai.azure.com", "GITHUB_TOKEN"),
    "foundry": (None, "AZURE_AI_API_KEY"),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "google": ("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "cerebras": ("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "nvidia": ("https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "local": ("http://127.0.0.1:11434/v1", None),
}


@pytest.mark.parametrize(("name", "plan", "model", "amounts", "scope", "anchor"), PUBLISHED)
def test_the_limits_of_a_model_equal_what_was_published(name, plan, model, amounts, scope, anchor):
    quota = profiles.load(name).quota_of(model, plan)
    assert {(rate.unit, rate.window): rate.amount for rate in quota.rates} == amounts
    assert {rate.scope for rate in quota.rates} <= {scope}
    assert {rate.anchor for rate in quota.rates if rate.window == DAY} <= {anchor}


def test_paid_models_of_openrouter_have_no_published_limit():
    assert profiles.load("openrouter").quota_of("openai/gpt-4o", "free").rates == ()


@pytest.mark.parametrize("name", ADDRESSES)
def test_address_and_key_variable(name):
    profile = profiles.load(name)
    address, variable = ADDRESSES[name]
    assert profile.base_url == address
    assert (profile.key_variables or (None,))[0] == variable


def test_every_shipped_profile_is_in_the_transcription():
    assert set(profiles.names()) == set(ADDRESSES)


@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_every_profile_says_where_its_numbers_come_from(name):
    profile = profiles.load(name)
    assert profile.name == name
    assert profile.source
    assert profile.date


def test_only_openai_and_groq_have_headers_that_bind():
    assert {name for name in profiles.names() if profiles.load(name).dialect.headers_binding} == {"openai", "groq"}


def test_only_a_local_server_goes_without_a_key():
    assert {name for name in profiles.names() if not profiles.load(name).auth.required} == {"local"}


def test_foundry_takes_its_key_in_a_header_of_its_own():
    auth = profiles.load("foundry").auth
    assert (auth.header, auth.scheme) == ("api-key", "")
