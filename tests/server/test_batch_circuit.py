"""What stops a batch at once: over real sockets, through the real client."""

from __future__ import annotations

from pathlib import Path

import pytest

from ghmodels_async import GitHubModels
from ghmodels_async.batch import Summary, run_batch
from ghmodels_async.simulator import TOKEN, Fault, Simulation

ROWS = [{"prompt": f"p{n}"} for n in range(300)]
MODEL = "openai/gpt-4.1-mini"


async def run(base_url: str, run_dir: Path, *, token: str = TOKEN) -> Summary:
    async with GitHubModels(token, base_url=base_url, plan="enterprise", ledger="memory") as gh:
        return await run_batch(gh, ROWS, run_dir=run_dir, models=(MODEL,))


async def test_a_retired_service_costs_no_row(tmp_path: Path) -> None:
    simulation = Simulation(plan="enterprise", fast=True)
    simulation.script(Fault.retired(), when=lambda arrival: True)
    async with simulation.serve() as server:
        summary = await run(server.base_url, tmp_path)
    assert summary.stopped == "refused"
    assert type(summary.cause).__name__ == "ServiceRetiredError"
    assert summary.progress.failed == 0
    assert simulation.log.total == 1


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ("bad-credentials", "TokenInvalidError"),
        ("no-models-permission", "TokenPermissionError"),
        ("models-disabled", "ModelsDisabledError"),
        ("no-budget", "BudgetExceededError"),
        ("no-access", "ModelAccessError"),
    ],
)
async def test_a_refused_account_costs_no_row(tmp_path: Path, part: str, error: str) -> None:
    simulation = Simulation(plan="enterprise", fast=True)
    async with simulation.serve() as server:
        summary = await run(server.base_url, tmp_path, token=f"ghp_{part.replace('-', '_')}")
    assert (summary.stopped, type(summary.cause).__name__) == ("refused", error)
    assert summary.progress.failed == 0
    assert simulation.log.total == 1, "what waited for quota was not sent"


async def test_a_name_without_an_address_costs_no_row(tmp_path: Path) -> None:
    summary = await run("https://no-such-host.invalid/inference", tmp_path)
    assert summary.stopped == "refused"
    assert "no-such-host.invalid" in str(summary.cause)
    assert summary.progress.failed == 0


async def test_a_port_that_refuses_costs_no_row(tmp_path: Path) -> None:
    summary = await run("http://127.0.0.1:1/inference", tmp_path)
    assert summary.stopped == "refused"
    assert "Could not connect" in str(summary.cause)
    assert summary.progress.failed == 0
