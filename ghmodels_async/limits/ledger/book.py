"""The ledger's law without a store: rows in dictionaries, time as an argument.

Every rule of `port.py` once, in the plainest form; the memory ledger is this, and what the file-backed one decides in
SQL is tested against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from .port import Block, Busy, Grant, Learned, Opened, Reserved, SlotWant, Want
from .timebase import Reading, step_between

__all__ = ["KEEP", "Book", "opens"]

T = TypeVar("T")

KEEP = 60.0
"""Seconds a row is kept beyond twice its window: longer windows learned later must find it."""


@dataclass(slots=True)
class _Row:
    holder: str
    since: float
    at: float
    amount: int
    window: float
    open: bool


@dataclass(slots=True)
class _Slot:
    holder: str
    expires: float
    ending: bool = False


class Book:
    """Grants, slots, blocks and lessons of one account. Not thread-safe, no clock: `now` is wall time."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, _Row]] = {}
        self._slots: dict[str, dict[str, _Slot]] = {}
        self._limits: dict[str, set[str]] = {}
        self._blocks: dict[str, Block] = {}
        self._learned: dict[str, Learned] = {}
        self._writes = self._kept = 0
        self._reading: Reading | None = None

    def tell_time(self, reading: Reading) -> float:
        """What time it is. All instants move if the wall clock was set since the last look."""
        step = step_between(self._reading, reading)
        self._reading = reading
        if step:
            self._shift(step)
        return reading.wall

    def reserve(
        self, id: str, wants: Sequence[Want], slots: Sequence[SlotWant], *, holder: str, now: float, lease: float
    ) -> Reserved | Busy:
        """Take everything or nothing."""
        self._tidy(now)
        used = {want.limit: self.used(want, now) for want in wants}
        limits = [*used, *(slot.limit for slot in slots)]
        refusals = [busy for limit in limits if (busy := self._blocked(limit, now))]
        refusals += [busy for want in wants if (busy := self._refusal(want, used[want.limit], now))]
        refusals += [busy for slot in slots if (busy := self._slot_refusal(slot, now))]
        if refusals:
            return max(refusals, key=lambda busy: (busy.until, busy.limit))
        for want in wants:
            self._put(id, want.limit, _Row(holder, now, now + lease, want.amount, want.window, True))
            used[want.limit] += want.amount
        for slot in slots:
            self._slots.setdefault(slot.limit, {})[id] = _Slot(holder, now + lease)
        return Reserved(id, used)

    def used(self, want: Want, now: float) -> int:
        """How much of `want.limit` counts now."""
        ids = self._limits.get(want.limit, ())
        return sum(row.amount for id in ids if _counts(row := self._rows[id][want.limit], want, now))

    def record(self, id: str, wants: Iterable[Want], *, at: float, holder: str, now: float) -> None:
        self._tidy(now)
        for want in wants:
            self._put(id, want.limit, _Row(holder, at, at, want.amount, want.window, False))

    def sent(self, id: str, at: float) -> None:
        for row in self._rows.get(id, {}).values():
            row.at, row.open = at, False

    def settle(self, id: str, amounts: Mapping[str, int], slots_until: float | None, *, now: float) -> None:
        rows = self._rows.get(id, {})
        for limit, row in rows.items():
            row.amount = amounts.get(limit, row.amount)
            if row.open:
                row.at, row.open = now, False
        for slots in self._slots.values():
            if id in slots and slots_until is not None and slots_until > now:
                slots[id].expires, slots[id].ending = slots_until, True
            else:
                slots.pop(id, None)

    def refund(self, id: str) -> None:
        for limit in self._rows.pop(id, {}):
            self._limits[limit].discard(id)
        for slots in self._slots.values():
            slots.pop(id, None)

    def block(self, block: Block) -> None:
        known = self._blocks.get(block.limit)
        if known is None or block.until > known.until:
            self._blocks[block.limit] = block

    def learn(self, learned: Learned) -> None:
        self._learned[learned.limit] = learned

    def heartbeat(self, holder: str, *, now: float, lease: float) -> int:
        """Renew what `holder` still has; how many leases that is. What has lapsed stays lapsed."""
        renewed = 0
        for slots in self._slots.values():
            for slot in slots.values():
                if slot.holder == holder and not slot.ending and slot.expires > now:
                    slot.expires, renewed = now + lease, renewed + 1
        for rows in self._rows.values():
            for row in rows.values():
                if row.open and row.holder == holder and row.at > now:
                    row.at, renewed = now + lease, renewed + 1
        return renewed

    def leave(self, holder: str, *, now: float) -> None:
        """`holder` goes in good order: what is open counts as sent now, its slots are free unless they linger."""
        for rows in self._rows.values():
            for row in rows.values():
                if row.open and row.holder == holder:
                    row.at, row.open = now, False
        for slots in self._slots.values():
            for id in [id for id, slot in slots.items() if slot.holder == holder and not slot.ending]:
                del slots[id]

    def contents(self, now: float) -> Opened:
        """Everything that may still count."""
        self.prune(now)
        grants = [
            Grant(id, limit, min(row.at, now) if row.open else row.at, row.amount, row.window)
            for id, rows in self._rows.items()
            for limit, row in rows.items()
        ]
        grants.sort(key=lambda grant: (grant.at, grant.id, grant.limit))
        return Opened(tuple(grants), _by_limit(self._blocks), _by_limit(self._learned))

    def prune(self, now: float) -> None:
        """Forget what can no longer count."""
        for id in list(self._rows):
            rows = self._rows[id]
            for limit in [limit for limit, row in rows.items() if row.at + 2 * row.window + KEEP <= now]:
                del rows[limit]
                self._limits[limit].discard(id)
            if not rows:
                del self._rows[id]
        for slots in self._slots.values():
            for id in [id for id, slot in slots.items() if slot.expires <= now]:
                del slots[id]
        self._blocks = {limit: block for limit, block in self._blocks.items() if block.until > now}

    def _shift(self, seconds: float) -> None:
        for rows in self._rows.values():
            for row in rows.values():
                row.at, row.since = row.at + seconds, row.since + seconds
        for slots in self._slots.values():
            for slot in slots.values():
                slot.expires += seconds
        self._blocks = {limit: replace(block, until=block.until + seconds) for limit, block in self._blocks.items()}

    def _put(self, id: str, limit: str, row: _Row) -> None:
        self._rows.setdefault(id, {})[limit] = row
        self._limits.setdefault(limit, set()).add(id)
        self._writes += 1

    def _tidy(self, now: float) -> None:
        # Pruning costs one pass over all rows: once per as many writes it is constant per write.
        if self._writes > 256 + self._kept:
            self.prune(now)
            self._writes, self._kept = 0, len(self._rows)

    def _blocked(self, limit: str, now: float) -> Busy | None:
        block = self._blocks.get(limit)
        return Busy(limit, block.until, reason=block.reason) if block is not None and block.until > now else None

    def _refusal(self, want: Want, used: int, now: float) -> Busy | None:
        excess = used + want.amount - want.maximum
        if excess <= 0:
            return None
        rows = [row for id in self._limits[want.limit] if _counts(row := self._rows[id][want.limit], want, now)]
        return opens(want, excess, [(row.since, row.at, row.amount, row.open) for row in rows], now)

    def _slot_refusal(self, want: SlotWant, now: float) -> Busy | None:
        taken = sorted(slot.expires for slot in self._slots.get(want.limit, {}).values() if slot.expires > now)
        if len(taken) < want.maximum:
            return None
        return Busy(want.limit, taken[len(taken) - want.maximum], firm=False)


