"""What a gate must not forget, and what several gates must agree on: the values and the port.

Theory of operation. A *limit* is a name ("openai/gpt-4o|UserByModelByDay", "*|UserByMinute"). A *grant* is one row: the
request `id` took `amount` of `limit`, and its window is counted from the wall instant `at`. A grant is *open* from
`reserve` until `sent`: nobody knows yet when it will leave, so it counts as if it left at the end of its *lease*. The
lease (`Ledger.lease` seconds) is renewed by the ledger for as long as its process lives and the event loop turns. A
process that dies stops renewing: its open grants freeze at the lease's end (it cannot have sent later), its slots are
free from that instant on. Nothing is ever inserted for an id that is gone, so a purged lease cannot resurrect.

When a row counts (`now` is read inside the ledger's own atomic step, never passed in):
    rolling    ``at + (window + margin) > now``        (an open row's `at` is its lease's end, so it counts)
    period     ``at >= period start - margin``         (a fixed day; a row near its edge counts on both sides)
    slot       ``expires > now``
`reserve` takes everything that is asked or nothing. It is refused (`Busy`) by the limit that opens last; asked again at
`until` it is granted, unless somebody was faster or a grant was open (until then it is taken to leave at any moment).
Only its holder makes a row count for less than it was reserved for: by `sent`, `settle` or `refund`.

Which limits go through `reserve` is the ledger's decision: `covers(window)`. A private ledger covers windows of an hour
and more: they outlive a process, and two processes on one file never overspend them together. A shared one covers all,
and leases slots. Windows it does not cover may be `record`ed after the fact: written behind, so that the next process
knows what the last minute held; a crash loses the last instants of those.

Durability: `reserve` returns after its rows are committed, so a kill -9 at any point costs at most the permits in
flight and never overspends. Everything synchronous (`sent`, `settle`, `refund`, `record`, `block`, `learn`) returns at
once, never raises, keeps its order, and is durable after `flush` or `aclose`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Block", "Busy", "Grant", "Learned", "Ledger", "Opened", "Reserved", "SlotWant", "Want"]


@dataclass(frozen=True, slots=True)
class Want:
    """One limit's part of a reservation: `amount` now, never more than `maximum` per `window` seconds.

    `margin` is added to the window: what travel may stretch or shrink (seconds). `period` makes the window a fixed one,
    ``(start, end)`` in wall time: the period in which ``now - margin`` lies, so that a day begins `margin` late.
    """

    limit: str
    amount: int
    maximum: int
    window: float
    margin: float = 0.0
    period: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class SlotWant:
    """One of `maximum` places in a concurrency limit, held from `reserve` until `settle` or `refund`."""

    limit: str
    maximum: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """Everything asked is taken and durable. `used` tells what now counts per limit, all processes together."""

    id: str
    used: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Busy:
    """Nothing was taken.

    `limit` cannot be had before `until` (wall time) unless somebody gives back. `firm` is False where that may happen
    at any moment (a slot, a grant that is still open): then ask again sooner than `until` if waiting costs.
    `reason` is empty, or why the limit is blocked or the ledger cannot answer.
    """

    limit: str
    until: float
    firm: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """A row as a starting process sees it. `at`: wall instant its window counts from.

    For a row that is still open `at` is the moment of reading: a guess. Windows that the ledger covers are judged by
    `reserve`, which knows better.
    """

    id: str
    limit: str
    at: float
    amount: int
    window: float


@dataclass(frozen=True, slots=True)
class Block:
    """Nothing may be sent against `limit` before the wall instant `until`. A later `until` replaces an earlier one."""

    limit: str
    until: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a server's answer taught about a limit; `model` is how to pace it ("safe", "paced"), `at` wall time."""

    limit: str
    amount: int
    window: float
    at: float
    model: str = "safe"


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known at the start.

    Args:
        grants: Every row that may still count, oldest first; rows of dead processes included.
        blocks: Blocks that have not ended.
        learned: The latest lesson per limit.
        where: A path, or "memory"; for the one line that says where the ledger is.
        complete: False if something that was recorded could not be read: what was spent may be more than `grants`.
            Then treat long windows with suspicion: one request first, the rest after its answer.
        notice: Empty, or what went wrong, why, and how to fix it; for people. Whoever opens the ledger shows it.
    """

    grants: tuple[Grant, ...] = ()
    blocks: tuple[Block, ...] = ()
    learned: tuple[Learned, ...] = ()
    where: str = "memory"
    complete: bool = True
    notice: str = ""


class Ledger(Protocol):
    """One account on one endpoint. Open first, close last; used from one event loop at a time.

    After a loop was closed the ledger goes on under the next one, still open.
    """

    lease: float
    """Nominal seconds after which what a dead process held is free again."""

    @property
    def shared(self) -> bool:
        """Whether all limits and slots of several processes go through `reserve`."""
        ...

    def covers(self, window: float) -> bool:
        """Whether a limit over `window` seconds must be reserved here; 0 asks for slots."""
        ...

    def new_id(self) -> str:
        """An id no other process will use."""
        ...

    async def open(self) -> Opened:
        """Open, migrate and prune.

        Raises:
            ConfigurationError: A shared ledger cannot be had. Nothing was spent. A private one never raises: it falls
                back to memory and says so in `Opened.notice`.

        Cancellation: safe, opening again is allowed.
        """
        ...

    async def reserve(self, id: str, wants: Sequence[Want], slots: Sequence[SlotWant] = ()) -> Reserved | Busy:
        """Take everything or nothing, in one atomic step over all processes; durable when it returns.

        Args:
            id: From `new_id`, not used before.
            wants: At most one per limit, each `amount` in 1..`maximum`.
            slots: At most one per limit; only a shared ledger leases them.

        Raises:
            ConfigurationError: A shared ledger can no longer be written. Nothing was taken.

        Cancellation: safe: what was taken is given back.
        """
        ...

    def record(self, id: str, wants: Sequence[Want], *, at: float) -> None:
        """Note what was sent at the wall instant `at` against limits this ledger does not cover. Written behind."""
        ...

    def sent(self, id: str, at: float) -> None:
        """The request left; its windows count from the wall instant `at`. May be repeated with better evidence."""
        ...

    def settle(self, id: str, *, amounts: Mapping[str, int] | None = None, slots_until: float | None = None) -> None:
        """The request is over: its slots end at `slots_until` (wall; None: now), `amounts` replaces what it took.

        A grant that is still open is taken as sent now.
        """
        ...

    def refund(self, id: str) -> None:
        """Nothing was sent: delete every row and slot of `id`. Unknown ids are ignored."""
        ...

    def block(self, block: Block) -> None:
        """Keep everybody from `block.limit` until `block.until`."""
        ...

    def learn(self, learned: Learned) -> None:
        """Remember a lesson for the next process."""
        ...

    async def flush(self) -> None:
        """Wait until everything noted so far is durable. Cancellation: safe, nothing is lost."""
        ...

    async def aclose(self) -> None:
        """Flush and let go: open grants of this process count as sent now, its slots are free. Idempotent."""
        ...
