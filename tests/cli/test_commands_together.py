"""Several commands at once spend one quota: none of them meets a limit of which another one knew."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ghmodels_async.cli.wording import reworded
from ghmodels_async.limits.feedback import _SUSPICION

LOW = "openai/gpt-4.1-mini"
RARE = "openai/o3-mini"  # three a minute, one at a time
TOKEN = {"GITHUB_TOKEN": "simulated-token"}


def test_chats_beside_a_running_batch_meet_no_429(
    shell: Any, tmp_path: Path, simulator_address: Any, ctrl_c: Any
) -> None:
    """The batch alone would use the whole of each minute, so without a common count each chat would be one too many."""
    rows = tmp_path / "in.jsonl"
    rows.write_text("".join(json.dumps({"prompt": f"Say {n}."}) + "\n" for n in range(14)))
    about = ("--plan", "enterprise", "--speed", "60")
    with shell.running("simulate", "--port", "0", "--fast", *about) as simulator:
        there = ("--base-url", simulator_address(simulator), *about)
        with shell.running(
            "batch", "run", "in.jsonl", "-o", "run", "--model", RARE, "--json", *there, **TOKEN
        ) as batch:
            assert json.loads(batch.stdout.readline())["event"] == "forecast"
            assert json.loads(batch.stdout.readline())["event"] == "row"
            words = [("doctor", LOW), *(("chat", RARE, f"Hello {n}") for n in range(4))]
            with ThreadPoolExecutor(3) as several:
                doctor, *chats = several.map(lambda each: shell(*each, *there, **TOKEN), words)
            said, _ = batch.communicate(timeout=60)
        told = ctrl_c(simulator).out
    assert json.loads(said.splitlines()[-1])["request_counts"]["completed"] == 14
    assert [(chat.code, chat.err) for chat in chats] == [(0, "")] * 4
    assert doctor.code == 0, doctor.out
    assert "0 refused with 429" in told


def test_a_question_is_asked_where_no_common_count_can_be_kept(shell: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with shell.simulator("--port", "0", "--fast") as address:
        words = ("chat", LOW, "hi", "--base-url", address)
        ran = shell(*words, **TOKEN, XDG_STATE_HOME=str(tmp_path / "file"))
        assert (ran.code, ran.out != "") == (0, True), ran.err
        assert "limits are kept in memory" in ran.err
        assert shell(*words, **TOKEN, GHMODELS_LEDGER="memory").code == 0


def test_the_advice_against_a_strangers_429s_can_be_followed_at_a_shell() -> None:
    advice = reworded(_SUSPICION)
    assert "let it be a `ghmodels` command" in advice
    assert "--profile FILE" in advice
    assert "shared=" not in advice
