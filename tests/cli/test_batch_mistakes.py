"""What is probably meant otherwise is said before a batch spends anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

LOW = "openai/gpt-4.1-mini"
SIMULATED = ("--model", LOW, "--simulate", "--plan", "enterprise", "--speed", "600")


def run(shell: Any, *words: str, rows: tuple[dict[str, Any], ...] = ({"prompt": "hi"},)) -> Any:
    (shell.home / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return shell("batch", "run", "in.jsonl", "-o", "run", *SIMULATED, *words)


def test_a_misspelt_parameter_is_refused_with_the_nearest_name(shell: Any, tmp_path: Path) -> None:
    for verb in (("run", "in.jsonl", "-o", "run"), ("check", "in.jsonl"), ("plan", "5")):
        ran = shell("batch", *verb, *SIMULATED, "--param", "temprature=1")
        assert ran.code == 2, ran.out
        assert "'temprature' is no field of a request" in ran.err
        assert "Did you mean 'temperature'?" in ran.err
    assert not (tmp_path / "run").exists()


def test_a_field_only_the_server_knows_is_said_to_be_one(shell: Any, tmp_path: Path) -> None:
    refused = run(shell, "--param", "wholly_unknown=40")
    assert refused.code == 2
    assert """--param 'extra_body={"wholly_unknown": ...}'""" in refused.err
    assert run(shell, "--param", 'extra_body={"wholly_unknown": 40}').code == 1, "the strict server hears of it"
    (failed,) = [json.loads(line) for line in (tmp_path / "run" / "errors.jsonl").read_text().splitlines()]
    assert failed["response"]["status_code"] in (400, 422)
    assert "wholly_unknown" in json.dumps(failed["response"]["body"])


def test_such_a_field_reaches_an_embeddings_endpoint_too(shell: Any, tmp_path: Path) -> None:
    row = {"input": "hi", "model": "openai/text-embedding-3-small", "extra_body": {"wholly_unknown": 40}}
    assert run(shell, rows=(row,)).code == 1
    assert "wholly_unknown" in (tmp_path / "run" / "errors.jsonl").read_text()


def test_a_misspelt_field_of_a_row_is_noted_before_the_run(shell: Any) -> None:
    rows = ({"prompt": "hi", "temprature": 1}, {"prompt": "hi"})
    assert "note: fields that are no request fields and stay unused: temprature (1 rows)" in run(shell, rows=rows).err


def test_a_note_is_an_event_too(shell: Any) -> None:
    ran = run(shell, "--json", rows=({"prompt": "hi", "temprature": 1},))
    first = json.loads(ran.out.splitlines()[0])
    assert first["event"] == "note"
    assert "temprature" in first["note"]


def test_a_time_to_live_without_a_cache_is_refused(shell: Any) -> None:
    ran = run(shell, "--cache-ttl", "7d")
    assert ran.code == 2
    assert "--cache" in ran.err


@pytest.mark.parametrize(("words", "told"), [((), 1), (("--temperature", "0"), 0)])
def test_a_cache_that_no_row_qualifies_for_is_noted_once(shell: Any, words: tuple[str, ...], told: int) -> None:
    ran = run(shell, "--cache", "c.db", *words, rows=({"prompt": "hi"}, {"prompt": "ho"}))
    assert ran.code == 0
    assert ran.err.count("no row qualifies for the cache") == told
