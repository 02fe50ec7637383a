"""One gate per account and endpoint in a process: clients that share a quota share its gate.

A gate whose last client has closed it stays here with its logs: what the last minute held does not stop counting
because a client was closed. The next client of the account opens it again.
"""

from __future__ import annotations

import logging
from pathlib import Path

from ..clock import Clock
from ..profiles import Profile
from .gate import Gate
from .ledger import Ledger, ledger_for
from .options import GateOptions
from .timeline import TimeLine

__all__ = ["open_gate"]

_log = logging.getLogger("ghmodels_async.limits")

_gates: dict[tuple[object, ...], Gate] = {}


def open_gate(
    *,
    profile: Profile,
    account: str,
    plan: str | None = None,
    base_url: str = "",
    clock: Clock | None = None,
    options: GateOptions | None = None,
    ledger: str | Ledger = "sqlite",
    shared: bool = False,
    directory: Path | None = None,
) -> Gate:
    """The gate of an account on an endpoint; the same object for the same account, endpoint, plan and time.

    Args:
        profile: The endpoint.
        account: Opaque key of the account (`ledger.account_key`), never a token.
        plan: Column of the limit table; None: the profile's first.
        base_url: Inference root, part of the identity.
        clock: Nominal time.
        options: Limits and defaults of the user. The first client of a gate decides.
        ledger: Where long windows are kept; a `Ledger` of one's own makes a gate of its own.
        shared: Whether other processes on this host use the account too and keep every limit together with this one.
        directory: Folder of ledger files; None: the user's state folder.

    Raises:
        ConfigurationError: This ledger cannot be shared.
    """
    clock = clock or Clock()
    plan = plan or profile.plans[0]
    kind = ledger if isinstance(ledger, str) else id(ledger)
    # Two real clocks are the same time; a scaled one starts when it is made, so each is a time of its own.
    time = (clock.scale, clock._wall) if clock.scale == 1.0 else id(clock)
    key = (account, base_url, plan, profile.name, profile.base_url, time, kind, shared)
    gate = _gates.get(key)
    if gate is None:
        gate = Gate(
            profile,
            plan=plan,
            clock=clock,
            options=options or GateOptions(),
            ledger=ledger_for(
                ledger, account=account, base_url=base_url, clock=clock, shared=shared, directory=directory
            ),
            line=TimeLine(clock),
        )
        _gates[key] = gate
    elif not gate.users and gate.desk.books.where != "memory" and isinstance(ledger, str):
        gate.desk.books.ledger = ledger_for(
            ledger, account=account, base_url=base_url, clock=clock, shared=shared, directory=directory
        )
    if options is not None and options != gate.options:
        _log.warning("Another client of this account is open with other limit options: those stay in force.")
    gate.users += 1
    return gate
