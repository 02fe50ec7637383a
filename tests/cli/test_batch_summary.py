"""The closing summary: where the time went."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ghmodels_async import profiles
from ghmodels_async.batch import ModelProgress, Progress, RunDirectory, Summary
from ghmodels_async.cli.batch_report import print_summary
from ghmodels_async.limits import LimitState

LOW = "openai/gpt-4.1-mini"
NOW = 1_700_000_000.0
TOOK = 92.0


def full_minute(opens_in: float) -> LimitState:
    """All 15 of a minute used when the run began."""
    opens = datetime.fromtimestamp(NOW - TOOK + opens_in, UTC)
    times: dict[str, Any] = {"next_free_at": opens, "blocked_until": None, "resets_at": opens}
    return LimitState(
        "UserByModelByMinute", "model", LOW, "requests", 15, 60.0, 15, 0, source="", last_429=None, **times
    )


def said(capsys: pytest.CaptureFixture[str], tmp_path: Path, before: dict[str, list[LimitState]]) -> dict[str, str]:
    cost = SimpleNamespace(known_dollars=0.0)
    client: Any = SimpleNamespace(
        profile=profiles.load("github"),
        plan="free",
        clock=SimpleNamespace(scale=1.0, wall=lambda: NOW),
        usage=SimpleNamespace(rate_limited={}, cost=cost),
    )
    progress = Progress(total=10, done=10, models={LOW: ModelProgress(done=10)})
    run: Any = SimpleNamespace(directory=RunDirectory(tmp_path))
    print_summary(client, run, Summary(progress, None, None, TOOK, None), before)
    return {line[:13].strip(): line[13:].strip() for line in capsys.readouterr().out.splitlines()}


def test_waits_for_quota_used_earlier_are_told_apart(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    alone = said(capsys, tmp_path, {})
    after = said(capsys, tmp_path, {LOW: [full_minute(50.0)]})
    assert "used before" not in alone
    assert after["used before"].startswith("50.0 s: ")
    rest = {name: float(text["the rest"].partition(" s")[0]) for name, text in (("alone", alone), ("after", after))}
    assert rest["alone"] - rest["after"] == pytest.approx(50.0, abs=0.2)
