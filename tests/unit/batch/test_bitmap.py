"""A set of row numbers at one bit each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ghmodels_async.batch.bitmap import Bitmap

ROWS = st.integers(0, 5_000)
STEPS = st.lists(st.tuples(st.booleans(), ROWS), max_size=200)


@given(STEPS)
def test_it_is_a_set_of_numbers(steps: list[tuple[bool, int]]) -> None:
    bits, model = Bitmap(), set[int]()
    for add, row in steps:
        if add:
            assert bits.add(row) == (row not in model)
            model.add(row)
        else:
            assert bits.discard(row) == (row in model)
            model.discard(row)
        assert (row in bits) == (row in model)
    assert len(bits) == len(model)
    assert list(bits) == sorted(model)
    assert bits.end == max(model, default=-1) + 1


def test_ten_million_rows_take_little_more_than_a_bit_each() -> None:
    bits = Bitmap()
    bits.add(9_999_999)
    assert len(bits._bits) <= 1_250_064


def test_rising_rows_do_not_copy_the_bits_each_time() -> None:
    bits = Bitmap()
    sizes = set()
    for row in range(20_000):
        bits.add(row)
        sizes.add(len(bits._bits))
    assert len(sizes) < 12
