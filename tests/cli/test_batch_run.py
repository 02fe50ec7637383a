"""`ghmodels batch run` as a stranger uses it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

LOW = "openai/gpt-4.1-mini"
SIMULATED = ("--simulate", "--plan", "enterprise", "--speed", "600")


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return str(path)


def prompts(count: int) -> list[dict[str, Any]]:
    return [{"custom_id": f"r{n}", "prompt": f"Say {n}."} for n in range(count)]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def rows(tmp_path: Path) -> str:
    return write(tmp_path / "in.jsonl", prompts(12))


def test_a_run_ends_with_a_summary_and_two_files(shell: Any, tmp_path: Path) -> None:
    rows = write(tmp_path / "in.jsonl", prompts(25))
    ran = shell("batch", "run", rows, "-o", "run", "--model", LOW, *SIMULATED)
    assert ran.code == 0, ran.err
    facts = dict(
        line.split(None, 1)
        for line in ran.out.splitlines()
        if not line.startswith(("429s", "quota", "pacing", "margin", "the rest"))
    )
    assert (facts["ok"], facts["failed"]) == ("25", "0")
    assert ["429s", "seen", "0"] in [line.split() for line in ran.out.splitlines()]
    assert "quota allows" in ran.out
    assert "margin costs" in ran.out, "the time scale's margin is told"
    assert facts["results"] == "run/output.jsonl"
    assert [row["custom_id"] for row in lines(tmp_path / "run" / "output.jsonl")] == [f"r{n}" for n in range(25)]
    assert "25 rows will take" in ran.err


def _minutes(text: str) -> float:
    """The first duration in a line of the summary."""
    found = re.search(r"([\d.]+) (s|min)", text)
    assert found is not None, text
    return float(found[1]) / (60 if found[2] == "s" else 1)


def test_the_summary_says_where_the_time_went_and_it_adds_up(shell: Any, tmp_path: Path) -> None:
    rows = write(tmp_path / "in.jsonl", prompts(61))
    ran = shell("batch", "run", rows, "-o", "run", "--model", LOW, *SIMULATED)
    assert ran.code == 0, ran.err
    names = ("makespan", "quota allows", "pacing costs", "margin costs", "the rest")
    said = {name: line for name in names for line in ran.out.splitlines() if line.startswith(name)}
    took, *parts = (_minutes(said[name]) for name in names)
    assert parts[0] == 3.0, "20 a minute: the 61st has to wait for the fourth window"
    assert parts[1] == 0.0, "61 evenly spread take as long as four bursts"
    assert parts[2] == pytest.approx(60 * 3 / 60 * 0.5, abs=0.1), "30 s on each of three windows"
    assert sum(parts) == pytest.approx(took, abs=0.15)


def test_run_again_it_asks_nothing(shell: Any, rows: str) -> None:
    words = ("batch", "run", rows, "-o", "run", "--model", LOW, *SIMULATED)
    assert shell(*words).code == 0
    again = shell(*words, "--json")
    assert again.code == 0
    (summary,) = [json.loads(line) for line in again.out.splitlines()]
    assert summary["this_start"] == {"completed": 0, "failed": 0, "again": 0}
    assert summary["request_counts"] == {"total": 12, "completed": 12, "failed": 0}


def test_events_for_machines_are_one_json_object_a_line(shell: Any, rows: str) -> None:
    ran = shell("batch", "run", rows, "-o", "run", "--model", LOW, *SIMULATED, "--json")
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert [event["event"] for event in events] == ["forecast", *["row"] * 12, "summary"]
    assert sorted(event["row"] for event in events[1:-1]) == list(range(12))
    assert events[-1]["refused_429"] == 0


def test_rows_come_from_standard_input_and_the_run_keeps_them(shell: Any, tmp_path: Path) -> None:
    text = "".join(json.dumps(row) + "\n" for row in prompts(3))
    assert shell("batch", "run", "-", "-o", "run", "--model", LOW, *SIMULATED, stdin=text).code == 0
    assert (tmp_path / "run" / "rows.jsonl").read_text() == text
    assert shell("batch", "run", "-o", "run", *SIMULATED).code == 0, "without an input it goes on with what it has"


def test_a_table_and_a_template_make_prompts(shell: Any, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('id,word\n1,"a, b"\n2,ü\n', encoding="utf-8")
    (tmp_path / "template.txt").write_text("Translate: {{word}}")
    words = ("--template", "@template.txt", "--system", "Be brief.", "--max-tokens", "9", "--param", "seed=7")
    ran = shell("batch", "run", "in.csv", "-o", "run", "--model", LOW, *words, *SIMULATED)
    assert ran.code == 0, ran.err
    assert [row["custom_id"] for row in lines(tmp_path / "run" / "output.jsonl")] == ["1", "2"]
    identity = json.loads((tmp_path / "run" / "run.json").read_text())["identity"]
    assert identity["template"] == {"text": "Translate: {{word}}"}
    assert identity["parameters"] == {"seed": 7, "max_tokens": 9}


def test_an_input_with_problems_is_refused_before_anything_is_spent(shell: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "bad.jsonl", [{"prompt": "fine"}, {"nothing": 1}])
    ran = shell("batch", "run", source, "-o", "run", "--model", LOW, *SIMULATED)
    assert ran.code == 2
    assert "line 2: the object has none of" in ran.err
    assert "nothing was sent" in ran.err
    ran = shell("batch", "run", source, "-o", "run", "--model", LOW, *SIMULATED, "--no-check")
    assert ran.code == 1
    assert ["failed", "1", "(invalid:", "1)"] in [line.split() for line in ran.out.splitlines()]
    assert lines(tmp_path / "run" / "errors.jsonl")[0]["error"]["code"] == "invalid"


def test_a_run_that_would_take_too_long_is_refused(shell: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "long.jsonl", prompts(1000))
    words = ("batch", "run", source, "-o", "run", "--model", LOW, "--simulate", "--plan", "free")
    ran = shell(*words, "--max-duration", "2h")
    assert ran.code == 2
    assert "1,000 rows take 6 d" in ran.err
    assert "row 151 runs" in ran.err, "when each reset comes is told before every run that waits for one"
    assert "spilled over" in ran.err, "and what else could be done"
    shard = json.loads(shell(*words, "--max-duration", "2h", "--shard", "1/4", "--json").out.splitlines()[0])
    assert (shard["rows"], shard["seconds"] > 6 * 86_400) == (250, True), "four shards share one quota"
    assert not list((tmp_path / "run").glob("output.jsonl"))


def test_a_used_up_quota_exits_4_and_the_run_can_go_on(shell: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", prompts(55))
    model = "openai/gpt-4.1"  # 50 a day on the free plan
    words = ("batch", "run", source, "-o", "run", "--model", model, "--simulate", "--plan", "free", "--speed", "300")
    ran = shell(*words, "--stop-at-quota")
    assert ran.code == 4, ran.err
    assert "Stopped: the quota is used up." in ran.out
    assert "parked until" in ran.err
    status = json.loads(shell("batch", "status", "run", "--json").out)
    assert status["request_counts"] == {"total": 55, "completed": 50, "failed": 0}
    assert list(status["parked"]) == [model]
    assert shell(*words).code == 0, "another simulated day"
    assert len(lines(tmp_path / "run" / "output.jsonl")) == 55


def test_several_models_share_the_rows(shell: Any, rows: str, tmp_path: Path) -> None:
    ran = shell("batch", "run", rows, "-o", "run", "-m", f"{LOW},openai/gpt-4o-mini", *SIMULATED)
    assert ran.code == 0, ran.err
    served = {row["model"] for row in lines(tmp_path / "run" / "output.jsonl")}
    assert served == {LOW, "openai/gpt-4o-mini"}
    assert "openai/gpt-4o-mini: " in ran.out


def test_another_model_in_the_same_directory_is_refused(shell: Any, rows: str) -> None:
    assert shell("batch", "run", rows, "-o", "run", "--model", LOW, *SIMULATED).code == 0
    ran = shell("batch", "run", rows, "-o", "run", "--model", "openai/gpt-4o-mini", *SIMULATED)
    assert ran.code == 2
    assert f'models: was ["{LOW}"], is ["openai/gpt-4o-mini"]' in ran.err


def test_without_a_token_nothing_starts(shell: Any, rows: str, tmp_path: Path) -> None:
    ran = shell("batch", "run", rows, "-o", "run", "--model", LOW)
    assert ran.code == 2
    assert "token" in ran.err.lower()


def test_a_directory_that_cannot_be_written_is_said(shell: Any, rows: str, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file, no directory")
    ran = shell("batch", "run", rows, "-o", "run", "--model", LOW, *SIMULATED)
    assert ran.code == 2
    assert ran.err.startswith("Error: The run directory 'run' cannot be written")


def _running(shell: Any, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ghmodels_async", "batch", "run", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=shell.env,
        cwd=shell.home,
    )


def _until_rows(tmp_path: Path, count: int, process: subprocess.Popen[str]) -> None:
    give_up = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < give_up:
        segments = (tmp_path / "run" / "journal").glob("*.jsonl")
        if sum(path.read_bytes().count(b"\n") for path in segments) >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"no {count} rows: {process.communicate() if process.poll() is not None else 'too slow'}")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_ends_well(shell: Any, tmp_path: Path, number: int, code: int) -> None:
    source = write(tmp_path / "many.jsonl", prompts(400))
    words = (source, "-o", "run", "--model", LOW, "--simulate", "--plan", "enterprise", "--speed", "60")
    process = _running(shell, *words)
    _until_rows(tmp_path, 3, process)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert "Ending well" in err
    assert "Stopped as asked." in out
    assert "Traceback" not in err
    done = int(out.split()[1])
    assert shell("batch", "merge", "run").out.startswith(f"{done} succeeded")


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ((signal.SIGINT, signal.SIGINT), 130),
        ((signal.SIGTERM, signal.SIGTERM), 143),
        ((signal.SIGINT, signal.SIGTERM), 143),
    ],
)
def test_the_second_signal_ends_at_once(shell: Any, tmp_path: Path, numbers: tuple[int, int], code: int) -> None:
    """At this speed an answer takes most of a second, so something is under way when the signals come."""
    source = write(tmp_path / "many.jsonl", prompts(400))
    process = _running(shell, source, "-o", "run", "--model", LOW, "--simulate", "--plan", "enterprise", "--speed", "8")
    _until_rows(tmp_path, 2, process)
    assert process.stderr is not None
    os.kill(process.pid, numbers[0])
    said = ""
    while "Ending well" not in said:
        said = process.stderr.readline()
    os.kill(process.pid, numbers[1])
    started = time.monotonic()
    out, err = process.communicate(timeout=10)
    assert process.returncode == code
    assert "Traceback" not in err
    assert "Start the same command again to go on" in out
    assert time.monotonic() - started < 5
    assert json.loads(shell("batch", "status", "run", "--json").out)["request_counts"]["completed"] >= 2


def test_a_second_start_is_refused(shell: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "many.jsonl", prompts(400))
    words = (source, "-o", "run", "--model", LOW, "--simulate", "--plan", "enterprise", "--speed", "60")
    process = _running(shell, *words)
    try:
        _until_rows(tmp_path, 1, process)
        ran = shell("batch", "run", *words)
        assert ran.code == 2
        assert f"held by process {process.pid}" in ran.err
        assert f"process {process.pid}" in shell("batch", "status", "run").out
    finally:
        process.kill()
        process.communicate()
