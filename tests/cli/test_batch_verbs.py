"""`ghmodels batch check`, `plan`, `status`, `retry-failed`, `merge`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ghmodels_async import profiles
from ghmodels_async.simulator import TOKEN, BackgroundServer, Fault, Simulation

LOW, HIGH = "openai/gpt-4.1-mini", "openai/gpt-4.1"
SIMULATED = ("--simulate", "--plan", "enterprise", "--speed", "600")


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def test_help_names_every_verb(shell: Any) -> None:
    ran = shell("batch", "--help")
    assert ran.code == 0
    for verb in ("check", "plan", "run", "status", "retry-failed", "merge"):
        assert f"\n  {verb} " in ran.out
        assert shell("batch", verb, "--help").code == 0


def test_check_finds_what_is_wrong_and_needs_no_token(shell: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [{"id": "a", "prompt": "x"}, "{", {"id": "a", "prompt": "y"}])
    ran = shell("batch", "check", source, "--model", LOW)
    assert ran.code == 2
    assert "line 2: not JSON" in ran.err
    assert "line 3: the same id as line 1" in ran.err
    assert ran.out.endswith("2 problems\n")
    found = json.loads(shell("batch", "check", source, "--model", LOW, "--json").out)
    assert (found["rows"], found["wrong"]) == (3, 2)
    assert [problem["line"] for problem in found["problems"]] == [2, 3]


def test_check_passes_a_sound_input_from_a_pipe(shell: Any) -> None:
    ran = shell("batch", "check", "-", "--model", LOW, stdin='{"prompt": "x"}\n')
    assert ran.code == 0
    assert ran.out.splitlines()[0] == "1 rows, 15 bytes"


def test_plan_says_how_long_when_it_opens_again_and_what_else_could_be_done(shell: Any) -> None:
    ran = shell("batch", "plan", "1000", "--model", HIGH)
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == "1,000 rows, quota taken as unused"
    assert lines[1].split()[:4] == ["as", "asked", "19", "d"]
    assert any("spilled over 8 models" in line for line in lines)
    assert any("plan business" in line and "9 d" in line for line in lines)
    assert any("observed" in line and "UserByMinute 24 per 60 s" in line for line in lines)
    assert any("row 51 runs (openai/gpt-4.1)" in line for line in lines)


def test_plan_in_json_has_every_reset_with_its_row(shell: Any) -> None:
    asked, *others = json.loads(shell("batch", "plan", "1000", "--model", LOW, "--json").out)
    assert asked["seconds"] / 60 == pytest.approx(6 * 1440 + 7, abs=0.5)
    assert [reset["row"] for reset in asked["resets"]] == [151, 301, 451, 601, 751, 901]
    spilled = next(choice for choice in others if choice["name"].startswith("spilled"))
    assert spilled["seconds"] / 60 == pytest.approx(41, abs=0.5)
    assert sum(spilled["rows_by_model"].values()) == 1000


def test_plan_counts_the_rows_of_a_file_by_their_models(shell: Any, tmp_path: Path) -> None:
    rows = [{"prompt": "x", "model": HIGH}] * 60 + [{"prompt": "x"}] * 10
    asked = json.loads(shell("batch", "plan", write(tmp_path / "in.jsonl", rows), "-m", LOW, "--json").out)[0]
    assert asked["rows_by_model"] == {HIGH: 60, LOW: 10}
    assert [reset["row"] for reset in asked["resets"]] == [51]


def test_plan_refuses_what_takes_too_long(shell: Any) -> None:
    assert shell("batch", "plan", "100", "--model", LOW, "--max-duration", "45m").code == 0
    ran = shell("batch", "plan", "1000", "--model", LOW, "--max-duration", "2h")
    assert ran.code == 2
    assert "Refused" in ran.out
    assert shell("batch", "plan", "10", "--model", LOW, "--max-duration", "soon").code == 2
    assert shell("batch", "plan", "10").code == 2


def test_status_of_nothing_is_an_error(shell: Any) -> None:
    ran = shell("batch", "status", "nowhere")
    assert ran.code == 2
    assert "no run in 'nowhere'" in ran.err


def test_merge_writes_where_it_is_told(shell: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [{"prompt": "x"}] * 3)
    assert shell("batch", "run", source, "-o", "run", "--model", LOW, *SIMULATED).code == 0
    ran = shell("batch", "merge", "run", "--to", "mine.jsonl", "--errors", "bad.jsonl")
    assert ran.code == 0
    assert (tmp_path / "mine.jsonl").read_bytes() == (tmp_path / "run" / "output.jsonl").read_bytes()
    assert (tmp_path / "bad.jsonl").read_bytes() == b""


def test_failed_rows_run_again_with_the_settings_of_the_run(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "quick.toml"
    path.write_text(
        'name = "quick"\ntitle = "Quick"\nkey_variables = ["GITHUB_TOKEN"]\nplans = ["only"]\n'
        'source = "test"\ndate = "2026-11-22"\ndefault_row = "all"\n[limits.all]\nrequests_per_second = 400\n'
    )
    source = write(tmp_path / "in.jsonl", [{"id": f"r{n}", "prompt": f"p{n}"} for n in range(24)])
    about = ("--profile", str(path), "--rounds", "1")
    simulation = Simulation(profiles.load(str(path)), fast=True, latency=(0.001, 0.002), seed=3)
    simulation.script(Fault.server_error(), when=lambda arrival: True)
    with BackgroundServer(simulation) as server:
        where = ("--base-url", server.base_url, "--profile", str(path))
        words = ("batch", "run", source, "-o", "run", "--model", "box/one", *about, "--base-url", server.base_url)
        ran = shell(*words, "--max-error-rate", "0.1", "--concurrency", "24", GITHUB_TOKEN=TOKEN)
        assert ran.code == 1, ran.err
        assert "too many rows failed" in ran.out
        status = json.loads(shell("batch", "status", "run", "--json").out)
        failed = status["request_counts"]["failed"]
        assert 20 <= failed <= 24
        assert status["failed_by"] == {"500": failed}
        simulation.clear_script()
        before = server.log.total
        ran = shell("batch", "retry-failed", "run", "--only", "timeout", *where, GITHUB_TOKEN=TOKEN)
        assert ran.code == 1, "what was not done is done; what failed otherwise stays failed"
        assert server.log.total - before == 24 - failed
        ran = shell("batch", "retry-failed", "run", "--only", "429,5xx", *where, GITHUB_TOKEN=TOKEN)
        assert ran.code == 0, ran.err
        assert server.log.total - before == 24
    rows = [json.loads(line) for line in (tmp_path / "run" / "output.jsonl").read_text().splitlines()]
    assert [row["custom_id"] for row in rows] == [f"r{n}" for n in range(24)]
    assert (tmp_path / "run" / "errors.jsonl").read_bytes() == b""


def test_retry_failed_refuses_a_reason_that_does_not_exist(shell: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [{"prompt": "x"}])
    assert shell("batch", "run", source, "-o", "run", "--model", LOW, *SIMULATED).code == 0
    for word in ("timeuot", "5XX", "42"):
        ran = shell("batch", "retry-failed", "run", "--only", word, *SIMULATED)
        assert ran.code == 2
        assert f"'{word}' is no status" in ran.err
    assert shell("batch", "retry-failed", "run", "--only", "429,5xx,timeout,other", *SIMULATED).code == 0


def test_an_empty_input_is_refused(shell: Any, tmp_path: Path) -> None:
    """Most often the command before the pipe has failed."""
    ran = shell("batch", "run", "-", "-o", "run", "--model", LOW, *SIMULATED, stdin="")
    assert ran.code == 2
    assert "the input has no rows" in ran.err
    assert shell("batch", "run", "-", "-o", "run", "-m", LOW, *SIMULATED, stdin='{"prompt": "x"}\n').code == 0


def test_what_a_simulation_made_up_is_nobodys_answer(shell: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [{"prompt": "x", "temperature": 0}])
    words = ("batch", "run", source, "--model", LOW, "--cache", "kept.db", "--json")
    assert shell(*words, "-o", "one", *SIMULATED).code == 0
    again = json.loads(shell(*words, "-o", "two", *SIMULATED).out.splitlines()[-1])
    assert again["tokens"] == {"prompt": 0, "completion": 0}, "an equal request of another simulation"
    with BackgroundServer(Simulation(profiles.load("github"), fast=True, seed=3)) as server:
        ran = shell(*words, "-o", "three", "--base-url", server.base_url, GITHUB_TOKEN=TOKEN)
        assert ran.code == 0, ran.err
        assert server.log.total == 1


def test_status_forgets_a_wait_that_is_over(shell: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [{"prompt": "x"}] * 3)
    assert shell("batch", "run", source, "-o", "run", "--model", LOW, *SIMULATED).code == 0
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "parked": {LOW: 4e9}}))
    assert json.loads(shell("batch", "status", "run", "--json").out)["parked"] == {}, "nothing is left to wait"
    write(tmp_path / "in.jsonl", [{"prompt": "x"}] * 4)
    assert list(json.loads(shell("batch", "status", "run", "--json").out)["parked"]) == [LOW]
