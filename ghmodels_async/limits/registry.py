"""One gate per account and endpoint in a process: clients that share a quota share its gate.

A gate whose last client has closed it stays here with its logs: what the last minute held does not stop counting
because a client was closed. The next client of the account opens it again, or makes an heir of it if it wants other
options. Gates without clients that have nothing left
to remember are forgotten when there are many: a backend may serve an account per user for months.

The child of a fork starts with none: its parent's gates have a loop, a thread and a database that are not its own.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ..clock import Clock
from ..profiles import Profile
from .gate import Gate
from .ledger import Ledger, ledger_for
from .ledger.memory import LONG_WINDOW
from .options import GateOptions
from .timeline import TimeLine

__all__ = ["open_gate"]

_log = logging.getLogger("ghmodels_async.limits")

_gates: dict[tuple[object, ...], Gate] = {}
_left_to_parent: list[Gate] = []  # SQLite forbids even closing what was opened before a fork

#: So many gates are kept without a look at whether they are still needed; one of three models weighs 20 to 40 KB.
_MANY = 256
_look_at = _MANY


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
        options: Limits and defaults of the user. The first of the clients that are open decides.
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
    if gate is not None and gate.users:
        if options is not None and options != gate.options:
            _log.warning("Another client of this account is open with other limit options: those stay in force.")
    else:
        if gate is None and len(_gates) >= _look_at:
            _forget_idle()
        remembers = gate is not None and (gate.desk.books.where == "memory" or not isinstance(ledger, str))
        if gate is None or not remembers:
            ledger = ledger_for(
                ledger, account=account, base_url=base_url, clock=clock, shared=shared, directory=directory
            )
        else:
            ledger = gate.desk.books.ledger
        if gate is None or (options is not None and options != gate.options):
            gate = _gates[key] = _gate(profile, plan, clock, options or GateOptions(), ledger, gate)
        gate.desk.books.ledger = ledger
    gate.users += 1
    return gate


def _gate(
    profile: Profile, plan: str, clock: Clock, options: GateOptions, ledger: Ledger, ancestor: Gate | None
) -> Gate:
    """A new gate, with what one that nobody uses any more has counted."""
    line = TimeLine(clock) if ancestor is None else ancestor.desk.line
    gate = Gate(profile, plan=plan, clock=clock, options=options, ledger=ledger, line=line)
    if ancestor is not None:
        gate.desk.inherit(ancestor.desk)
    return gate


def _forget_idle() -> None:
    """Drop what no client uses and nothing is remembered by; look again when there are twice as many."""
    global _look_at
    for key in [key for key, gate in _gates.items() if not gate.users and _remembers_nothing(gate)]:
        del _gates[key]
    _look_at = max(_MANY, 2 * len(_gates))


def _remembers_nothing(gate: Gate) -> bool:
    """Whether every window has passed, or is a long one that the ledger's file knows."""
    filed = gate.desk.books.where != "memory"
    for state in gate.explain():
        if filed and (state.window or 0) >= LONG_WINDOW:
            continue
        if state.used or state.blocked_until is not None:
            return False
    return True


def _forget_in_child() -> None:
    _left_to_parent.extend(_gates.values())
    _gates.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_forget_in_child)
