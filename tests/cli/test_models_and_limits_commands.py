"""`ghmodels models` and `ghmodels limits`, as a stranger runs them."""

import json
import subprocess
import sys

TOKEN = {"GITHUB_TOKEN": "x"}


def test_the_shipped_catalog_needs_no_token(shell):
    ran = shell("models")
    assert (ran.code, ran.err) == (0, "")
    assert len([line for line in ran.out.splitlines() if "/" in line]) == 37
    assert "37 models, catalog of 2026-06-14; the service: retired 2026-07-30." in ran.out


def test_a_prefix_narrows_the_list(shell):
    lines = shell("models", "openai/gpt-4.1").out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["openai/gpt-4.1", "openai/gpt-4.1-mini", "openai/gpt-4.1-nano"]


def test_models_that_left_are_shown_when_asked_for(shell):
    assert "0 models" in shell("models", "xai/").out
    assert "2 models" in shell("models", "xai/", "--all").out


def test_a_line_in_a_pipe_is_never_folded(shell):
    (line,) = [line for line in shell("models").out.splitlines() if "llama-4-maverick" in line]
    assert line.split()[:4] == ["meta/llama-4-maverick-17b-128e-instruct-fp8", "high", "1,000,000", "4,096"]


def test_models_as_json(shell):
    cards = json.loads(shell("models", "openai/gpt-4o", "--json").out)
    assert [card["id"] for card in cards] == ["openai/gpt-4o", "openai/gpt-4o-mini"]
    assert cards[0]["limits"]["max_input_tokens"] == 131_072
    assert cards[0]["multipliers"] == {"input": 0.25, "cached_input": 0.125, "output": 1.0}


def test_a_live_catalog_is_asked(shell):
    ran = shell("models", "openai/", "--simulate")
    assert ran.code == 0
    assert "17 models, live from GitHub Models." in ran.out


def test_the_reader_of_a_table_may_leave_early(shell):
    done = subprocess.run(
        f"{sys.executable} -m ghmodels_async models | head -n 1",
        shell=True, capture_output=True, text=True, env=shell.env | {"PATH": "/usr/bin:/bin"}, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("Model ")
    assert done.stderr == ""


def test_limits_of_a_model_before_anything_was_used(shell):
    ran = shell("limits", "openai/gpt-4o", "--simulate", "--plan", "business")
    assert (ran.code, ran.err) == (0, "")
    rows = {line.split()[0]: line.split() for line in ran.out.splitlines() if line.startswith("  ")}
    assert rows["UserByModelByMinute"][1:4] == ["10/minute", "0", "10"]
    assert rows["UserByModelByDay"][1:4] == ["100/day", "0", "100"]
    assert rows["UserByMinute"][1:5] == ["24/minute", "0", "24", "observed"]
    assert "github/docs" in ran.out


def test_limits_without_a_model_are_the_plans_table(shell):
    ran = shell("limits", "--simulate", "--plan", "pro")
    assert ran.code == 0
    assert "grok-3-mini     2/minute, 30/day" in ran.out
    assert "24/minute (observed, undocumented)" in ran.out


def test_limits_need_no_token_to_show_the_tables_numbers(shell):
    ran = shell("limits", "openai/gpt-4o")
    assert (ran.code, ran.err) == (0, "")
    rows = {line.split()[0]: line.split() for line in ran.out.splitlines() if line.startswith("  ")}
    assert rows["UserByModelByMinute"] == ["UserByModelByMinute", "10/minute", "table"]
    assert rows["tokens_in"][1] == "8,000"
    assert "No token was found, so no account was looked at" in ran.out
    assert not (shell.home / "state").exists()


def test_the_plans_table_needs_no_token_either(shell):
    for profile in ("github", "groq"):
        ran = shell("limits", "--profile", profile)
        assert (ran.code, ran.err) == (0, "")
        assert "no account was looked at" in ran.out
    assert "used nothing that is remembered" not in ran.out


def test_json_says_whether_an_account_was_looked_at(shell):
    told = json.loads(shell("limits", "openai/gpt-4o", "--json").out)
    assert told["account_known"] is False
    assert {(limit["used"], limit["left"]) for limit in told["limits"]} == {(None, None)}
    assert json.loads(shell("limits", "openai/gpt-4o", "--json", **TOKEN).out)["account_known"] is True


def test_a_token_that_cannot_be_one_is_not_passed_over(shell):
    ran = shell("limits", GITHUB_TOKEN="two words")
    assert ran.code == 2
    assert "GITHUB_TOKEN" in ran.err


def test_limits_remember_what_another_process_used(shell):
    with shell.simulator("--speed", "20") as address:
        live = ("--base-url", address, "--speed", "20")
        assert shell("chat", "openai/gpt-4o-mini", "hi", *live, **TOKEN).code == 0
        told = json.loads(shell("limits", "--json", "--base-url", address, **TOKEN).out)
    day = next(limit for limit in told["limits"] if limit["limit"] == "UserByModelByDay")
    assert (day["model"], day["used"], day["left"]) == ("openai/gpt-4o-mini", 1, 149)
    assert told["plan"] == "free"


def test_a_simulated_client_leaves_nothing_behind(shell):
    assert shell("chat", "openai/gpt-4o-mini", "hi", "--simulate", "--speed", "20").code == 0
    assert not (shell.home / "state").exists()
    assert not (shell.home / ".local").exists()


def test_a_simulated_client_ignores_what_belongs_to_the_user(shell):
    (shell.home / "config" / "ghmodels").mkdir(parents=True)
    (shell.home / "config" / "ghmodels" / "config.toml").write_text('profile = "groq"\nplan = "free"\n')
    variables = {"GHMODELS_PLAN": "enterprise", "GHMODELS_BASE_URL": "http://127.0.0.1:9/v1", "GITHUB_TOKEN": "mine"}
    told = json.loads(shell("limits", "openai/gpt-4o", "--simulate", "--json", **variables).out)
    assert (told["profile"], told["plan"]) == ("github", "free")


def test_a_model_that_is_not_on_the_plan_ends_with_2(shell):
    ran = shell("limits", "openai/o3", "--simulate")
    assert ran.code == 2
    assert "pro, business, enterprise" in ran.err


def test_watching_goes_on_until_ctrl_c(shell, ctrl_c):
    with shell.running("limits", "openai/gpt-4o", "--simulate", "--watch", "--json") as process:
        looks = [json.loads(process.stdout.readline()) for _ in range(2)]
        ran = ctrl_c(process)
    assert looks[0]["limits"][0]["amount"] == 10
    assert (ran.code, ran.err) == (0, "")


def test_a_model_nobody_knows_is_remarked_upon(shell):
    ran = shell("limits", "openai/gpt4o", "--simulate")
    assert ran.code == 0
    assert "openai/gpt4o is not in the catalog; near it are openai/gpt-4o" in ran.out


def test_a_catalog_out_of_reach_is_told_of_once_and_the_shipped_one_shown(shell):
    closed = "http://127.0.0.1:9/inference"
    ran = shell("models", "--base-url", closed, "openai/gpt-4o", GITHUB_TOKEN="ghp_x0000000000000000000000000000")
    assert ran.code == 0
    assert "openai/gpt-4o-mini" in ran.out
    assert ran.err.startswith("Warning: Could not connect to http://127.0.0.1:9")
    assert ran.err.count("\n") == 1
