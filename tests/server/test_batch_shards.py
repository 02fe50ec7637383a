"""Four processes, each with its share of one run, on one account: nothing refused, the quota well used."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from ghmodels_async import Clock
from ghmodels_async.batch import RunDirectory, merge
from ghmodels_async.simulator import Simulation

WORKER = Path(__file__).parents[1] / "support" / "batch_shard.py"
MODEL = "openai/gpt-4.1-mini"
SCALE = 15.0
MARGIN = 1.5
"""Nominal seconds: 100 ms real, because five processes on two cores are not punctual; costs 2.4 % of a minute."""
PARTS, ROWS = 4, 108


async def _shard(part: int, **order: Any) -> dict[str, Any]:
    order = {"token": "ghp_simulated0000000000000000000000", "scale": SCALE, "margin": MARGIN, **order}
    words = [str(WORKER), json.dumps({**order, "shard": f"{part}/{PARTS}"})]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    said: dict[str, Any] = json.loads(output)
    return said


async def test_four_shards_on_one_account_meet_no_429_and_use_the_quota(tmp_path: Path) -> None:
    rows = tmp_path / "in.jsonl"
    rows.write_text("".join(json.dumps({"id": f"r{n}", "prompt": f"Say {n}."}) + "\n" for n in range(ROWS)))
    run = tmp_path / "run"
    simulation = Simulation(plan="free", window="sliding", clock=Clock(SCALE), fast=True, latency=(0.02, 0.25), seed=7)
    async with simulation.serve() as server:
        about = {"base_url": server.base_url, "plan": "free", "rows": str(rows), "run_dir": str(run), "models": [MODEL]}
        said = await asyncio.gather(*(_shard(part + 1, **about) for part in range(PARTS)))
    assert [one["refused"] for one in said] == [{}] * PARTS
    assert [(one["done"], one["failed"], one["stopped"]) for one in said] == [(ROWS // PARTS, 0, None)] * PARTS
    assert simulation.log.statuses[429] == 0, simulation.log.limits
    assert simulation.log.total == ROWS, "no row was asked for twice"
    assert merge(RunDirectory(run)).succeeded == ROWS
    ids = [json.loads(line)["custom_id"] for line in (run / "output.jsonl").read_text().splitlines()]
    assert ids == [f"r{n}" for n in range(ROWS)]
    at = [arrival.at for arrival in simulation.log]
    # six windows' worth of requests, wherever it is counted from, took hardly longer than six windows
    slowest = max(later - earlier for earlier, later in zip(at, at[90:], strict=False))
    assert 6 * 60 / slowest >= 0.95
