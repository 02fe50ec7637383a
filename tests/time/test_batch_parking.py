"""A model whose quota is used up waits; the others go on. Virtual time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripted_client import ScriptedClient

from ghmodels_async import errors
from ghmodels_async.batch import Limits, run_batch
from ghmodels_async.clock import Clock
from ghmodels_async.wire import ChatRequest

DAY = 86_400.0


def rows_for(*models: str, count: int) -> list[dict[str, Any]]:
    return [{"prompt": f"p{n}", "model": models[n % len(models)]} for n in range(count)]


def used_up(until: float) -> errors.QuotaExhaustedError:
    return errors.QuotaExhaustedError("used up", limit="UserByModelByDay", reset_at=datetime.fromtimestamp(until, UTC))


async def test_a_parked_model_waits_while_others_go_on(tmp_path: Path, clock: Clock) -> None:
    """Far more rows wait for it than its shelf holds: they are passed over and read again, not kept."""
    opens = clock.wall() + 1000
    seen_before_a: list[int] = []

    def script(request: ChatRequest, before: int) -> str | errors.GHModelsError:
        if request.model == "b":
            return "fine"
        if clock.wall() < opens:
            return used_up(opens)
        seen_before_a.append(sum(model == "b" for model, _ in client.asked))
        return "fine"

    events: list[dict[str, Any]] = []
    client = ScriptedClient(script, seconds=0.5, clock=clock)
    summary = await run_batch(
        client,
        rows_for("a", "b", count=1400),
        run_dir=tmp_path,
        concurrency=3,
        on_event=lambda name, facts: events.append(facts) if name == "parked" else None,
    )
    assert summary.progress.done == 1400
    assert seen_before_a[0] == 700, "all of b's rows were answered before the first of a's"
    assert events[0] == {"model": "a", "until": opens, "limit": "UserByModelByDay", "all": False}
    assert 1000 < summary.makespan < 1000 + 700 / 3 * 0.5 + 1


async def test_a_run_whose_models_are_all_parked_waits_for_the_first_to_open(tmp_path: Path, clock: Clock) -> None:
    opens = {"a": clock.wall() + DAY, "b": clock.wall() + 2 * DAY}
    served: list[tuple[str, float]] = []

    def script(request: ChatRequest, before: int) -> str | errors.GHModelsError:
        if clock.wall() < opens[request.model]:
            return used_up(opens[request.model])
        served.append((request.model, clock.wall()))
        return "fine"

    client = ScriptedClient(script, clock=clock)
    rows = [{"prompt": f"p{n}"} for n in range(20)]
    summary = await run_batch(client, rows, run_dir=tmp_path, models=("a", "b"), concurrency=2)
    assert summary.progress.done == 20
    assert {model for model, _ in served} == {"a"}, "whoever opens first takes what is left"
    assert 0 <= min(at for _, at in served) - opens["a"] < 1


async def test_a_clock_that_is_set_forward_ends_a_wait_within_a_minute(tmp_path: Path, clock: Clock) -> None:
    """A suspended machine's timers have slept too: the wall clock is asked again each minute."""
    jump = [0.0]
    jumping = Clock(wall=lambda: clock.wall() + jump[0])
    opens = jumping.wall() + 8 * 3600

    def script(request: ChatRequest, before: int) -> str | errors.GHModelsError:
        if jumping.wall() < opens:
            jump[0] = 8 * 3600  # the lid is closed for the night right after the first refusal
            return used_up(opens)
        return "fine"

    client = ScriptedClient(script, clock=jumping)
    summary = await run_batch(client, [{"prompt": "p"}], run_dir=tmp_path, models=("a",))
    assert summary.progress.done == 1
    assert summary.makespan <= 61


async def test_an_unknown_reset_is_tried_again_each_hour(tmp_path: Path, clock: Clock) -> None:
    start = clock.wall()

    def script(request: ChatRequest, before: int) -> str | errors.GHModelsError:
        return "fine" if clock.wall() - start >= 3 * 3600 else errors.QuotaExhaustedError("used up")

    client = ScriptedClient(script, clock=clock)
    await run_batch(client, [{"prompt": "p"}], run_dir=tmp_path, models=("a",))
    assert len(client.asked) == 4


async def test_where_a_parked_run_waits_is_written_down(tmp_path: Path, clock: Clock) -> None:
    from ghmodels_async.batch import RunDirectory

    opens = clock.wall() + DAY
    client = ScriptedClient(lambda request, before: used_up(opens), clock=clock)
    summary = await run_batch(
        client, [{"prompt": "p"}], run_dir=tmp_path, models=("a",), limits=Limits(stop_at_quota=True)
    )
    assert summary.stopped == "quota"
    assert RunDirectory(tmp_path).facts()["parked"] == {"a": opens}
