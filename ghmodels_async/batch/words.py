"""64-bit words by row number, in an unnamed file with a few blocks in memory.

What must be known about every row (its hash, where its record lies) would be 80 MB for 10,000,000 rows in memory.
Rows come nearly in order, so some blocks of it are enough.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections import OrderedDict
from pathlib import Path

__all__ = ["Words"]

_BLOCK = 4096
_KEPT = 64


class Words:
    """A sparse array of 64-bit words; a word never written is 0. Close it, or use it in a `with`.

    Args:
        directory: Where the unnamed file may lie; None for the system's place.
    """

    def __init__(self, directory: Path | None = None) -> None:
        # closed in close(): it lives as long as the object
        self._file = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115
        self._blocks: OrderedDict[int, array[int]] = OrderedDict()
        self._changed: set[int] = set()

    def __enter__(self) -> Words:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getitem__(self, row: int) -> int:
        return self._block(row // _BLOCK)[row % _BLOCK]

    def __setitem__(self, row: int, word: int) -> None:
        number = row // _BLOCK
        self._block(number)[row % _BLOCK] = word
        self._changed.add(number)

    def close(self) -> None:
        """Forget everything. Idempotent."""
        self._blocks.clear()
        self._file.close()

    def _block(self, number: int) -> array[int]:
        block = self._blocks.get(number)
        if block is None:
            block = self._read(number)
            self._blocks[number] = block
            if len(self._blocks) > _KEPT:
                self._evict()
        else:
            self._blocks.move_to_end(number)
        return block

    def _read(self, number: int) -> array[int]:
        data = os.pread(self._file.fileno(), _BLOCK * 8, number * _BLOCK * 8)
        return array("Q", data.ljust(_BLOCK * 8, b"\0"))

    def _evict(self) -> None:
        number, block = self._blocks.popitem(last=False)
        if number in self._changed:
            self._changed.discard(number)
            os.pwrite(self._file.fileno(), block.tobytes(), number * _BLOCK * 8)
