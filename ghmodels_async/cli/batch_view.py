"""The live view of a batch run: a table that redraws itself on a terminal, a plain line now and then elsewhere.

Time left comes from the quota arithmetic, never from smoothing past progress: a batch that must wait for tomorrow's
quota says so from its first second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ghmodels_async.batch import ANSWER_SECONDS, BatchRun, Quotas, allowances, fresh_quotas, margins_of, used_quotas
from ghmodels_async.errors import GHModelsError

from .batch_quota import quota_left
from .batch_report import spell
from .screen import fitted, plain_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ghmodels_async.client import GitHubModels
    from ghmodels_async.limits.quota import Allowance

__all__ = ["events_to_stderr", "events_to_stdout", "live_view"]

#: Real seconds between two looks, on a terminal and elsewhere.
LOOK, LINE = 0.25, 10.0
#: Part of the time that may go into reckoning the time left: tens of thousands of rows take a tenth of a second.
_RECKONING = 0.02


def events_to_stdout() -> Callable[[str, dict[str, Any]], None]:
    """One JSON object a line, flushed, so that another program can follow."""

    def tell(name: str, facts: dict[str, Any]) -> None:
        print(json.dumps({"event": name, **facts}, ensure_ascii=False), flush=True)

    return tell


def events_to_stderr() -> Callable[[str, dict[str, Any]], None]:
    """The events a person must not miss, a line each."""

    def tell(name: str, facts: dict[str, Any]) -> None:
        if name == "forecast":
            text = f"{facts['rows']:,} rows will take {spell(facts['seconds'])}"
        elif name == "note":
            text = f"note: {facts['note']}"
        elif name == "parked":
            text = f"{facts['model']}: quota used up ({facts['limit']}), parked until {_spelled(facts['until'])}"
        elif name == "waiting":
            text = f"No model has quota left: waiting until {_spelled(facts['until'])}"
        elif name == "closed":
            text = f"{facts['model']} is out: {facts['why']}"
        else:
            return
        print(text, file=sys.stderr, flush=True)

    return tell


def _spelled(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%a %d %b %H:%M:%S}"


@contextlib.asynccontextmanager
async def live_view(client: GitHubModels, run: BatchRun) -> AsyncIterator[None]:
    """Show progress on standard error while the body runs."""
    view = _View(client, run)
    show = _redraw(view) if sys.stderr.isatty() else _lines(view)
    task = asyncio.create_task(show)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _redraw(view: _View) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    with Live(view.table(console.width), console=console, auto_refresh=False) as live:
        try:
            while True:
                await asyncio.sleep(LOOK)
                await view.reckon()
                live.update(view.table(console.width), refresh=True)
        finally:
            live.update(view.table(console.width), refresh=True)


async def _lines(view: _View) -> None:
    while True:
        await asyncio.sleep(LINE)
        await view.reckon()
        print(view.line(), file=sys.stderr, flush=True)


class _View:
    """What is shown. Reads the run's counts and the gate's limits; changes nothing."""

    def __init__(self, client: GitHubModels, run: BatchRun) -> None:
        self._client = client
        self._run = run
        self._bound: dict[tuple[str, ...], list[Allowance]] = {}
        self._eta = "?"
        self._eta_until = 0.0

    def line(self) -> str:
        progress = self._run.progress
        quota = "; ".join(f"{name} {self._quota(name)}" for name in progress.models)
        parts = [
            f"{progress.answered:,}/{progress.total or 0:,} rows",
            f"{progress.before_done + progress.done:,} ok",
            f"{progress.before_failed + progress.failed:,} failed",
            f"{self._flying()} in flight",
            f"quota left: {quota}" if quota else "",
            f"ETA {self.eta()}",
        ]
        return ", ".join(part for part in parts if part)

    def table(self, width: int) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        progress = self._run.progress
        failed = progress.before_failed + progress.failed
        head = Table.grid(padding=(0, 1))
        head.add_row(
            ProgressBar(total=max(progress.total or 0, 1), completed=progress.answered, width=30),
            f"{progress.answered:,}/{progress.total or 0:,}",
            Text(f"{progress.before_done + progress.done:,} ok", style="green"),
            Text(f"{failed:,} failed", style="red" if failed else "dim"),
            f"{self._flying()} in flight",
            *([f"{progress.waiting} again"] if progress.waiting else []),
            Text(f"ETA {self.eta()}", style="bold"),
        )
        numbers = ("done", "failed", "in flight", "waiting", "tokens", "tokens/s", "list price")
        titles = ("model", *numbers[:4], "quota left", *numbers[4:])
        body = plain_table(*titles, right=numbers, fold=("quota left",))
        for name, model in progress.models.items():
            sent = self._sent(name, model.in_flight)
            body.add_row(
                name,
                f"{model.done:,}",
                f"{model.failed:,}",
                f"{sent}",
                f"{model.in_flight - sent}",
                self._parked(model.parked_until) or self._quota(name),
                f"{model.tokens_in + model.tokens_out:,}",
                self._rate(model.tokens_out),
                self._price(name),
            )
        return Group(head, fitted(body, width, ("list price", "tokens/s", "tokens", "waiting", "in flight", "failed")))

    def eta(self) -> str:
        """Time left, as last reckoned."""
        return "now: writing the output" if self._run.progress.remaining == 0 else self._eta

    async def reckon(self) -> None:
        """Find the time left by the quota arithmetic about once a second; less often where that takes long.

        Cancellation: safe.
        """
        began = time.monotonic()
        if began < self._eta_until:
            return
        quotas = self._limits_now()
        rows, seconds = self._rows(), self._run.progress.answer_seconds or ANSWER_SECONDS
        if quotas is None or not self._run.progress.models:
            self._eta = "?"
        elif not quotas.limited:
            self._eta = self._by_speed()
        else:
            # a tenth of a second for some ten thousand rows: the loop has answers to read meanwhile
            found = await asyncio.to_thread(quotas.forecast_bound, rows, seconds_per_call=seconds)
            self._eta = spell(found.duration or seconds)
        now = time.monotonic()
        self._eta_until = now + max(1.0, (now - began) / _RECKONING) if self._eta != "?" else now

    def _limits_now(self) -> Quotas | None:
        """What limits the models of the run now; None where nothing is known about one."""
        client = self._client
        names = tuple(self._run.progress.models)
        try:
            if names not in self._bound:
                self._bound[names] = allowances(client.profile, client.plan, names)
            wall = client.clock.wall()
            fresh = fresh_quotas(self._bound[names], **margins_of(client.clock), paced=True, wall=wall)
            return used_quotas(fresh, client.limits.explain, wall=wall)
        except GHModelsError:
            return None

    def _rows(self) -> dict[tuple[str, ...], int]:
        """Rows that need quota, by the models that may take them. The other shards spend the same quota meanwhile."""
        progress, run = self._run.progress, self._run
        sent = {name: self._sent(name, model.in_flight) for name, model in progress.models.items()}
        groups = progress.waiting_by_models(run.models, sent)
        return {models: count * run.shard.parts for models, count in groups.items()}

    def _by_speed(self) -> str:
        """Without any limit there is no quota arithmetic; what was done so far is all there is."""
        progress = self._run.progress
        left = progress.remaining or 0
        done, since = progress.done + progress.failed, self._client.clock.now() - progress.started_at
        return spell(left * since / done) if done else "?"

    def _quota(self, name: str) -> str:
        """``minute 8/15, day 188/300 full 14:05, account minute 0/24 next in 12 s``: what is left of each window."""
        wall = self._client.clock.wall()
        shown = (
            quota_left(state, wall) for state in self._client.limits.explain(name) if state.window and state.amount
        )
        return ", ".join(shown) or "no limit known"

    def _flying(self) -> int:
        return sum(self._sent(name, model.in_flight) for name, model in self._run.progress.models.items())

    def _sent(self, name: str, held: int) -> int:
        """Of the rows a model holds, those the gate has let out; all of them where it does not count."""
        states = self._client.limits.explain(name)
        out = [state.used for state in states if state.unit == "in flight" and state.scope == "model"]
        return min(held, out[0]) if out else held

    def _price(self, name: str) -> str:
        """What the tokens would cost where use is paid for."""
        cost = self._client.usage.costs.get(name)
        return f"${cost.dollars:.4f}" if cost is not None and cost.dollars is not None else ""

    def _parked(self, until: float | None) -> str | None:
        if until is None or until <= self._client.clock.wall():
            return None
        return f"parked until {datetime.fromtimestamp(until).astimezone():%a %H:%M:%S}"

    def _rate(self, tokens: int) -> str:
        seconds = self._client.clock.now() - self._run.progress.started_at
        return f"{tokens / seconds:.1f}" if seconds > 0 else ""
