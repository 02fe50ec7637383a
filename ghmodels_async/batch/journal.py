"""What a run has finished, durable before it is believed.

Rows that finish together share one `fdatasync`: while one group is being synced the next one gathers. A row is
acknowledged (its callback runs) only after the sync that covers it; before that it counts as in flight, so a crash
repeats at most the calls in flight.

Opening reads every segment back: one bit a row for "has an answer", one for "succeeded".
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ghmodels_async.errors import GHModelsError

from .bitmap import Bitmap
from .segments import RecordHead, SegmentWriter, records
from .words import Words

__all__ = [
    "CHANGED",
    "Finished",
    "Journal",
    "JournalError",
    "failures",
    "fault_counts",
    "own_segment",
    "read_finished",
    "segment_files",
]

_SEGMENT = re.compile(r"(?P<shard>\d+of\d+)-(?P<number>\d{6})\.jsonl")
#: The fault of a record that says: the input row is another one now, forget its answer.
CHANGED = "changed"
#: A file is easier to copy, inspect and delete when it has an end.
SEGMENT_BYTES = 512 * 1024 * 1024


class JournalError(GHModelsError):
    """A finished row could not be made durable. The run stops; the row runs again at the next start."""


class Finished:
    """What the segments say about rows. Close it (it holds an unnamed file for the row hashes).

    Attributes:
        answered: Rows that need no further call, whether they succeeded or failed.
        succeeded: The part of them that succeeded.
        damaged: Lines that were passed over.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.answered = Bitmap()
        self.succeeded = Bitmap()
        self.hashes = Words(directory)

    def add(self, head: RecordHead) -> None:
        """Take one record in. The first success of a row, as the row last was, wins over all else about it."""
        if head.row in self.succeeded:
            if self.hashes[head.row] == head.hash:
                return
            self.succeeded.discard(head.row)
        self.hashes[head.row] = head.hash
        if head.fault == CHANGED:
            self.answered.discard(head.row)
            return
        self.answered.add(head.row)
        if head.fault is None:
            self.succeeded.add(head.row)

    def close(self) -> None:
        self.hashes.close()


def segment_files(directory: Path) -> list[Path]:
    """All segments of all shards, oldest first within a shard."""
    return sorted(path for path in directory.iterdir() if _SEGMENT.fullmatch(path.name))


def read_finished(directory: Path) -> Finished:
    """Read all segments back: a million rows in a few seconds, a few bytes of memory a row."""
    finished = Finished()
    for path in segment_files(directory):
        for _, head, _ in records(path):
            finished.add(head)
    return finished


def failures(directory: Path, finished: Finished) -> Iterator[RecordHead]:
    """Failed records of rows that have not succeeded, in file order; a row that failed twice comes twice."""
    for path in segment_files(directory):
        for _, head, _ in records(path):
            if head.fault is not None and head.row not in finished.succeeded:
                yield head


class Journal:
    """Appends finished rows for one process. `async with`; leaving it writes and syncs what is pending.

    Args:
        directory: Where the segments are.
        shard: Name of this process's part of the rows, e.g. ``1of4``; no two processes share one.
        on_failure: Told once when a group could not be written; its rows are not acknowledged.
    """

    def __init__(
        self,
        directory: Path,
        shard: str = "1of1",
        *,
        on_failure: Callable[[JournalError], None] = lambda error: None,
    ) -> None:
        self.on_failure = on_failure
        self._directory = directory
        self._shard = shard
        self._writer = SegmentWriter(own_segment(directory, shard))
        self._thread = ThreadPoolExecutor(1, "journal")
        self._pending: list[tuple[bytes, Callable[[], None]]] = []
        self._flusher: asyncio.Task[None] | None = None
        self.failure: JournalError | None = None
        self.syncs = 0

    async def __aenter__(self) -> Journal:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def append(self, line: bytes, on_durable: Callable[[], None]) -> None:
        """Queue one line; `on_durable` runs in the event loop after the sync that covers it, never if that fails.

        Raises:
            JournalError: An earlier group could not be written.
        """
        if self.failure is not None:
            raise self.failure
        self._pending.append((line, on_durable))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush_all())

    async def flush(self) -> None:
        """Wait until everything appended so far is durable.

        Raises:
            JournalError: It could not be written. Cancellation: safe, the write goes on.
        """
        while self._flusher is not None:
            await asyncio.shield(self._flusher)
        if self.failure is not None:
            raise self.failure

    async def aclose(self) -> None:
        """Write what is pending, close the segment. Idempotent; does not raise, see `failure`."""
        try:
            while self._flusher is not None:
                await asyncio.shield(self._flusher)
        finally:
            self._thread.shutdown(wait=True)
            self._writer.close()

    async def _flush_all(self) -> None:
        # one trip through the loop, so that rows which finish in the same tick share the sync
        await asyncio.sleep(0)
        try:
            while self._pending and self.failure is None:
                group, self._pending = self._pending, []
                await self._write([line for line, _ in group])
                if self.failure is None:
                    for _, on_durable in group:
                        on_durable()
        finally:
            self._flusher = None

    async def _write(self, lines: list[bytes]) -> None:
        try:
            if self._writer.size > SEGMENT_BYTES:
                self._writer.close()
                self._writer = SegmentWriter(own_segment(self._directory, self._shard, after=self._writer.path))
            await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.append, lines)
        except OSError as error:
            self._failed(lines, error)
        else:
            self.syncs += 1

    def _failed(self, lines: list[bytes], error: OSError) -> None:
        self.failure = JournalError(
            f"{len(lines)} finished rows could not be written: {error.strerror or error}.",
            checked=f"journal {self._writer.path.name}: what was there before is intact",
            fix="Make room or repair the disk, then start the same command again: it does only what is missing.",
        )
        self.on_failure(self.failure)


def own_segment(directory: Path, shard: str, *, after: Path | None = None) -> Path:
    """The segment a shard appends to: its last one, or a new one when there is none or it is `after`."""
    own = [path for path in segment_files(directory) if path.name.startswith(f"{shard}-")]
    if own and after is None:
        return own[-1]
    number = int(own[-1].stem.rpartition("-")[2]) + 1 if own else 1
    return directory / f"{shard}-{number:06d}.jsonl"


def fault_counts(heads: Iterable[RecordHead]) -> Counter[str]:
    """How many rows failed for which reason, each row by its last failure."""
    last: dict[int, str] = {}
    for head in heads:
        last[head.row] = str(head.status) if head.status else str(head.fault)
    return Counter(last.values())
