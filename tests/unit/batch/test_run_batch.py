"""Files and a journal around a client: one start after the other."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from scripted_client import ScriptedClient, text_of

from ghmodels_async import errors
from ghmodels_async.batch import (
    BatchRun,
    Cache,
    ChangedRowError,
    Limits,
    Recipe,
    RunLockedError,
    RunMismatchError,
    Shard,
    Template,
    run_batch,
    verdicts,
)
from ghmodels_async.wire import ChatRequest


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "FIRST_WAIT", 0.001)


def prompts(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"id": f"r{n}", "prompt": f"p{n}"} for n in range(start, start + count)]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def output(run_dir: Path, name: str = "output.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run_dir / name).read_text().splitlines()]


async def test_every_row_is_answered_once_in_the_order_of_the_input(tmp_path: Path) -> None:
    client = ScriptedClient()
    summary = await run_batch(client, prompts(200), run_dir=tmp_path, models=("m",))
    assert (summary.stopped, summary.progress.done, summary.progress.failed) == (None, 200, 0)
    assert [row["custom_id"] for row in output(tmp_path)] == [f"r{n}" for n in range(200)]
    first = output(tmp_path)[0]
    assert first["response"]["status_code"] == 200
    assert first["response"]["body"]["choices"][0]["message"]["content"] == "echo p0"
    assert (first["model"], first["attempts"], first["error"]) == ("m", 1, None)
    assert first["usage"]["prompt_tokens"] == 3
    assert len(client.asked) == 200


async def test_started_again_it_does_only_what_is_missing(tmp_path: Path) -> None:
    rows = write(tmp_path / "in.jsonl", prompts(50))
    run = tmp_path / "run"
    enough: list[Any] = []

    def ten(request: ChatRequest, before: int) -> str:
        if len(client.asked) >= 10:
            enough[0]()
        return f"echo {text_of(request)}"

    client = ScriptedClient(ten)
    async with BatchRun(client, rows, run_dir=run, models=("m",), concurrency=4) as batch:
        enough.append(batch.runner.drain)
        summary = await batch.go()
    assert summary.stopped == "interrupted"
    assert summary.merged is None
    first = len(client.asked)
    assert 10 <= first < 50
    summary = await run_batch(client, rows, run_dir=run, models=("m",))
    assert len(client.asked) == 50
    assert summary.progress.before_done == first
    assert [row["custom_id"] for row in output(run)] == [f"r{n}" for n in range(50)]


async def test_without_an_input_the_run_goes_on_as_it_was_started(tmp_path: Path) -> None:
    recipe = Recipe(template=Template("Q {{prompt}}"), parameters={"temperature": 0})
    client = ScriptedClient(lambda request, before: errors.ServerError("x", status=500))
    await run_batch(client, prompts(2), run_dir=tmp_path, models=("m",), recipe=recipe)
    seen: list[ChatRequest] = []

    def keep(request: ChatRequest, before: int) -> str:
        seen.append(request)
        return "fine"

    await run_batch(ScriptedClient(keep), None, run_dir=tmp_path, retry=lambda head: True)
    assert [(text_of(request), request.model, request.temperature) for request in seen] == [
        ("Q p0", "m", 0),
        ("Q p1", "m", 0),
    ]


async def test_no_more_rows_are_in_flight_than_the_lane_is_wide(tmp_path: Path) -> None:
    client = ScriptedClient(seconds=0.002)
    await run_batch(client, prompts(60), run_dir=tmp_path, models=("m",), concurrency=7)
    assert client.most == 7


async def test_an_unsynced_row_still_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a crash may repeat is what was handed out and is not durable: that never exceeds the width."""
    import os
    import time

    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda handle: (time.sleep(0.02), real(handle)))
    client = ScriptedClient()
    run = BatchRun(client, prompts(30), run_dir=tmp_path, models=("m",), concurrency=3)
    async with run as batch:
        worst = 0
        work = asyncio.ensure_future(batch.go())
        while not work.done():
            durable = sum(len(path.read_bytes().splitlines()) for path in (tmp_path / "journal").glob("*.jsonl"))
            worst = max(worst, len(client.asked) - durable)
            await asyncio.sleep(0)
        await work
    assert 0 < worst <= 3


