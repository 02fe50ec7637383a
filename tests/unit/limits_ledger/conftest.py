"""Ledgers on a clock that the test turns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from ghmodels_async.clock import Clock
from ghmodels_async.limits.ledger import SqliteLedger
from ghmodels_async.limits.ledger.timebase import Reading

START = 1_790_000_000.0


class Hands:
    """Both clocks, turned by hand: `pass_` moves both, `set` only the wall."""

    def __init__(self) -> None:
        self.wall = START
        self.steady: float | None = 1000.0
        self.base = "boot"

    def read(self) -> Reading:
        return Reading(self.base, self.wall, self.steady)

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        if self.steady is not None:
            self.steady += seconds

    def set(self, seconds: float) -> None:
        self.wall += seconds

    def reboot(self, off_for: float = 0.0) -> None:
        self.base += "'"
        self.wall += off_for
        self.steady = 5.0


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledgers" / "endpoint.sqlite3"


@pytest.fixture
async def ledger_at(path: Path, hands: Hands) -> AsyncIterator[Callable[..., SqliteLedger]]:
    """Make ledgers of one file; all are closed at the end."""
    made: list[SqliteLedger] = []

    def make(**options: Any) -> SqliteLedger:
        options.setdefault("wait", 0.05)
        ledger = SqliteLedger(path, Clock(wall=lambda: hands.wall), read=hands.read, **options)
        made.append(ledger)
        return ledger

    yield make
    for ledger in made:
        await ledger.aclose()
