"""What a batch says of rows that fail, and of rows that cost nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LOW = "openai/gpt-4.1-mini"
SIMULATED = ("--simulate", "--plan", "enterprise", "--speed", "600")


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_the_cache_answers_count_as_no_calls(shell: Any, tmp_path: Path) -> None:
    rows = write(tmp_path / "in.jsonl", [{"prompt": f"Say {n}."} for n in range(25)])
    words = ("batch", "run", rows, "--model", LOW, *SIMULATED, "--temperature", "0", "--cache", "c.db")
    assert "25 calls" in shell(*words, "-o", "first").out
    again = shell(*words, "-o", "again").out
    assert ["from", "cache", "25"] in [line.split() for line in again.splitlines()]
    assert not any(said in again for said in ("calls", "quota allows", "pacing costs"))
    summary = json.loads(shell(*words, "-o", "third", "--json").out.splitlines()[-1])
    assert (summary["from_cache"], summary["lower_bound"], summary["lower_bound_paced"]) == (25, 0.0, 0.0)
    more = write(tmp_path / "more.jsonl", [{"prompt": f"Say {n}."} for n in range(28)])
    some = shell("batch", "run", more, *words[3:], "-o", "some").out
    assert "3 calls" in some


def test_too_many_failures_are_told_with_numbers_an_example_and_what_to_do(shell: Any, tmp_path: Path) -> None:
    rows = [{"prompt": f"Say {n}."} | ({"temperature": 9.0} if n % 2 else {}) for n in range(40)]
    source = write(tmp_path / "half.jsonl", rows)
    words = ("batch", "run", source, "-o", "run", "--model", LOW, *SIMULATED, "--no-check", "--max-error-rate", "0.2")
    ran = shell(*words)
    assert ran.code == 1
    failed = int(next(line for line in ran.out.splitlines() if line.startswith("failed")).split()[1])
    assert f"Stopped: too many rows failed, {failed} of " in ran.out
    assert "more than --max-error-rate 0.2 allows" in ran.out
    assert f"invalid, {failed} rows; one is line 2 (row-2): temperature = 9.0: from 0 to 1" in ran.out
    assert "`ghmodels batch merge run` writes errors.jsonl" in ran.out
    assert "`ghmodels batch retry-failed run`" in ran.out
    status = json.loads(shell("batch", "status", "run", "--json").out)
    assert status["failed_by"] == {"invalid": failed}


def test_rows_the_check_would_refuse_cost_no_attempt_without_it(shell: Any, tmp_path: Path) -> None:
    rows = [{"input": []}, {"input": ""}, {"input": ["fine"]}, {"input": ["fine", ""]}]
    source = write(tmp_path / "texts.jsonl", rows)
    model = ("--model", "openai/text-embedding-3-small")
    found = json.loads(shell("batch", "check", source, *model, "--json").out)
    ran = shell("batch", "run", source, "-o", "run", *model, *SIMULATED, "--no-check")
    assert ran.code == 1
    failed = lines(tmp_path / "run" / "errors.jsonl")
    assert [(row["error"]["code"], row["attempts"]) for row in failed] == [("invalid", 0)] * 3
    assert [(row["error"]["line"], row["error"]["message"]) for row in failed] == [
        (problem["line"], problem["why"]) for problem in found["problems"]
    ]
    assert len(lines(tmp_path / "run" / "output.jsonl")) == 1
    assert not any("calls" in line and "4 calls" in line for line in ran.out.splitlines())


def test_a_failure_says_what_was_checked_and_how_to_fix_it(shell: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "large.jsonl", [{"prompt": "word " * 40_000}])
    assert shell("batch", "run", source, "-o", "run", "--model", LOW, *SIMULATED, "--no-check").code == 1
    (failed,) = lines(tmp_path / "run" / "errors.jsonl")
    assert (failed["error"]["code"], failed["attempts"]) == ("too_large", 0)
    assert failed["checked"]
    assert failed["fix"]
