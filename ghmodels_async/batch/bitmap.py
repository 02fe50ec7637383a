"""A set of row numbers at one bit each: 10,000,000 rows take 1.25 MB. Pure."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["Bitmap"]


class Bitmap:
    """Row numbers from 0, growing as needed. `len()` is the number of rows in it, O(1)."""

    __slots__ = ("_bits", "_count")

    def __init__(self) -> None:
        self._bits = bytearray()
        self._count = 0

    def __contains__(self, row: int) -> bool:
        byte = row >> 3
        return byte < len(self._bits) and bool(self._bits[byte] >> (row & 7) & 1)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        for place, byte in enumerate(self._bits):
            if byte:
                yield from (place * 8 + bit for bit in range(8) if byte >> bit & 1)

    @property
    def end(self) -> int:
        """One more than the highest row in the set; 0 when it is empty."""
        for place in range(len(self._bits) - 1, -1, -1):
            if byte := self._bits[place]:
                return place * 8 + byte.bit_length()
        return 0

    def add(self, row: int) -> bool:
        """Put a row in. True when it was not there before."""
        byte, mask = row >> 3, 1 << (row & 7)
        if byte >= len(self._bits):
            # doubling keeps a rising sequence of rows linear
            self._bits.extend(bytes(max(byte + 1, 2 * len(self._bits), 64) - len(self._bits)))
        if self._bits[byte] & mask:
            return False
        self._bits[byte] |= mask
        self._count += 1
        return True

    def discard(self, row: int) -> bool:
        """Take a row out. True when it was there."""
        if row not in self:
            return False
        self._bits[row >> 3] &= ~(1 << (row & 7)) & 0xFF
        self._count -= 1
        return True