def _by_limit(entries: Mapping[str, T]) -> tuple[T, ...]:
    return tuple(entry for _, entry in sorted(entries.items()))


def opens(want: Want, excess: int, rows: Iterable[tuple[float, float, int, bool]], now: float) -> Busy:
    """When `excess` of what counts will have stopped counting.

    An open row is given the benefit of the doubt: if it leaves at this very instant it frees at since + window. Being
    asked again then, with the truth known, is cheaper than a whole lease of idleness.

    Args:
        want: The refused part.
        excess: How much must go, at least 1.
        rows: What counts: (since, at, amount, open).
        now: Wall time.
    """
    span = want.window + want.margin
    uncertain = False
    frees: list[tuple[float, int]] = []
    for since, at, amount, still_open in rows:
        leased = bool(still_open) and at > now
        uncertain = uncertain or leased
        early = since + span
        frees.append((early if leased and early > now else at + span, amount))
    if want.period is not None:
        return Busy(want.limit, want.period[1] + want.margin, firm=not uncertain)
    freed = 0
    for free_at, amount in sorted(frees):
        freed += amount
        if freed >= excess:
            return Busy(want.limit, free_at, firm=not uncertain)
    raise ValueError(f"{want.amount} of {want.limit} can never be had: the maximum is {want.maximum}")


def _counts(row: _Row, want: Want, now: float) -> bool:
    if want.period is not None:
        return row.at >= want.period[0] - want.margin
    return row.at + (want.window + want.margin) > now
