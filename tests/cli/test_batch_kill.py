"""`kill -9` at random moments: every row exactly once, repeated calls no more than were in flight.

The judge is the simulated service's own log: it saw every call, whatever the killed process remembers.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ghmodels_async import profiles
from ghmodels_async.simulator import TOKEN, BackgroundServer, Simulation

#: Rows a lane may hold that are not durable.
WIDTH = 5

# No limit on calls in flight: such slots are leased, and those of a killed process stay taken until their lease ends.
PROFILE = """
name = "quick"
title = "A quick box"
key_variables = ["GITHUB_TOKEN"]
plans = ["only"]
source = "this test"
date = "2026-11-22"
default_row = "all"

[limits.all]
requests_per_second = 400
"""


class Box:
    """A simulated service, the command against it, and what the service saw."""

    def __init__(self, shell: Any, directory: Path, server: BackgroundServer, rows: int) -> None:
        self.shell = shell
        self.run_dir = directory / "run"
        self.server = server
        self.rows = rows
        self.input = directory / "in.jsonl"
        self.input.write_text("".join(json.dumps({"id": f"r{n}", "prompt": f"prompt {n}"}) + "\n" for n in range(rows)))

    def command(self) -> list[str]:
        words = ["batch", "run", str(self.input), "-o", str(self.run_dir), "--model", "box/one"]
        words += ["--concurrency", str(WIDTH)]
        return [*words, "--profile", str(self.input.parent / "quick.toml"), "--base-url", self.server.base_url]

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "ghmodels_async", *self.command()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.shell.env, "GITHUB_TOKEN": TOKEN},
            cwd=self.shell.home,
        )

    def calls(self) -> Counter[str]:
        return Counter(arrival.digest for arrival in self.server.log if arrival.status == 200)

    def output(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.run_dir / "output.jsonl").read_text().splitlines()]


def _box(shell: Any, tmp_path: Path, rows: int) -> Box:
    path = tmp_path / "quick.toml"
    path.write_text(PROFILE)
    simulation = Simulation(profiles.load(str(path)), fast=True, latency=(0.005, 0.03), seed=5)
    return Box(shell, tmp_path, BackgroundServer(simulation), rows)


def _killed_again_and_again(box: Box, kills: int, seed: int) -> None:
    luck = random.Random(seed)
    done = 0
    with box.server:
        for _ in range(kills):
            asked = sum(box.calls().values())
            process = box.start()
            target = asked + luck.randrange(1, max(2, box.rows // (kills + 1)))
            give_up = time.monotonic() + 60
            while process.poll() is None and sum(box.calls().values()) < target and time.monotonic() < give_up:
                time.sleep(luck.random() * 0.01)
            if process.poll() is None:
                done += 1
                process.send_signal(signal.SIGKILL)
            process.communicate()
            # summed: a start that is killed early leaves some of its predecessor's repeats to its successor
            extra = sum(box.calls().values()) - len(box.calls())
            assert extra <= done * WIDTH, "a kill repeats at most what was in flight"
            # a tear in the last line is what a kill in the middle of a write would leave
            if luck.random() < 0.5:
                for segment in (box.run_dir / "journal").glob("*.jsonl"):
                    with segment.open("ab") as file:
                        file.write(b'{"row":1,"hash":"00')
        last = box.start()
        out, err = last.communicate(timeout=120)
        assert last.returncode == 0, err
        assert out.split()[:2] == ["ok", f"{box.rows:,}"]
        repeated = sum(box.calls().values()) - len(box.calls())
    assert done >= kills // 2, "the kills came while it worked"
    assert len(box.calls()) == box.rows
    assert repeated <= done * WIDTH
    assert Counter(row["custom_id"] for row in box.output()) == {f"r{n}": 1 for n in range(box.rows)}
    assert [row["custom_id"] for row in box.output()] == [f"r{n}" for n in range(box.rows)]
    assert box.server.log.statuses[429] == 0


def test_killed_five_times_every_row_is_there_once(shell: Any, tmp_path: Path) -> None:
    _killed_again_and_again(_box(shell, tmp_path, 400), kills=5, seed=11)


@pytest.mark.soak
def test_killed_fifty_times_every_row_is_there_once(shell: Any, tmp_path: Path) -> None:
    _killed_again_and_again(_box(shell, tmp_path, 3000), kills=50, seed=12)
