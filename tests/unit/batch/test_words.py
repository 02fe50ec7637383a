"""64-bit words by row number, mostly on disk."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ghmodels_async.batch import words
from ghmodels_async.batch.words import Words


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 2**64 - 1)), max_size=300))
def test_it_is_a_mapping_that_starts_with_zeros(steps: list[tuple[int, int]]) -> None:
    model: dict[int, int] = {}
    with Words() as array:
        for row, word in steps:
            array[row] = word
            model[row] = word
        assert all(array[row] == word for row, word in model.items())
        assert all(array[row] == model.get(row, 0) for row in range(0, 400_000, 40_001))


def test_only_some_blocks_stay_in_memory() -> None:
    with Words() as array:
        for block in range(10 * words._KEPT):
            array[block * words._BLOCK] = block
        assert len(array._blocks) <= words._KEPT
        assert all(array[block * words._BLOCK] == block for block in range(10 * words._KEPT))


def test_closing_twice_is_closing_once() -> None:
    array = Words()
    array.close()
    array.close()
    assert array._file.closed
