"""The shipped catalog: what is in it, and how it is looked up."""

import json
import time

import pytest

from ghmodels_async import catalog, profiles

REMOVED = {
    "xai/grok-3",
    "xai/grok-3-mini",
    "microsoft/mai-ds-r1",
    "ai21-labs/ai21-jamba-1.5-large",
    "cohere/cohere-command-r-08-2024",
    "cohere/cohere-command-r-plus-08-2024",
}

# The guide's table of available models and its two examples, second transcription.
GUIDE = {
    "anthropic/claude-3.5-sonnet": 200_000,
    "claude-3-opus": 200_000,
    "claude-3-haiku": 200_000,
    "gemini-1.5-pro": 1_048_576,
    "gemini-1.5-flash": 1_048_576,
    "llama-3.1-405b": 128_000,
    "llama-3.1-70b": 128_000,
    "llama-3.1-8b": 128_000,
    "mistral-large": 32_000,
    "mistral-small": 32_000,
}

# github/docs, costs for GitHub Models, read 2026-11-22
PRICES = {
    "openai/gpt-4o": (0.25, 0.125, 1.0),
    "openai/gpt-4o-mini": (0.015, 0.0075, 0.06),
    "openai/gpt-4.1-mini": (0.04, 0.01, 0.16),
    "openai/gpt-4.1": (0.2, 0.05, 0.8),
    "microsoft/phi-4": (0.0125, None, 0.05),
    "microsoft/phi-4-mini-instruct": (0.0075, None, 0.03),
    "microsoft/phi-4-multimodal-instruct": (0.008, None, 0.032),
    "deepseek/deepseek-r1": (0.135, None, 0.54),
    "deepseek/deepseek-r1-0528": (0.135, None, 0.54),
    "microsoft/mai-ds-r1": (0.135, None, 0.54),
    "deepseek/deepseek-v3-0324": (0.114, None, 0.456),
    "xai/grok-3-mini": (0.025, None, 0.127),
    "xai/grok-3": (0.3, None, 1.5),
    "meta/llama-4-maverick-17b-128e-instruct-fp8": (0.025, None, 0.1),
    "meta/llama-3.3-70b-instruct": (0.071, None, 0.071),
}


def test_the_snapshot_has_43_models_of_which_37_were_still_listed():
    cards = catalog.cards()
    assert len(cards) == len({card.id for card in cards}) == 43
    assert {card.id for card in cards if not card.available} == REMOVED
    assert catalog.snapshot_date() == "2026-06-14"


def test_every_model_has_a_row_of_the_limit_table_and_a_context():
    rows = profiles.load("github").rows
    for card in catalog.cards():
        assert card.limit_row in rows, card.id
        assert card.limits.max_input_tokens > 0, card.id


def test_tiers_and_rows_agree():
    plain = {"low": "low", "high": "high", "embeddings": "embedding"}
    for card in catalog.cards():
        assert plain.get(card.rate_limit_tier, card.limit_row) == card.limit_row, card.id
        assert (card.rate_limit_tier == "custom") == (card.limit_row not in plain.values()), card.id


def test_prices_equal_the_published_list_and_nothing_else_has_one():
    shipped = {
        card.id: (card.multipliers.input, card.multipliers.cached_input, card.multipliers.output)
        for card in catalog.cards()
        if card.multipliers
    }
    assert shipped == PRICES


@pytest.mark.parametrize("name", ["openai/gpt-4o", "gpt-4o", "OpenAI/GPT-4O", "Gpt-4o"])
def test_a_model_is_found_by_full_id_and_short_name_in_any_case(name):
    assert catalog.find(name).id == "openai/gpt-4o"


@pytest.mark.parametrize("name", ["Meta-Llama-3.1-8B-Instruct", "Phi-4", "AI21-Jamba-1.5-Large", "DeepSeek-R1"])
def test_the_old_hosts_names_are_found(name):
    assert catalog.find(name) is not None


def test_an_unknown_model_is_none():
    assert catalog.find("openai/gpt-99") is None
    assert catalog.find("") is None


@pytest.mark.parametrize("name", GUIDE)
def test_the_guides_models_are_known_but_never_listed(name):
    entry = catalog.find(name)
    assert entry.by == "guide"
    assert not entry.available
    assert entry.id not in {card.id for card in catalog.cards()}
    assert catalog.context_limit(name).value == GUIDE[name]
    assert "documented" in catalog.context_limit(name).source


def test_the_catalogs_number_wins_over_the_guides():
    limit = catalog.context_limit("openai/gpt-4o")
    assert limit.value == 131_072
    assert limit.source == "github-models catalog, 2026-06-14"


def test_a_dated_version_has_the_context_of_its_model():
    assert catalog.context_limit("claude-3-opus-20240229").value == 200_000
    assert "by its prefix anthropic/claude-3-opus" in catalog.context_limit("claude-3-opus-20240229").source
    assert catalog.context_limit("openai/gpt-4.1-2025-04-14").value == 1_048_576


def test_an_unknown_model_gets_the_guides_default_and_says_so():
    limit = catalog.context_limit("nobody/knows-this")
    assert limit.value == 128_000
    assert "default" in limit.source


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("openai/gpt4o-mini", "openai/gpt-4o-mini"),
        ("gpt-4.1mini", "openai/gpt-4.1-mini"),
        ("microsoft/phi4", "microsoft/phi-4"),
        ("deepseek-r1", "deepseek/deepseek-r1"),
        ("azure/gpt-4o", "openai/gpt-4o"),
    ],
)
def test_the_nearest_name_is_the_one_that_was_meant(wrong, meant):
    assert catalog.nearest(wrong)[0] == meant


def test_nearest_offers_listed_models_only_and_no_more_than_asked():
    near = catalog.nearest("xai/grok-3", n=2)
    assert len(near) <= 2
    assert not set(near) & REMOVED
    assert catalog.nearest("zzzzzzzzzzzz") == []


def test_embeddings_do_not_chat():
    assert not catalog.find("openai/text-embedding-3-small").chats
    assert catalog.find("openai/gpt-4o").chats


def test_a_missing_snapshot_is_a_key_error():
    with pytest.raises(KeyError, match="nope"):
        catalog.cards("nope")


def test_a_lookup_costs_microseconds():
    catalog.find("openai/gpt-4o")
    began = time.perf_counter()
    for _ in range(10_000):
        catalog.find("meta/llama-3.3-70b-instruct")
    assert time.perf_counter() - began < 0.2


def test_a_card_goes_back_to_json_as_the_service_wrote_it():
    card = json.loads(catalog.find("openai/gpt-4o").model_dump_json())
    assert card["limits"] == {"max_input_tokens": 131072, "max_output_tokens": 16384}
    assert card["supported_input_modalities"] == ["text", "image", "audio"]
