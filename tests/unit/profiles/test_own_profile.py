"""A user's own TOML file: what it may say, and errors that name file and line."""

import pytest

from ghmodels_async import profiles
from ghmodels_async.profiles import ProfileError

OWN = """\
name = "mine"
title = "My gateway"
base_url = "https://gateway.example/v1"
key_variables = ["MY_KEY"]
plans = ["small", "large"]
date = "2026-11-22"
day_anchor = "utc"
default_row = "any"

[limits.any]
requests_per_minute = [5, 10]
requests_per_day = [100, "unlimited"]
input_tokens_per_minute = [1000, 2000]
concurrent = 3

[limits.big]
requests_per_minute = ["n/a", 1]
tokens_in = ["n/a", 4000]

[models]
"big-*" = "big"

[account]
requests_per_hour = 200
concurrent = 4
"""


def write(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_of_ones_own_is_loaded_by_its_path(tmp_path):
    mine = profiles.load(write(tmp_path, OWN))
    small = mine.quota_of("anything", "small")
    assert [(r.amount, r.unit, r.window, r.scope, r.type) for r in small.rates] == [
        (5, "requests", 60, "model", "UserByModelByMinute"),
        (100, "requests", 86400, "model", "UserByModelByDay"),
        (1000, "input_tokens", 60, "model", "UserByModelByMinuteInputTokens"),
        (200, "requests", 3600, "account", "UserByHour"),
    ]
    assert small.concurrent == 3
    assert mine.account_concurrent == 4


def test_unlimited_on_one_plan_is_no_limit_there(tmp_path):
    large = profiles.load(write(tmp_path, OWN)).quota_of("anything", "large")
    assert 86400 not in {rate.window for rate in large.rates}


def test_not_offered_on_one_plan_is_no_quota_there(tmp_path):
    mine = profiles.load(write(tmp_path, OWN))
    assert mine.quota_of("big-model", "small") is None
    assert mine.quota_of("big-model", "large").tokens_in == 4000


def test_only_the_day_has_an_anchor(tmp_path):
    rates = profiles.load(write(tmp_path, OWN)).quota_of("anything", "small").rates
    assert {rate.window for rate in rates if rate.anchor == "utc"} == {86400}


def test_a_changed_file_is_read_anew(tmp_path):
    path = write(tmp_path, OWN)
    assert profiles.load(path).title == "My gateway"
    write(tmp_path, OWN.replace("My gateway", "Renamed"))
    assert profiles.load(path).title == "Renamed"


def test_a_file_can_stand_on_a_shipped_profile(tmp_path):
    own = 'name = "mine"\nbased_on = "foundry"\nbase_url = "https://r.services.ai.azure.com/models"\n'
    own += '[limits.chat]\nrequests_per_minute = 60\ntokens_per_minute = 50000\n[models]\n"*" = "chat"\n'
    mine = profiles.load(write(tmp_path, own))
    assert mine.auth.header == "api-key"
    assert mine.plans == ("deployment",)
    assert {rate.amount for rate in mine.quota_of("x", "deployment").rates} == {60, 50000}


def test_new_plans_drop_the_rows_of_the_profile_underneath(tmp_path):
    mine = profiles.load(write(tmp_path, 'name = "mine"\nbased_on = "github"\nplans = ["solo"]\n'))
    assert mine.rows == {}
    assert mine.default_row is None


def test_an_empty_text_takes_an_inherited_key_away(tmp_path):
    mine = profiles.load(write(tmp_path, 'name = "mine"\nbased_on = "github"\ncatalog_url = ""\n'))
    assert mine.catalog_url is None


def test_ids_can_be_mapped_to_deployments(tmp_path):
    own = 'name = "mine"\nbased_on = "foundry"\n[model_ids]\n"openai/gpt-4o" = "prod-4o"\n'
    assert profiles.load(write(tmp_path, own)).wire_model("openai/gpt-4o") == "prod-4o"


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (('title = "My gateway"', 'titel = "My gateway"'), 2, "titel: unknown key"),
        (('"https://gateway.example/v1"', '"gateway.example"'), 3, "base_url"),
        (('day_anchor = "utc"', 'day_anchor = "mars"'), 7, "day_anchor"),
        (('default_row = "any"', 'default_row = "none"'), 8, "there is no [limits.none]"),
        (("requests_per_minute = [5, 10]", "requests_per_minute = [5]"), 11, "1 values for 2 plans (small, large)"),
        (("requests_per_minute = [5, 10]", "requests_per_minute = [5, 0]"), 11, "not 0"),
        (("requests_per_minute = [5, 10]", "requests_per_minute = [5, true]"), 11, "not True"),
        (("requests_per_minute = [5, 10]", "request_per_minute = [5, 10]"), 11, "unknown metric"),
        (('tokens_in = ["n/a", 4000]', "tokens_in = [4000, 4000]"), 18, 'the plan "small" is "n/a"'),
        (('"big-*" = "big"', '"big-*" = "huge"'), 21, "there is no [limits.huge]"),
        (("requests_per_hour = 200", "requests_per_hour = [200, 300]"), 24, "a whole number"),
        (("requests_per_hour = 200", "per_hour = 200"), 24, "unknown metric"),
        (('[models]\n"big-*"', '[modells]\n"big-*"'), 20, "modells: unknown key"),
        (("[limits.any]\n", '[limits.any]\nday_anchor = "noon"\n'), 11, "us-pacific"),
        (("[account]\n", "[account]\nobserved = 1\n"), 24, "true or false"),
        (("[limits.any]\n", '[limits.any]\nscope = "world"\n'), 11, "scope"),
        (("[account]\n", '[ranges]\ntemperature = [2, 0]\n[account]\n'), 23, "down to"),
        (('plans = ["small", "large"]', 'plans = ["small", "large"'), 6, "not TOML"),
    ],
)  # fmt: skip
def test_an_error_names_file_line_and_key(tmp_path, change, line, said):
    path = write(tmp_path, OWN.replace(*change))
    with pytest.raises(ProfileError) as caught:
        profiles.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: "), message
    assert said in message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ProfileError, match="No such file"):
        profiles.load(str(tmp_path / "absent.toml"))


