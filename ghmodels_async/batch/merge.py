"""From a journal to the two files people want: successes and failures, each row once, in the order of the input.

Two passes over the segments and one word a row in a file beside them: memory does not grow with the rows.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .journal import CHANGED, Finished, segment_files
from .rundir import RunDirectory
from .segments import envelope_of, records
from .words import Words

__all__ = ["Merged", "merge"]

#: Segment number in the high bits, offset in the low ones: 512 MiB segments leave room to spare.
_OFFSET_BITS = 40
_OFFSET = (1 << _OFFSET_BITS) - 1


@dataclass(frozen=True, slots=True)
class Merged:
    """How many rows stand in each file."""

    succeeded: int
    failed: int


def merge(run: RunDirectory, *, output: Path | None = None, errors: Path | None = None) -> Merged:
    """Write the output and the errors file, each replaced in one step. Blocking.

    The first success of a row wins; a row that never succeeded appears in the errors file with its last failure. May
    run while the run goes on: it then takes what is durable now.

    Raises:
        OSError: A file cannot be written; what was there before stays.
    """
    segments = segment_files(run.journal)
    with Words(run.path) as places:
        finished = Finished(run.path)
        try:
            for number, path in enumerate(segments):
                for offset, head, _ in records(path):
                    settled = head.row in finished.succeeded and finished.hashes[head.row] == head.hash
                    finished.add(head)
                    if not settled and head.fault != CHANGED:
                        places[head.row] = (number << _OFFSET_BITS | offset) + 1
            return _write(segments, places, finished, output or run.output, errors or run.errors)
        finally:
            finished.close()


def _write(segments: list[Path], places: Words, finished: Finished, output: Path, errors: Path) -> Merged:
    counts = {True: 0, False: 0}
    beside = {True: output.with_name(f".{output.name}.part"), False: errors.with_name(f".{errors.name}.part")}
    with ExitStack() as stack:
        for path in beside.values():
            stack.callback(path.unlink, missing_ok=True)
        lines = [_Lines(stack.enter_context(path.open("rb", buffering=1 << 18))) for path in segments]
        good, bad = (stack.enter_context(path.open("wb", buffering=1 << 18)) for path in beside.values())
        for row in range(finished.answered.end):
            if row in finished.answered:
                ok = row in finished.succeeded
                place = places[row] - 1
                (good if ok else bad).write(lines[place >> _OFFSET_BITS].envelope(place & _OFFSET))
                counts[ok] += 1
        for file in (good, bad):
            file.flush()
            os.fsync(file.fileno())
        beside[True].replace(output)
        beside[False].replace(errors)
    return Merged(counts[True], counts[False])


class _Lines:
    """Lines of one segment by their offset; cheap when asked for nearly in order."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._at = 0

    def envelope(self, offset: int) -> bytes:
        """The envelope in the line that starts there."""
        if offset != self._at:
            self._file.seek(offset)
        line = self._file.readline()
        self._at = offset + len(line)
        return envelope_of(line)
