"""How many rows a run keeps in flight where nobody knows how many the service takes at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from slow_service import SlowService

from ghmodels_async import Clock
from ghmodels_async.batch import run_batch
from ghmodels_async.batch.lanes import Lane

MODEL = "openai/gpt-4.1-mini"


async def most_in_flight(tmp_path: Path, clock: Clock, amount: int | None, **options: Any) -> int:
    """Of a run under a limit of `amount` a minute."""
    service = SlowService(clock)
    client = service.client(amount)
    async with client as gh:
        await gh.limits.open()
        rows = [{"prompt": f"row {n}"} for n in range(900)]
        summary = await run_batch(gh, rows, run_dir=tmp_path / "run", models=(MODEL,), **options)
    assert summary.stopped is None
    assert summary.progress.done == 900
    return service.most


async def test_a_quota_that_goes_unused_gets_more_rows(tmp_path: Path, clock: Clock) -> None:
    """200 a minute of one minute each are 200 at once."""
    assert 150 <= await most_in_flight(tmp_path, clock, 200) <= 210


@pytest.mark.parametrize(("amount", "options"), [(None, {}), (200, {"concurrency": 20})])
async def test_where_nothing_goes_unused_or_a_number_is_given_it_stays(
    tmp_path: Path, clock: Clock, amount: int | None, options: dict[str, Any]
) -> None:
    assert await most_in_flight(tmp_path, clock, amount, **options) == options.get("concurrency", 64)


def test_a_lane_with_room_left_is_wide_enough() -> None:
    lane = Lane(("m", "/v1/chat/completions"), 2, asyncio.Semaphore(1), flying=1, more=lambda: True)
    lane.let_go()
    assert (lane.width, lane.flying) == (2, 0)
