"""The live view: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

MODEL = "openai/gpt-4.1-mini"


def _on_a_terminal(shell: Any, *words: str) -> tuple[int, str]:
    """Run the command with standard error on a terminal of 140 columns; what it drew there."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ghmodels_async", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=follower,
        env={**shell.env, "COLUMNS": "140", "LINES": "30", "TERM": "xterm-256color"},
        cwd=shell.home,
    )
    os.close(follower)
    drawn = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # the other side has closed
            break
        if not piece:
            break
        drawn += piece
    os.close(leader)
    return process.wait(), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", drawn.decode())


def test_a_terminal_shows_rows_quota_and_time_left(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"p{n}"}) + "\n" for n in range(25)))
    words = (
        "batch",
        "run",
        str(path),
        "-o",
        "run",
        "--model",
        MODEL,
        "--simulate",
        "--plan",
        "enterprise",
        "--speed",
        "120",
    )
    code, drawn = _on_a_terminal(shell, *words)
    assert code == 0
    assert "25 rows will take" in drawn
    frames = drawn.split("quota left")
    assert len(frames) > 3, "it is drawn again and again"
    assert re.search(r"\d+/25 .*ok .*0 failed .*in flight .*ETA \d", drawn)
    assert re.search(MODEL + r" +\d+ +0 +\d+ +\d+ +minute \d+/20, day \d+/450 full \S+", drawn)
    assert "25/25" in frames[-2] + frames[-1]
    assert "ETA now" in drawn
    assert re.search(r"\$0\.\d{4}", frames[-1])


def test_elsewhere_there_are_plain_lines(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"p{n}"}) + "\n" for n in range(60)))
    words = (
        "batch",
        "run",
        str(path),
        "-o",
        "run",
        "--model",
        MODEL,
        "--simulate",
        "--plan",
        "enterprise",
        "--speed",
        "12",
    )
    with shell.running(*words) as process:
        assert process.stderr is not None
        assert "60 rows will take" in process.stderr.readline()
        line = process.stderr.readline()
    assert re.match(r"\d+/60 rows, \d+ ok, 0 failed, \d+ in flight, quota left: .*minute \d+/20.*, ETA \d", line)
    assert "\x1b" not in line