def test_a_file_that_is_not_text_is_named(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileError, match="not UTF-8"):
        profiles.load(str(path))


def test_an_unknown_name_lists_the_shipped_ones():
    with pytest.raises(ProfileError, match="github, github-legacy, cerebras"):
        profiles.load("nope")


def test_standing_on_an_unknown_profile_names_the_line(tmp_path):
    with pytest.raises(ProfileError, match=r"mine.toml:2: based_on: no shipped profile named 'nope'"):
        profiles.load(write(tmp_path, 'name = "mine"\nbased_on = "nope"\n'))


def test_a_row_can_name_its_own_day_and_source(tmp_path):
    own = OWN.replace("[limits.big]\n", '[limits.big]\nday_anchor = "us-pacific"\nsource = "a mail"\nobserved = true\n')
    own = own.replace('tokens_in = ["n/a", 4000]', 'requests_per_day = ["n/a", 7]')
    quota = profiles.load(write(tmp_path, own)).quota_of("big-model", "large")
    day = next(rate for rate in quota.rates if rate.window == 86400)
    assert (day.amount, day.anchor, day.observed) == (7, "us-pacific", True)
    assert quota.source == "a mail, 2026-11-22"


def test_a_limit_can_have_the_servers_own_name(tmp_path):
    own = OWN + '[limit_types]\nrequests_per_minute = "RPM"\naccount_requests_per_hour = "AccountHourly"\n'
    rates = profiles.load(write(tmp_path, own)).quota_of("anything", "small").rates
    assert {"RPM", "AccountHourly"} <= {rate.type for rate in rates}


def test_inheritance_goes_through_more_than_one_step(tmp_path):
    mine = profiles.load(write(tmp_path, 'name = "mine"\nbased_on = "github-legacy"\ntitle = "Mirror"\n'))
    assert mine.base_url == "https://models.inference.ai.azure.com"
    assert mine.quota_of("gpt-4o", "free").concurrent == 2
