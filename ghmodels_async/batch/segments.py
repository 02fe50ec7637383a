"""The files of a journal: lines that are only ever appended, written and synced in groups, read back after any crash.

Each line is one finished row: a short head in a fixed order (so that a million lines are scanned without parsing JSON),
then the row's envelope as it will stand in the output file. A line counts only with its newline: a crash can tear the
last one, a full disk or a hole of zeros can spoil one; such a line is as good as never written, its row runs again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["RecordHead", "SegmentWriter", "cut_torn_tail", "envelope_of", "read_head", "record_line", "records"]

_HEAD = re.compile(rb'\{"row":(\d+),"hash":"([0-9a-f]{16})","status":(\d+),"fault":(?:null|"([\w.-]+)"),')


class RecordHead(NamedTuple):
    """The fixed part of a line. `fault` None: the row succeeded. `status` 0: no HTTP answer. `end`: its length."""

    row: int
    hash: int
    status: int
    fault: str | None
    end: int


def record_line(row: int, hash: int, status: int, fault: str | None, envelope: bytes) -> bytes:
    """Head and envelope (a JSON object with at least one field) as one line."""
    named = b'"' + fault.encode() + b'"' if fault else b"null"
    return b'{"row":%d,"hash":"%016x","status":%d,"fault":%s,%s\n' % (row, hash, status, named, envelope[1:])


def read_head(line: bytes) -> RecordHead | None:
    """The head of one line, or None for a line that is torn or spoilt."""
    match = _HEAD.match(line)
    if match is None or not line.endswith(b"}\n") or b"\0" in line:
        return None
    row, hash_, status, fault = match.groups()
    return RecordHead(int(row), int(hash_, 16), int(status), fault.decode() if fault else None, match.end())


def envelope_of(line: bytes) -> bytes:
    """A sound line without its head: what the OpenAI envelope is."""
    head = _HEAD.match(line)
    assert head is not None, "only lines that were found sound are asked for"
    return b"{" + line[head.end() :]


def records(path: Path) -> Iterator[tuple[int, RecordHead, bytes]]:
    """Every sound line as (offset, head, line), in file order. Lines that are not sound are passed over."""
    offset = 0
    with path.open("rb", buffering=1 << 18) as file:
        for line in file:
            head = read_head(line)
            if head is not None:
                yield offset, head, line
            offset += len(line)


def cut_torn_tail(path: Path) -> int:
    """Cut what follows the last newline, so that the next line starts on its own. Returns the bytes cut."""
    with path.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)
            os.fsync(file.fileno())
        return size - end


class SegmentWriter:
    """The one file this process appends to. Blocking: the journal calls it from its own thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        fresh = not path.exists()
        if not fresh:
            cut_torn_tail(path)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._durable = os.fstat(self._file).st_size
        if fresh:
            sync_directory(path.parent)

    def append(self, lines: Sequence[bytes]) -> None:
        """Write the lines and sync them once. They are durable when this returns, or none of them is in the file.

        Raises:
            OSError: The disk is full, gone or read-only; the file ends where it did before.
        """
        data = b"".join(lines)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
            os.fdatasync(self._file)
        except OSError:
            # half a group must not stay: the caller will say that none of it was kept
            os.ftruncate(self._file, self._durable)
            raise
        self._durable += len(data)

    @property
    def size(self) -> int:
        """Bytes known to be durable."""
        return self._durable

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def sync_directory(path: Path) -> None:
    """Make a new name durable. A file system that cannot is none that loses names either."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