async def test_a_failing_row_runs_again_before_the_end_and_is_recorded_when_worn_out(tmp_path: Path) -> None:
    def script(request: ChatRequest, before: int) -> str | errors.GHModelsError:
        text = text_of(request)
        if text == "p3":
            return errors.ServerError("always", status=500, code="boom", request_id="r")
        if text == "p5" and before < 2:
            return errors.RequestTimeoutError(phase="head", elapsed=1)
        return "fine"

    client = ScriptedClient(script, seconds=0.001)
    summary = await run_batch(client, prompts(40), run_dir=tmp_path, models=("m",), concurrency=2)
    order = [text for _, text in client.asked]
    assert (order.count("p3"), order.count("p5")) == (3, 3)
    assert order.index("p39") > [n for n, text in enumerate(order) if text == "p5"][2]
    assert (summary.progress.done, summary.progress.failed, dict(summary.progress.faults)) == (39, 1, {"500": 1})
    (bad,) = output(tmp_path, "errors.jsonl")
    assert (bad["custom_id"], bad["attempts"], bad["response"]["status_code"]) == ("r3", 3, 500)
    assert bad["response"]["body"]["error"] == {"code": "boom", "message": "always"}


async def test_failed_rows_run_again_when_asked_and_only_those_meant(tmp_path: Path) -> None:
    def broken(request: ChatRequest, before: int) -> errors.GHModelsError:
        kind = int(text_of(request)[1:]) % 3
        if kind == 0:
            return errors.ServerError("x", status=503)
        return (
            errors.RequestTimeoutError(phase="head", elapsed=1)
            if kind == 1
            else errors.BadRequestError("x", status=400)
        )

    rows = prompts(9)
    await run_batch(ScriptedClient(broken), rows, run_dir=tmp_path, models=("m",), limits=Limits(rounds=1))
    assert len(output(tmp_path, "errors.jsonl")) == 9
    client = ScriptedClient()
    await run_batch(client, rows, run_dir=tmp_path, models=("m",))
    assert client.asked == [], "a failure is an answer"
    await run_batch(client, None, run_dir=tmp_path, retry=lambda head: head.status == 503)
    assert sorted(text for _, text in client.asked) == ["p0", "p3", "p6"]
    await run_batch(client, None, run_dir=tmp_path, retry=lambda head: head.fault == "timeout")
    assert len(output(tmp_path)) == 6
    assert [row["custom_id"] for row in output(tmp_path, "errors.jsonl")] == ["r2", "r5", "r8"]


@pytest.mark.parametrize(
    "error",
    [
        errors.TokenInvalidError("bad token", status=401),
        errors.ModelsDisabledError("off", status=403),
        errors.ServiceRetiredError("gone", status=410),
        errors.ModelNotFoundError("no such", status=404),
        errors.ConfigurationError("no such profile"),
    ],
)
async def test_a_hopeless_error_stops_the_run_at_once_and_costs_no_row(
    tmp_path: Path, error: errors.GHModelsError
) -> None:
    client = ScriptedClient(lambda request, before: error)
    summary = await run_batch(client, prompts(500), run_dir=tmp_path, models=("m",), concurrency=5)
    assert (summary.stopped, summary.cause) == ("refused", error)
    assert len(client.asked) <= 5
    assert summary.progress.failed == 0
    assert summary.merged is None
    again = ScriptedClient()
    assert (await run_batch(again, prompts(500), run_dir=tmp_path, models=("m",))).progress.done == 500


async def test_a_server_that_is_down_stops_the_run_soon(tmp_path: Path) -> None:
    client = ScriptedClient(lambda request, before: errors.ConnectionFailedError("refused", sent=False))
    summary = await run_batch(client, prompts(500), run_dir=tmp_path, models=("m",), concurrency=2)
    assert summary.stopped == "refused"
    assert len(client.asked) <= 7


async def test_too_many_failures_stop_the_run_if_asked(tmp_path: Path) -> None:
    def half(request: ChatRequest, before: int) -> str | errors.GHModelsError:
        return "fine" if int(text_of(request)[1:]) % 2 else errors.BadRequestError("x", status=400)

    client = ScriptedClient(half)
    limits = Limits(max_error_rate=0.3)
    summary = await run_batch(client, prompts(500), run_dir=tmp_path, models=("m",), concurrency=4, limits=limits)
    assert summary.stopped == "error_rate"
    assert 20 <= len(client.asked) < 60


async def test_rows_go_to_whichever_model_has_room_when_several_are_named(tmp_path: Path) -> None:
    def slow_a(request: ChatRequest, before: int) -> Any:
        async def answer() -> str:
            await asyncio.sleep(0.02 if request.model == "a" else 0.001)
            return "fine"

        return answer()

    summary = await run_batch(ScriptedClient(slow_a), prompts(60), run_dir=tmp_path, models=("a", "b"), concurrency=2)
    served = [row["model"] for row in output(tmp_path)]
    assert served.count("b") > served.count("a") > 0
    assert {name: model.done for name, model in summary.progress.models.items()} == {
        "a": served.count("a"),
        "b": served.count("b"),
    }


