from __future__ import annotations

from pathlib import Path

import pytest

from ghmodels_async.clock import Clock
from ghmodels_async.errors import ConfigurationError
from ghmodels_async.limits.ledger import MemoryLedger, SqliteLedger, ledger_for

ABOUT = {"account": "a", "base_url": "https://models.github.ai/inference"}


async def test_the_setting_names_the_kind(tmp_path: Path) -> None:
    assert isinstance(ledger_for("memory", clock=Clock(), **ABOUT), MemoryLedger)
    file = ledger_for("sqlite", clock=Clock(), directory=tmp_path, **ABOUT)
    assert isinstance(file, SqliteLedger)
    assert not file.shared
    assert ledger_for("sqlite", clock=Clock(), shared=True, **ABOUT).shared
    own = MemoryLedger()
    assert ledger_for(own, clock=Clock(), **ABOUT) is own


async def test_sharing_needs_a_ledger_that_can() -> None:
    for kind in ("memory", MemoryLedger()):
        with pytest.raises(ConfigurationError, match="shared"):
            ledger_for(kind, clock=Clock(), shared=True, **ABOUT)


async def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ConfigurationError, match="'redis'") as caught:
        ledger_for("redis", clock=Clock(), **ABOUT)
    assert "sqlite" in caught.value.fix


async def test_a_lease_lasts_three_real_seconds_at_any_speed() -> None:
    assert ledger_for("sqlite", clock=Clock(), **ABOUT).lease == 30.0
    assert ledger_for("sqlite", clock=Clock(60.0), **ABOUT).lease == 180.0


async def test_only_windows_that_outlive_a_process_are_reserved_by_a_private_ledger() -> None:
    for private in (MemoryLedger(), ledger_for("sqlite", clock=Clock(), **ABOUT)):
        assert [private.covers(window) for window in (0.0, 60.0, 3600.0, 86400.0)] == [False, False, True, True]
    shared = ledger_for("sqlite", clock=Clock(), shared=True, **ABOUT)
    assert [shared.covers(window) for window in (0.0, 60.0, 3600.0, 86400.0)] == [True] * 4
