"""Which names occur twice among any number of rows, in bounded memory.

Up to some hundred thousand names are kept as 64-bit hashes in a set. Beyond that, hashes and places go to unnamed
files, one per range of hashes, and each file is looked through on its own at the end: 10,000,000 names need 160 MB of
disk and a few MB of memory. That two different names share a hash has one chance in 370,000 at that size; the report
names both places, so a person sees it.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from typing import IO

__all__ = ["Duplicates"]

_KEPT = 200_000
_FILES = 64
_BUFFERED = 4096
_MASK = (1 << 64) - 1


class Duplicates:
    """Feed names with their places, then ask for the repeats. Use it in a `with`."""

    def __init__(self) -> None:
        self._first: dict[int, int] = {}
        self._found: list[tuple[int, int]] = []
        self._files: list[IO[bytes]] = []
        self._buffers: list[array[int]] = []

    def __enter__(self) -> Duplicates:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def add(self, name: str, place: int) -> None:
        """One name at a place (rising numbers from 1)."""
        key = hash(name) & _MASK
        if self._files:
            self._put(key, place)
            return
        first = self._first.setdefault(key, place)
        if first != place:
            self._found.append((place, first))
        elif len(self._first) > _KEPT:
            self._spill()

    def repeats(self) -> Iterator[tuple[int, int]]:
        """Each place whose name stood at an earlier one, with that earlier place; in no particular order."""
        yield from self._found
        for file, buffer in zip(self._files, self._buffers, strict=True):
            buffer.tofile(file)
            del buffer[:]
            file.seek(0)
            pairs = array("Q", file.read())
            first: dict[int, int] = {}
            for key, place in zip(pairs[::2], pairs[1::2], strict=True):
                earlier = first.setdefault(key, place)
                if earlier != place:
                    yield place, earlier

    def _spill(self) -> None:
        for _ in range(_FILES):
            self._files.append(tempfile.TemporaryFile())  # noqa: SIM115 - closed by __exit__
            self._buffers.append(array("Q"))
        for key, place in self._first.items():
            self._put(key, place)
        self._first.clear()

    def _put(self, key: int, place: int) -> None:
        buffer = self._buffers[key % _FILES]
        buffer.append(key)
        buffer.append(place)
        if len(buffer) >= _BUFFERED:
            buffer.tofile(self._files[key % _FILES])
            del buffer[:]