async def test_a_row_that_names_its_model_goes_there_and_nowhere_else(tmp_path: Path) -> None:
    rows = [{**row, "model": "ab"[n % 2]} for n, row in enumerate(prompts(2000))]
    client = ScriptedClient()
    await run_batch(client, rows, run_dir=tmp_path, concurrency=3)
    assert sorted(client.asked) == sorted((row["model"], row["prompt"]) for row in rows)


async def test_stop_at_quota_stops_when_every_model_is_parked(tmp_path: Path) -> None:
    reset = datetime.now(UTC) + timedelta(days=1)

    def script(request: ChatRequest, before: int) -> str | errors.GHModelsError:
        mine = sum(model == request.model for model, _ in client.asked)
        return "fine" if mine <= 10 else errors.QuotaExhaustedError("used up", reset_at=reset)

    client = ScriptedClient(script)
    limits = Limits(stop_at_quota=True)
    rows = prompts(100)
    summary = await run_batch(client, rows, run_dir=tmp_path, models=("a", "b"), concurrency=2, limits=limits)
    assert (summary.stopped, summary.progress.done, summary.progress.failed) == ("quota", 20, 0)
    client = ScriptedClient()
    summary = await run_batch(client, rows, run_dir=tmp_path, models=("a", "b"))
    assert len(client.asked) == 80


async def test_a_model_nobody_may_use_leaves_its_rows_to_the_others(tmp_path: Path) -> None:
    def script(request: ChatRequest, before: int) -> str | errors.GHModelsError:
        return errors.ModelAccessError("no", status=403) if request.model == "a" else "fine"

    client = ScriptedClient(script)
    summary = await run_batch(client, prompts(100), run_dir=tmp_path, models=("a", "b"), concurrency=2)
    assert summary.progress.done == 100
    assert sum(model == "a" for model, _ in client.asked) <= 2


async def test_rows_bound_to_a_model_nobody_may_use_fail_without_further_calls(tmp_path: Path) -> None:
    def script(request: ChatRequest, before: int) -> str | errors.GHModelsError:
        return errors.ModelNotFoundError("no", status=404) if request.model == "a" else "fine"

    rows = [{**row, "model": "ab"[n % 2]} for n, row in enumerate(prompts(1200))]
    client = ScriptedClient(script)
    summary = await run_batch(client, rows, run_dir=tmp_path, concurrency=2)
    assert (summary.progress.done, summary.progress.failed) == (600, 600)
    assert sum(model == "a" for model, _ in client.asked) <= 2


async def test_rows_that_are_no_requests_fail_without_a_call(tmp_path: Path) -> None:
    rows = write(tmp_path / "in.jsonl", prompts(3))
    with rows.open("a") as file:
        file.write('not json\n{"prompt": "x", "temperature": "hot"}\n')
    client = ScriptedClient()
    summary = await run_batch(client, rows, run_dir=tmp_path / "run", models=("m",))
    assert (summary.progress.done, summary.progress.failed, len(client.asked)) == (3, 2, 3)
    bad = output(tmp_path / "run", "errors.jsonl")
    assert [(row["error"]["code"], row["error"]["line"]) for row in bad] == [("invalid", 4), ("invalid", 5)]
    assert all(row["response"] is None for row in bad)


async def test_another_model_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    await run_batch(ScriptedClient(), prompts(2), run_dir=tmp_path, models=("m",))
    with pytest.raises(RunMismatchError, match="models"):
        await run_batch(ScriptedClient(), prompts(2), run_dir=tmp_path, models=("n",))


async def test_a_changed_row_is_refused_and_shown(tmp_path: Path) -> None:
    rows = prompts(5)
    path = write(tmp_path / "in.jsonl", rows)
    await run_batch(ScriptedClient(), path, run_dir=tmp_path / "run", models=("m",))
    rows[3]["prompt"] = "something else"
    write(path, rows)
    client = ScriptedClient()
    with pytest.raises(ChangedRowError, match="something else") as caught:
        await run_batch(client, path, run_dir=tmp_path / "run", models=("m",))
    assert caught.value.row == 3
    assert client.asked == []


async def test_an_accepted_changed_row_runs_again_and_stays_accepted(tmp_path: Path) -> None:
    rows = prompts(5)
    path = write(tmp_path / "in.jsonl", rows)
    run = tmp_path / "run"
    await run_batch(ScriptedClient(), path, run_dir=run, models=("m",))
    rows[3]["prompt"] = rows[1]["prompt"] = "something else"
    write(path, rows)
    stopping = ScriptedClient(lambda request, before: errors.TokenInvalidError("x", status=401))
    await run_batch(stopping, path, run_dir=run, models=("m",), accept_changes=True)
    client = ScriptedClient()
    await run_batch(client, path, run_dir=run, models=("m",))
    assert client.asked == [("m", "something else")] * 2
    texts = [row["response"]["body"]["choices"][0]["message"]["content"] for row in output(run)]
    assert texts == ["echo p0", "echo something else", "echo p2", "echo something else", "echo p4"]


