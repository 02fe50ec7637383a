"""Vectors out of a reply: base64 of little-endian float32 or JSON numbers in, numpy rows or lists of floats out. Pure.

numpy is used when it can be imported and never required.
"""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ghmodels_async.errors import ConfigurationError
from ghmodels_async.wire import Embedding

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

__all__ = ["Array", "Collector", "Lists", "Vectors", "decoded", "wants_array"]

Array: TypeAlias = "NDArray[numpy.float32]"
"""Shape (texts, dimensions), float32."""
Lists: TypeAlias = list[list[float]]
"""One list of floats per text."""
Vectors: TypeAlias = "Array | Lists"
"""`Array` where numpy can be imported, else `Lists`."""


@cache
def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def wants_array(array: bool | None) -> bool:
    """Whether vectors come as a numpy array: asked for, or not spoken about and numpy is there.

    Raises:
        ConfigurationError: An array was asked for and numpy cannot be imported. Nothing was sent.
    """
    if array and _numpy() is None:
        raise ConfigurationError(
            "numpy arrays were asked for, and numpy cannot be imported.",
            checked="array=True",
            fix="Install numpy, or leave array out and take lists of floats",
        )
    return _numpy() is not None if array is None else array


def decoded(data: Sequence[Embedding], count: int, *, as_array: bool) -> Vectors:
    """The vectors of one reply, in the order of its texts.

    Args:
        data: As the server sent them; rows are put in the order of `index` if those are a permutation.
        count: How many texts were sent.
        as_array: numpy or lists.

    Raises:
        ValueError: Not one vector per text, vectors of several lengths, or text that is no float32 data.
    """
    if len(data) != count:
        raise ValueError(f"{len(data)} vectors for {count} texts")
    places = sorted(range(count), key=lambda place: data[place].index)
    if [data[place].index for place in places] != list(range(count)):
        if any("index" in row.model_fields_set for row in data):
            raise ValueError("the indexes of the vectors are not those of the texts")
        places = list(range(count))
    rows = [_row(data[place].embedding, as_array) for place in places]
    if len({len(row) for row in rows}) != 1:
        raise ValueError("the vectors have different lengths")
    return cast("Array", _numpy().stack(rows).astype("float32", copy=False)) if as_array else rows


def _row(embedding: list[float] | str, as_array: bool) -> Any:
    if not isinstance(embedding, str):
        return _numpy().asarray(embedding, dtype="float32") if as_array else embedding
    packed = b64decode(embedding, validate=True)
    if not packed or len(packed) % 4:
        raise ValueError(f"{len(packed)} bytes are no float32 numbers")
    if as_array:
        return _numpy().frombuffer(packed, dtype="<f4")
    numbers = array("f", packed)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


class Collector:
    """Puts the parts of one answer together; an array is made once, so that no part is held twice.

    Args:
        as_array: numpy or lists.
    """

    __slots__ = ("_array", "_as_array", "_filled", "_rows", "_width")

    def __init__(self, *, as_array: bool) -> None:
        self._as_array = as_array
        self._rows: Lists = []
        self._array: Any = None
        self._filled = 0
        self._width: int | None = None

    def add(self, part: Vectors, *, of: int) -> None:
        """Append the vectors of the next texts.

        Args:
            part: One row per text, at least one.
            of: How many texts there are altogether.

        Raises:
            ValueError: Their length differs from the earlier ones'.
        """
        width = len(part[0])
        if self._width is None:
            self._width = width
            if self._as_array:
                self._array = _numpy().empty((of, width), dtype="float32")
        if width != self._width:
            raise ValueError(f"vectors of length {width} after vectors of length {self._width}")
        if self._as_array:
            self._array[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
        else:
            self._rows += cast("Lists", part)

    def close(self) -> Vectors:
        """Everything that was added. There must have been something."""
        return cast("Array", self._array) if self._as_array else self._rows
