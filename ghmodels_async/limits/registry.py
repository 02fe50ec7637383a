"""One gate per account and endpoint in a process: clients that share a quota share its gate.

A gate whose last client has closed it stays here with its logs: what the last minute held does not stop counting
because a client was closed. The next client of the account opens it again, or makes an heir of it if it wants other
terms. Gates without clients that have nothing left to remember are forgotten when there are many: a backend may serve
an account per user for months.

The child of a fork starts with none: its parent's gates have a loop, a thread and a database that are not its own.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import NamedTuple

from ..clock import Clock
from ..errors import ConfigurationError
from ..profiles import Profile
from .gate import Gate
from .ledger import Ledger, ledger_for
from .ledger.memory import LONG_WINDOW
from .options import GateOptions
from .timeline import TimeLine

__all__ = ["open_gate"]

_log = logging.getLogger("ghmodels_async.limits")


class _Terms(NamedTuple):
    """What clients of one account may disagree on; an open gate has those of the client that opened it."""

    plan: str
    options: GateOptions
    ledger: str | int
    shared: bool


_gates: dict[tuple[object, ...], tuple[Gate, _Terms]] = {}
_left_to_parent: list[object] = []  # SQLite forbids even closing what was opened before a fork

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
    """The gate of an account on an endpoint; the same object for the same account, endpoint and time.

    Args:
        profile: The endpoint.
        account: Opaque key of the account (`ledger.account_key`), never a token.
        plan: Column of the limit table; None: the profile's first. The first of the clients that are open decides.
        base_url: Inference root, part of the identity.
        clock: Nominal time.
        options: Limits and defaults of the user. The first of the clients that are open decides.
        ledger: Where long windows are kept; a `Ledger` of one's own makes a gate of its own. Of the built-in ones, the
            first of the clients that are open decides.
        shared: Whether other processes on this host use the account too and keep every limit together with this one.
        directory: Folder of ledger files; None: the user's state folder.

    Raises:
        ConfigurationError: This ledger cannot be shared, or another client of this account is open and does not share.
    """
    clock = clock or Clock()
    kind = ledger if isinstance(ledger, str) else id(ledger)
    # Two real clocks are the same time; a scaled one starts when it is made, so each is a time of its own.
    time = (clock.scale, clock._wall) if clock.scale == 1.0 else id(clock)
    key = (account, base_url, profile.name, profile.base_url, time, "" if isinstance(ledger, str) else kind)
    gate, before = _gates.get(key, (None, None))
    terms = _Terms(plan or profile.plans[0], options or (before.options if before else GateOptions()), kind, shared)
    if gate is not None and before is not None and gate.users:
        _join(terms, before)
    else:
        if gate is None and len(_gates) >= _look_at:
            _forget_idle()
        in_memory = gate is not None and gate.desk.books.where == "memory"
        if (
            gate is not None
            and before is not None
            and kind == before.ledger
            and (in_memory or not isinstance(ledger, str))
        ):
            ledger = gate.desk.books.ledger  # all that is left of it
        else:
            ledger = ledger_for(
                ledger, account=account, base_url=base_url, clock=clock, shared=shared, directory=directory
            )
        if gate is None or terms != before:
            gate = _gate(profile, terms.plan, clock, terms.options, ledger, gate)
            _gates[key] = gate, terms
        gate.desk.books.ledger = ledger
    gate.users += 1
    return gate


def _join(wanted: _Terms, given: _Terms) -> None:
    """One more client of a gate that is open: its terms stay, which is said if the new client wanted others.

    Raises:
        ConfigurationError: The new client shares the account with other processes, the open ones do not.
    """
    if wanted.shared and not given.shared:
        raise ConfigurationError(
            "Another client of this account is open in this process and does not share its limits.",
            checked="shared, of the clients of this account and endpoint",
            fix="Give every client of the account shared=True, or close the other one first",
        )
    if wanted.plan != given.plan:
        _log.warning(
            "Another client of this account is open on plan %r: it stays in force, %r is not used.",
            given.plan,
            wanted.plan,
        )
    if wanted.options != given.options:
        _log.warning("Another client of this account is open with other limit options: those stay in force.")
    if wanted.ledger != given.ledger:
        _log.warning(
            "Another client of this account is open with ledger %r: it stays in force, %r is not used.",
            given.ledger,
            wanted.ledger,
        )


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
    for key in [key for key, (gate, _) in _gates.items() if not gate.users and _remembers_nothing(gate)]:
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
