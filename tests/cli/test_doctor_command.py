"""`ghmodels doctor` as a stranger runs it: lines, JSON, exit codes."""

import json

import pytest

TOKEN = "ghp_x00000000000000000000"


def test_all_is_well_against_a_simulated_service(shell):
    ran = shell("doctor", "--simulate")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["ok", name]
        for name in ("settings", "token", "service", "account", "organisation", "catalog", "limits", "model")
    ]
    assert lines[-1] == "8 ok, 0 failed, 0 skipped."


def test_a_missing_token_is_a_usage_error_with_the_fix(shell):
    ran = shell("doctor", "--no-ask")
    assert ran.code == 2
    assert "failed  token         GITHUB_TOKEN: not set" in ran.out
    assert "Models → Read-only" in ran.out
    assert "failed  service       status of profile github: GitHub Models is retired 2026-07-30." in ran.out


def test_a_setting_that_cannot_be_used_is_the_first_check(shell):
    ran = shell("doctor", "--profile", "nothere")
    assert ran.code == 2
    assert ran.out.startswith("failed  settings      profile = 'nothere'")


@pytest.mark.parametrize(
    ("token", "failed", "error"),
    [
        ("ghp_bad_credentials000000000", ["account", "organisation", "model"], "TokenInvalidError"),
        ("github_pat_no_models_permission", ["model"], "TokenPermissionError"),
        ("ghp_models_disabled0000000000", ["model"], "ModelsDisabledError"),
    ],
)
def test_a_refusal_is_exit_code_3_and_json_tells_it_apart(shell, token, failed, error):
    with shell.simulator() as address:
        ran = shell("doctor", "--json", "--base-url", address, GITHUB_TOKEN=token)
    assert ran.code == 3
    told = json.loads(ran.out)
    assert not told["ok"]
    refused = [check for check in told["checks"] if check["state"] == "failed"]
    assert [check["name"] for check in refused] == failed
    assert refused[-1]["error"] == error
    assert refused[-1]["fix"]
    assert token not in ran.out


def test_nobody_there_is_exit_code_1(shell):
    ran = shell("doctor", "openai/gpt-4o", "--base-url", "http://127.0.0.1:9/inference", GITHUB_TOKEN=TOKEN)
    assert ran.code == 1
    assert "failed  model" in ran.out


def test_the_guides_variables_are_read_and_named(shell):
    with shell.simulator() as address:
        ran = shell(
            "doctor",
            GITHUB_TOKEN=TOKEN,
            JAATO_GITHUB_ENDPOINT=address,
            JAATO_GITHUB_ORGANIZATION="simulated-org",
            JAATO_GITHUB_ENTERPRISE="my-enterprise",
        )
    assert ran.code == 0, ran.out
    assert "organization from environment variable JAATO_GITHUB_ORGANIZATION" in ran.out
    assert "/orgs/simulated-org/inference/chat/completions" in ran.out
    assert "enterprise my-enterprise" in ran.out
    assert "member of simulated-org" in ran.out
