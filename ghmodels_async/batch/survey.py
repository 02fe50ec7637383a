"""One look over the input before anything is spent: how many rows, of which kinds, are the answered ones the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from .journal import CHANGED, Finished, own_segment
from .progress import Progress
from .rows import Job, RawRow, Recipe, RowError, row_hash
from .rundir import RunDirectory, RunMismatchError, Shard
from .segments import SegmentWriter, record_line

__all__ = ["ChangedRowError", "Kinds", "count_rows", "progress_before", "voider"]

_MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]*)"')
#: Looks of rows told apart; an input in which every row names another model is none.
_LOOKS = 10_000


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


class Kinds:
    """One row of each kind (model and URL) among those fed, so that every model can start at once; rows per model.

    Understanding every row would cost more than reading it: rows whose bytes name the same models and the same sort of
    input are taken for one kind.

    Args:
        recipe: How rows become requests.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._looks: dict[tuple[bool | bytes, ...], tuple[str | None, str]] = {}
        self._jobs: dict[tuple[str | None, str], Job] = {}
        self.rows: Counter[str | None] = Counter()
        """Rows that ask for a model, by that model; None: rows that leave it open."""

    @property
    def jobs(self) -> list[Job]:
        """The first row of each kind, in the order of the input."""
        return list(self._jobs.values())

    def look(self, raw: RawRow) -> None:
        """Take one row in."""
        data = raw.data
        look = (b'"input"' in data, b'"role"' in data, b"/embeddings" in data, *_MODEL.findall(data))
        kind = self._looks.get(look)
        if kind is None:
            if len(self._looks) >= _LOOKS:
                return
            try:
                job = self._recipe.job(raw)
            except RowError:
                return
            kind = self._looks[look] = job.model, job.url
            self._jobs.setdefault(kind, job)
        self.rows[kind[0]] += 1


def count_rows(
    rows: Iterator[RawRow],
    finished: Finished,
    *,
    on_changed: Callable[[RawRow], None] | None = None,
    on_row: Callable[[RawRow], None] = lambda raw: None,
) -> int:
    """Count the rows, and compare every answered one with what it was. Blocking: about a second per million rows.

    Args:
        rows: The whole input from its start.
        finished: What the journal knows.
        on_changed: Told of each changed row; None refuses at the first.
        on_row: Told of every row, after it was compared.

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
        on_row(raw)
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


def progress_before(finished: Finished, total: int, shard: Shard) -> Progress:
    """What earlier starts have done of this shard's rows."""
    if shard.parts == 1:
        done, answered = len(finished.succeeded), len(finished.answered)
        return Progress(total=total, before_done=done, before_failed=answered - done)
    mine = [row for row in finished.answered if shard.mine(row)]
    done = sum(row in finished.succeeded for row in mine)
    own_total = len(range(shard.part - 1, total, shard.parts))
    return Progress(total=own_total, before_done=done, before_failed=len(mine) - done)


def _changed(raw: RawRow, was: int) -> ChangedRowError:
    text = raw.data.decode("utf-8", "replace")
    shown = text if len(text) <= 200 else text[:197] + "..."
    return ChangedRowError(
        f"Row {raw.ordinal + 1} (line {raw.line}) was answered, but it is another one now.",
        row=raw.ordinal,
        checked=f"it is now: {shown}\nits hash is {row_hash(raw.data):016x}, it was {was:016x}",
    )
