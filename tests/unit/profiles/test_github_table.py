"""The github profile against a second transcription of the published table, laid out as the page prints it."""

import pytest

from ghmodels_async import profiles

PLANS = ("free", "pro", "business", "enterprise")

# github/docs, "Prototyping with AI models", rate limits, read 2026-11-22: row, metric, Free, Pro, Business, Enterprise
PUBLISHED = """
low            | per minute  | 15   15   15   20
low            | per day     | 150  150  300  450
low            | tokens in   | 8000 8000 8000 8000
low            | tokens out  | 4000 4000 4000 8000
low            | at once     | 5    5    5    8
high           | per minute  | 10   10   10   15
high           | per day     | 50   50   100  150
high           | tokens in   | 8000 8000 8000 16000
high           | tokens out  | 4000 4000 4000 8000
high           | at once     | 2    2    2    4
embedding      | per minute  | 15   15   15   20
embedding      | per day     | 150  150  300  450
embedding      | tokens in   | 64000 64000 64000 64000
embedding      | at once     | 5    5    5    8
o1-preview     | per minute  | n/a  1    2    2
o1-preview     | per day     | n/a  8    10   12
o1-preview     | tokens in   | n/a  4000 4000 4000
o1-preview     | tokens out  | n/a  4000 4000 8000
o1-preview     | at once     | n/a  1    1    1
o1-o3-gpt5     | per minute  | n/a  1    2    2
o1-o3-gpt5     | per day     | n/a  8    10   12
o1-o3-gpt5     | tokens in   | n/a  4000 4000 4000
o1-o3-gpt5     | tokens out  | n/a  4000 4000 8000
o1-o3-gpt5     | at once     | n/a  1    1    1
mini-reasoning | per minute  | n/a  2    3    3
mini-reasoning | per day     | n/a  12   15   20
mini-reasoning | tokens in   | n/a  4000 4000 4000
mini-reasoning | tokens out  | n/a  4000 4000 4000
mini-reasoning | at once     | n/a  1    1    1
deepseek-r1    | per minute  | 1    1    2    2
deepseek-r1    | per day     | 8    8    10   12
deepseek-r1    | tokens in   | 4000 4000 4000 4000
deepseek-r1    | tokens out  | 4000 4000 4000 4000
deepseek-r1    | at once     | 1    1    1    1
grok-3         | per minute  | 1    1    2    2
grok-3         | per day     | 15   15   20   30
grok-3         | tokens in   | 4000 4000 4000 4000
grok-3         | tokens out  | 4000 4000 8000 16000
grok-3         | at once     | 1    1    1    1
grok-3-mini    | per minute  | 2    2    3    3
grok-3-mini    | per day     | 30   30   40   50
grok-3-mini    | tokens in   | 4000 4000 4000 4000
grok-3-mini    | tokens out  | 8000 8000 12000 12000
grok-3-mini    | at once     | 1    1    1    1
"""

MODEL_OF_ROW = {
    "low": "openai/gpt-4o-mini",
    "high": "openai/gpt-4o",
    "embedding": "openai/text-embedding-3-small",
    "o1-preview": "openai/o1-preview",
    "o1-o3-gpt5": "openai/gpt-5",
    "mini-reasoning": "openai/o4-mini",
    "deepseek-r1": "deepseek/deepseek-r1",
    "grok-3": "xai/grok-3",
    "grok-3-mini": "xai/grok-3-mini",
}


def published_cells():
    for line in PUBLISHED.strip().splitlines():
        row, metric, cells = (part.strip() for part in line.split("|"))
        for plan, cell in zip(PLANS, cells.split(), strict=True):
            yield row, metric, plan, None if cell == "n/a" else int(cell)


def shipped_cell(profile, row, metric, plan):
    quota = profile.quota_of(MODEL_OF_ROW[row], plan)
    if quota is None:
        return None
    windows = {rate.window: rate.amount for rate in quota.rates if rate.scope == "model"}
    return {
        "per minute": windows.get(60),
        "per day": windows.get(86400),
        "tokens in": quota.tokens_in,
        "tokens out": quota.tokens_out,
        "at once": quota.concurrent,
    }[metric]


@pytest.mark.parametrize("name", ["github", "github-legacy"])
def test_every_cell_equals_the_published_table(name):
    profile = profiles.load(name)
    wrong = [
        (row, metric, plan, expected, found)
        for row, metric, plan, expected in published_cells()
        if (found := shipped_cell(profile, row, metric, plan)) != expected
    ]
    assert wrong == []


def test_the_transcription_covers_all_nine_rows_and_four_plans():
    profile = profiles.load("github")
    assert profile.plans == PLANS
    assert set(profile.rows) == set(MODEL_OF_ROW) == {row for row, *_ in published_cells()}
    assert len(list(published_cells())) == 44 * 4


def test_an_embedding_has_no_limit_on_tokens_out():
    assert profiles.load("github").quota_of("openai/text-embedding-3-large", "free").tokens_out is None


def test_the_observed_account_limit_is_on_and_marked_as_observed():
    rates = profiles.load("github").quota_of("openai/gpt-4o", "enterprise").rates
    account = [rate for rate in rates if rate.scope == "account"]
    assert [(rate.amount, rate.window, rate.type, rate.observed) for rate in account] == [
        (24, 60, "UserByMinute", True)
    ]
    assert not any(rate.observed for rate in rates if rate.scope == "model")


def test_limit_types_are_the_names_the_service_uses():
    rates = profiles.load("github").quota_of("openai/gpt-4o", "free").rates
    assert [rate.type for rate in rates] == ["UserByModelByMinute", "UserByModelByDay", "UserByMinute"]


def test_days_roll_and_success_headers_do_not_bind():
    profile = profiles.load("github")
    assert {rate.anchor for rate in profile.quota_of("openai/gpt-4o", "free").rates} == {"rolling"}
    assert not profile.dialect.headers_binding


def test_the_service_is_said_to_be_retired_and_names_its_successor():
    profile = profiles.load("github")
    assert profile.status == "retired 2026-07-30"
    assert profile.successor in profiles.names()


def test_the_old_host_has_no_organisation_route_and_short_names():
    legacy = profiles.load("github-legacy")
    assert legacy.organization_url is None
    assert legacy.wire_model("openai/gpt-4o-mini") == "gpt-4o-mini"
    assert legacy.row_of("gpt-4o-mini") == "low"