async def test_the_input_may_grow_at_its_end_but_not_shrink(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", prompts(5))
    await run_batch(ScriptedClient(), path, run_dir=tmp_path / "run", models=("m",))
    write(path, prompts(8))
    client = ScriptedClient()
    await run_batch(client, path, run_dir=tmp_path / "run", models=("m",))
    assert sorted(text for _, text in client.asked) == ["p5", "p6", "p7"]
    write(path, prompts(4))
    with pytest.raises(ChangedRowError, match="shorter"):
        await run_batch(client, path, run_dir=tmp_path / "run", models=("m",))


async def test_a_second_start_is_refused_while_the_first_works(tmp_path: Path) -> None:
    async with BatchRun(ScriptedClient(), prompts(5), run_dir=tmp_path, models=("m",)):
        with pytest.raises(RunLockedError):
            await run_batch(ScriptedClient(), prompts(5), run_dir=tmp_path, models=("m",))


async def test_shards_do_each_row_once_and_merge_together(tmp_path: Path) -> None:
    from ghmodels_async.batch import RunDirectory, merge

    path = write(tmp_path / "in.jsonl", prompts(31))
    run = tmp_path / "run"
    clients = [ScriptedClient(seconds=0.001) for _ in range(3)]

    async def work(part: int) -> None:
        shard = Shard(part + 1, 3)
        summary = await run_batch(clients[part], path, run_dir=run, models=("m",), shard=shard, concurrency=2)
        assert summary.merged is None
        assert summary.progress.total == len(clients[part].asked)

    await asyncio.gather(*map(work, range(3)))
    assert sorted(text for client in clients for _, text in client.asked) == sorted(f"p{n}" for n in range(31))
    merge(RunDirectory(run))
    assert [row["custom_id"] for row in output(run)] == [f"r{n}" for n in range(31)]


async def test_equal_requests_are_answered_from_the_cache_when_nothing_is_sampled(tmp_path: Path) -> None:
    rows = [{"prompt": "same", "temperature": 0} for _ in range(5)] + [{"prompt": "same"} for _ in range(3)]
    client = ScriptedClient()
    with Cache(tmp_path / "cache.db", endpoint="test") as cache:
        await run_batch(client, rows, run_dir=tmp_path / "one", models=("m",), concurrency=1, cache=cache)
        assert len(client.asked) == 1 + 3
        summary = await run_batch(client, rows[:5], run_dir=tmp_path / "two", models=("m",), cache=cache)
    assert len(client.asked) == 1 + 3
    assert summary.progress.cached == 5
    assert all(row["cached"] and row["attempts"] == 0 for row in output(tmp_path / "two"))
    bodies = {json.dumps(row["response"]["body"]) for row in output(tmp_path / "two")}
    assert bodies == {json.dumps(output(tmp_path / "one")[0]["response"]["body"])}


async def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    real, room = os.write, [4000]

    def filling_up(handle: int, data: Any) -> int:
        if "journal" in str(Path(f"/proc/self/fd/{handle}").readlink()):
            if room[0] <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            room[0] -= len(data)
        return real(handle, data)

    rows = prompts(100)
    client = ScriptedClient(seconds=0.001)
    monkeypatch.setattr(os, "write", filling_up)
    summary = await run_batch(client, rows, run_dir=tmp_path, models=("m",), concurrency=3)
    monkeypatch.undo()
    assert summary.stopped == "journal"
    assert "No space left" in str(summary.cause)
    kept = summary.progress.done
    assert 0 < kept < 100
    assert len(client.asked) <= kept + 3
    again = ScriptedClient()
    await run_batch(again, rows, run_dir=tmp_path, models=("m",))
    assert len(again.asked) == 100 - kept
    assert [row["custom_id"] for row in output(tmp_path)] == [f"r{n}" for n in range(100)]


async def test_cancelling_keeps_what_was_finished(tmp_path: Path) -> None:
    thirty = asyncio.Event()

    def script(request: ChatRequest, before: int) -> str:
        if len(client.asked) >= 30:
            thirty.set()
        return "fine"

    client = ScriptedClient(script, seconds=0.001)
    task = asyncio.ensure_future(run_batch(client, prompts(100), run_dir=tmp_path, models=("m",), concurrency=4))
    await thirty.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    asked = len(client.asked)
    again = ScriptedClient()
    await run_batch(again, prompts(100), run_dir=tmp_path, models=("m",))
    assert 100 - asked <= len(again.asked) <= 100 - asked + 4
    assert len(output(tmp_path)) == 100
