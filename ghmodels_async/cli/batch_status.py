"""`ghmodels batch status`: how far a run is, without touching it."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import datetime
from typing import Any

import click

from ghmodels_async.batch import RunDirectory, count_input, failures, fault_counts, read_finished

from .options import json_option

__all__ = ["command"]


@click.command(name="status")
@click.argument("run_dir", metavar="RUN_DIR")
@json_option
def command(run_dir: str, as_json: bool) -> None:
    """Say how far the run in RUN_DIR is: rows, failures by reason, who works on it, until when its models wait.

    Reads only, also while the run goes on.
    """
    run = RunDirectory(run_dir)
    state = _state(run)
    if as_json:
        print(json.dumps(state, ensure_ascii=False, indent=2))
        return
    counts = state["request_counts"]
    print(f"input      {state['input']}, {counts['total']:,} rows")
    print(f"ok         {counts['completed']:,}")
    reasons = ", ".join(f"{name}: {count:,}" for name, count in state["failed_by"].items())
    print(f"failed     {counts['failed']:,}" + (f" ({reasons})" if reasons else ""))
    print(f"not done   {counts['total'] - counts['completed'] - counts['failed']:,}")
    print(f"worked on  {', '.join(state['holders']) or 'by nobody now'}")
    for model, until in state["parked"].items():
        print(f"parked     {model} until {until}")


def _state(run: RunDirectory) -> dict[str, Any]:
    facts = run.facts()
    with contextlib.closing(read_finished(run.journal)) as finished:
        done, answered = len(finished.succeeded), len(finished.answered)
        reasons = fault_counts(failures(run.journal, finished))
    total = count_input(run)
    return {
        "run_dir": str(run.path),
        "input": str(run.spool) if facts.get("spooled") else facts.get("input"),
        "models": facts["identity"]["models"],
        "request_counts": {"total": total, "completed": done, "failed": answered - done},
        "failed_by": dict(reasons.most_common()),
        "holders": run.holders(),
        "parked": {
            model: datetime.fromtimestamp(until).astimezone().isoformat(timespec="seconds")
            for model, until in facts.get("parked", {}).items()
            if until > time.time() and answered < total
        },
    }
