"""One look over the whole input before anything is spent: how many rows, and are the answered ones still the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .journal import CHANGED, Finished, own_segment
from .rows import RawRow, row_hash
from .rundir import RunDirectory, RunMismatchError, Shard
from .segments import SegmentWriter, record_line

__all__ = ["ChangedRowError", "count_rows", "voider"]


class ChangedRowError(RunMismatchError):
    """A row that was answered is another one now, or gone.

    Args:
        row: Its number, from 0.
    """

    def __init__(self, why: str, *, row: int, checked: str) -> None:
        super().__init__(
            why, checked=checked, fix="Restore the input, or --accept-changes: changed rows then run again."
        )
        self.row = row


def count_rows(
    rows: Iterator[RawRow], finished: Finished, *, on_changed: Callable[[RawRow], None] | None = None
) -> int:
    """Count the rows, and compare every answered one with what it was. Blocking: about a second per million rows.

    Args:
        rows: The whole input from its start.
        finished: What the journal knows.
        on_changed: Told of each changed row; None refuses at the first.

    Raises:
        ChangedRowError: An answered row changed, or the input ends before it.
    """
    count = 0
    answered, hashes = finished.answered, finished.hashes
    end = answered.end
    for raw in rows:
        count = raw.ordinal + 1
        if count <= end and raw.ordinal in answered and row_hash(raw.data) != hashes[raw.ordinal]:
            if on_changed is None:
                raise _changed(raw, hashes[raw.ordinal])
            on_changed(raw)
    if count < end and on_changed is None:
        raise ChangedRowError(
            "The input has become shorter: rows that were answered are gone.",
            row=count,
            checked=f"the input has {count} rows now; row {end} was answered",
        )
    return count


def voider(run: RunDirectory, shard: Shard, finished: Finished, voided: list[int]) -> Callable[[RawRow], None]:
    """Write down that an answered row is another one now: its answer no longer counts, at any later start either."""

    def void(raw: RawRow) -> None:
        writer = SegmentWriter(own_segment(run.journal, shard.name))
        try:
            writer.append([record_line(raw.ordinal, row_hash(raw.data), 0, CHANGED, b'{"custom_id":null}')])
        finally:
            writer.close()
        finished.answered.discard(raw.ordinal)
        finished.succeeded.discard(raw.ordinal)
        voided.append(raw.ordinal)

    return void


def _changed(raw: RawRow, was: int) -> ChangedRowError:
    text = raw.data.decode("utf-8", "replace")
    shown = text if len(text) <= 200 else text[:197] + "..."
    return ChangedRowError(
        f"Row {raw.ordinal + 1} (line {raw.line}) was answered, but it is another one now.",
        row=raw.ordinal,
        checked=f"it is now: {shown}\nits hash is {row_hash(raw.data):016x}, it was {was:016x}",
    )
