"""How many rows a run keeps in flight where nobody knows how many the service takes at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from simulated import TOKEN

from ghmodels_async import Clock, GitHubModels
from ghmodels_async.batch import run_batch
from ghmodels_async.batch.lanes import Lane

MODEL = "openai/gpt-4.1-mini"
SECONDS = 60.0
"""How long an answer takes."""
EVENTS = (
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


class SlowService:
    """Lets everything in at once and answers slowly."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.in_flight = self.most = 0

    async def send(self, request: Any, *, timeouts: Any = None, on_sent: Any = None) -> Any:
        on_sent(self.clock.now())
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        head = SimpleNamespace(status=200, headers={"content-type": "text/event-stream"}, received_at=self.clock.now())
        return Answer(head, self)

    async def aclose(self) -> None:
        pass


class Answer:
    def __init__(self, head: Any, service: SlowService) -> None:
        self.head = head
        self._service = service

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await self._service.clock.sleep(SECONDS)
        self._service.in_flight -= 1
        yield EVENTS

    def release(self) -> None:
        pass


async def most_in_flight(tmp_path: Path, clock: Clock, amount: int | None, **options: Any) -> int:
    """Of a run under a limit of `amount` a minute."""
    service = SlowService(clock)
    client = GitHubModels(
        token=TOKEN,
        base_url="http://127.0.0.1/inference",
        transport=service,  # type: ignore[arg-type]
        clock=clock,
        ledger="memory",
        limits={
            "*": {"requests_per_minute": amount, "requests_per_day": None, "concurrent": None},
            "account": {"requests_per_minute": None},
        },
    )
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
