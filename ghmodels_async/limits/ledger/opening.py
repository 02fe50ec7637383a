"""Which ledger a setting means."""

from __future__ import annotations

from pathlib import Path

from ...clock import Clock
from ...errors import ConfigurationError
from .memory import MemoryLedger
from .place import ledger_path, state_directory
from .port import Ledger
from .sqlite import SqliteLedger

__all__ = ["ledger_for"]


def ledger_for(
    kind: str | Ledger,
    *,
    account: str,
    base_url: str,
    clock: Clock,
    shared: bool = False,
    directory: Path | None = None,
) -> Ledger:
    """The ledger of one account on one endpoint, not opened yet.

    Args:
        kind: "sqlite", "memory", or a ledger of one's own, which is returned as it is.
        account: From `account_key`.
        base_url: The endpoint.
        clock: Wall time and scale.
        shared: For several processes on this host; needs "sqlite".
        directory: Where the files are; by default `state_directory()`.

    Raises:
        ConfigurationError: An unknown kind, or sharing asked of a ledger that cannot. Nothing was opened.
    """
    if not isinstance(kind, str):
        if shared and not kind.shared:
            raise ConfigurationError(
                "This ledger cannot be shared between processes.",
                checked=f"ledger={type(kind).__name__}, shared=True",
                fix="Make the ledger with shared=True, or drop shared=True.",
            )
        return kind
    if kind == "sqlite":
        path = ledger_path(state_directory() if directory is None else directory, account, base_url)
        return SqliteLedger(path, clock, shared=shared)
    if kind == "memory" and not shared:
        return MemoryLedger(clock)
    raise ConfigurationError(
        "A memory ledger cannot be shared between processes." if kind == "memory" else f"There is no ledger {kind!r}.",
        checked=f"ledger={kind!r}, shared={shared}",
        fix='ledger="sqlite" for a file that outlives the process and can be shared, ledger="memory" for neither.',
    )
