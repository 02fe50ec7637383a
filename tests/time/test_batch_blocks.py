"""Rows that stand in blocks, model after model: no model waits for another, and none is forgotten. Virtual time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from scripted_client import ScriptedClient, text_of

from ghmodels_async import errors
from ghmodels_async.batch import Limits, run_batch
from ghmodels_async.clock import Clock
from ghmodels_async.wire import ChatRequest

DAY = 86_400.0


def blocks(*models: str, each: int) -> list[dict[str, Any]]:
    return [{"prompt": f"{model}{n}", "model": model} for model in models for n in range(each)]


def used_up(until: float) -> errors.QuotaExhaustedError:
    return errors.QuotaExhaustedError("used up", limit="UserByModelByDay", reset_at=datetime.fromtimestamp(until, UTC))


class Listener:
    """What a run tells, but for rows."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, name: str, facts: dict[str, Any]) -> None:
        if name != "row":
            self.heard.append((name, facts))


async def test_models_work_side_by_side_although_their_rows_stand_one_after_the_other(
    tmp_path: Path, clock: Clock
) -> None:
    client = ScriptedClient(seconds=10.0, clock=clock)
    summary = await run_batch(client, blocks("a", "b", "c", each=300), run_dir=tmp_path, concurrency=1)
    assert summary.progress.done == 900
    assert summary.makespan == pytest.approx(300 * 10, abs=5)


async def test_rows_behind_a_parked_models_rows_do_not_wait_for_it(tmp_path: Path, clock: Clock) -> None:
    opens = clock.wall() + DAY
    answered: dict[str, float] = {}

    def script(request: ChatRequest, before: int) -> str | errors.GHModelsError:
        if request.model == "a" and clock.wall() < opens:
            return used_up(opens)
        answered[text_of(request)] = clock.wall()
        return "fine"

    heard = Listener()
    client = ScriptedClient(script, seconds=0.1, clock=clock)
    summary = await run_batch(client, blocks("a", "b", each=500), run_dir=tmp_path, concurrency=4, on_event=heard)
    assert summary.progress.done == 1000
    assert max(answered[f"b{n}"] for n in range(500)) < opens - DAY + 100
    told = [(name, facts["until"]) for name, facts in heard.heard]
    assert told == [("parked", opens), ("waiting", opens)], "once each, however many rows were in flight"


async def test_stop_at_quota_waits_for_models_that_still_have_some(tmp_path: Path, clock: Clock) -> None:
    opens = clock.wall() + DAY
    client = ScriptedClient(lambda request, before: used_up(opens) if request.model == "a" else "fine", clock=clock)
    summary = await run_batch(
        client, blocks("a", "b", each=50), run_dir=tmp_path, concurrency=3, limits=Limits(stop_at_quota=True)
    )
    assert (summary.stopped, summary.progress.done, summary.progress.remaining) == ("quota", 50, 50)
    assert summary.makespan < 60


async def test_rows_behind_those_of_a_model_nobody_may_use_are_answered(tmp_path: Path, clock: Clock) -> None:
    refused = errors.ModelNotFoundError("no such model", status=404)
    client = ScriptedClient(lambda request, before: refused if request.model == "a" else "fine", clock=clock)
    summary = await run_batch(client, blocks("a", "b", each=50), run_dir=tmp_path, concurrency=3)
    assert (summary.stopped, summary.progress.done, summary.progress.failed) == (None, 50, 50)


async def test_a_run_whose_rows_all_name_a_model_nobody_may_use_stops(tmp_path: Path, clock: Clock) -> None:
    refused = errors.ModelNotFoundError("no such model", status=404)
    client = ScriptedClient(lambda request, before: refused, clock=clock)
    summary = await run_batch(client, blocks("a", each=50), run_dir=tmp_path, concurrency=3)
    assert (summary.stopped, summary.cause, summary.progress.failed) == ("refused", refused, 0)
    assert summary.merged is None
    assert len(client.asked) <= 3


async def test_failed_rows_of_a_late_model_run_again_when_asked(tmp_path: Path, clock: Clock) -> None:
    bad = errors.BadRequestError("x", status=400)
    client = ScriptedClient(lambda request, before: bad if request.model == "b" else "fine", clock=clock)
    await run_batch(client, blocks("a", "b", each=20), run_dir=tmp_path, concurrency=3)
    again = ScriptedClient(clock=clock)
    summary = await run_batch(again, None, run_dir=tmp_path, retry=lambda head: True)
    assert sorted(again.asked) == sorted(("b", f"b{n}") for n in range(20))
    assert summary.progress.remaining == 0


async def test_an_input_without_a_single_request_is_recorded_to_its_end(tmp_path: Path, clock: Clock) -> None:
    client = ScriptedClient(clock=clock)
    summary = await run_batch(client, [{"nothing": n} for n in range(3000)], run_dir=tmp_path, models=("m",))
    assert (summary.stopped, summary.progress.failed, client.asked) == (None, 3000, [])
