"""Vectors out of what servers send."""

import base64
import builtins
import struct

import numpy
import pytest

from ghmodels_async.embeddings import vectors
from ghmodels_async.embeddings.vectors import Collector, decoded, wants_array
from ghmodels_async.errors import ConfigurationError
from ghmodels_async.wire import Embedding


def packed(*numbers):
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def rows(*embeddings, order=None):
    indexes = order or range(len(embeddings))
    return [Embedding(index=index, embedding=one) for index, one in zip(indexes, embeddings, strict=True)]


@pytest.fixture
def without_numpy(monkeypatch):
    real = builtins.__import__

    def refusing(name, *rest):
        if name == "numpy":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refusing)
    vectors._numpy.cache_clear()
    yield
    vectors._numpy.cache_clear()


@pytest.mark.parametrize("one", [[0.5, -1.5], packed(0.5, -1.5)])
def test_numbers_and_base64_mean_the_same(one):
    assert decoded(rows(one), 1, as_array=False) == [[0.5, -1.5]]
    array = decoded(rows(one), 1, as_array=True)
    assert (array.dtype, array.tolist()) == (numpy.float32, [[0.5, -1.5]])


def test_base64_is_little_endian_whatever_the_machine():
    assert decoded(rows("AACAPwAAAEA="), 1, as_array=False) == [[1.0, 2.0]]
    assert decoded(rows("AACAPwAAAEA="), 1, as_array=True).tolist() == [[1.0, 2.0]]


def test_an_array_from_base64_can_be_written_to():
    array = decoded(rows(packed(1.0)), 1, as_array=True)
    array *= 2
    assert array.tolist() == [[2.0]]


def test_rows_stand_in_the_order_of_their_index():
    assert decoded(rows([1.0], [2.0], [3.0], order=[2, 0, 1]), 3, as_array=False) == [[2.0], [3.0], [1.0]]


def test_rows_without_an_index_stand_as_they_came():
    unnumbered = [Embedding(embedding=[1.0]), Embedding(embedding=[2.0])]
    assert decoded(unnumbered, 2, as_array=False) == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("data", "count", "says"),
    [
        (rows([1.0]), 2, "1 vectors for 2 texts"),
        (rows([1.0], [2.0], order=[0, 0]), 2, "indexes"),
        (rows([1.0], [2.0], order=[0, 2]), 2, "indexes"),
        (rows([1.0], [2.0, 3.0]), 2, "different lengths"),
        (rows("AAA="), 1, "no float32"),
        (rows(""), 1, "no float32"),
        (rows("not base64!"), 1, "base64"),
    ],
)
def test_an_answer_that_is_none_is_refused(data, count, says):
    with pytest.raises(ValueError, match=says):
        decoded(data, count, as_array=False)


def test_where_numpy_is_missing_lists_are_the_answer(without_numpy):
    assert wants_array(None) is False
    assert wants_array(False) is False
    with pytest.raises(ConfigurationError, match="numpy"):
        wants_array(True)


def test_where_numpy_is_there_it_is_used_unless_lists_are_asked_for():
    assert [wants_array(None), wants_array(True), wants_array(False)] == [True, True, False]


@pytest.mark.parametrize("as_array", [True, False])
def test_parts_are_put_together_in_order(as_array):
    collector = Collector(as_array=as_array)
    collector.add(decoded(rows([1.0, 2.0]), 1, as_array=as_array), of=3)
    collector.add(decoded(rows([3.0, 4.0], [5.0, 6.0]), 2, as_array=as_array), of=3)
    assert [list(row) for row in collector.close()] == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


def test_parts_of_different_lengths_do_not_fit_together():
    collector = Collector(as_array=True)
    collector.add(decoded(rows([1.0, 2.0]), 1, as_array=True), of=2)
    with pytest.raises(ValueError, match="length 1 after vectors of length 2"):
        collector.add(decoded(rows([1.0]), 1, as_array=True), of=2)
