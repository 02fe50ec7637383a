"""From a journal to the two files people want: successes and failures, each row once, in the order of the input.

Two passes over the segments and one word a row in a file beside them: memory does not grow with the rows.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .journal import CHANGED, Finished, segment_files
from .rundir import RunDirectory
from .segments import read_head, records
from .words import Words

__all__ = ["Merged", "merge"]

#: Segment number in the high bits, offset in the low ones: 512 MiB segments leave room to spare.
_OFFSET_BITS = 40


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
    files = [path.open("rb") for path in segments]
    try:
        with beside[True].open("wb", buffering=1 << 18) as good, beside[False].open("wb", buffering=1 << 18) as bad:
            for row in range(finished.answered.end):
                if row in finished.answered:
                    ok = row in finished.succeeded
                    (good if ok else bad).write(_envelope(files, places[row] - 1))
                    counts[ok] += 1
            for file in (good, bad):
                file.flush()
                os.fsync(file.fileno())
        beside[True].replace(output)
        beside[False].replace(errors)
    finally:
        for handle in files:
            handle.close()
        for path in beside.values():
            path.unlink(missing_ok=True)
    return Merged(counts[True], counts[False])


def _envelope(files: Sequence[IO[bytes]], place: int) -> bytes:
    """The line without its head: what the OpenAI envelope is."""
    file = files[place >> _OFFSET_BITS]
    file.seek(place & ((1 << _OFFSET_BITS) - 1))
    line = file.readline()
    head = read_head(line)
    assert head is not None, "it was sound in the first pass, and segments are only appended to"
    return b"{" + line[head.end :]
