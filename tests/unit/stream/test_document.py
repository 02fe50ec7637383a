"""Bodies that are one JSON document, and JSON that is nearly JSON."""

import json
from typing import Any

import pytest

from ghmodels_async.stream import BadStreamError
from ghmodels_async.stream.document import chunk_text, mended, read_document


def test_a_document_is_read_and_so_is_one_inside_a_string() -> None:
    assert read_document(b'{"a": 1}') == {"a": 1}
    assert read_document(json.dumps('{"a": 1}').encode()) == {"a": 1}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "HTML"),
        (b"{", "neither"),
        (b'"just text"', "neither"),
        (b"[" * 5000, "neither"),
        (b"\xff", "neither"),
    ],
)
def test_anything_else_is_refused_by_what_it_is(body: bytes, why: str) -> None:
    with pytest.raises(BadStreamError, match=why):
        read_document(body)


def test_a_completion_becomes_the_chunk_that_says_the_same() -> None:
    body: dict[str, Any] = {
        "id": "c",
        "choices": [
            {"index": 0, "message": {"content": "a", "tool_calls": [{"id": "x"}, {"id": "y", "index": 7}, "odd"]}},
            {"message": None},
            {"message": {"content": "b"}},
            "odd",
        ],
    }
    assert json.loads(chunk_text(body)) == {
        "id": "c",
        "choices": [
            {
                "index": 0,
                "delta": {"content": "a", "tool_calls": [{"index": 0, "id": "x"}, {"id": "y", "index": 7}, "odd"]},
            },
            {"message": None},
            {"delta": {"content": "b"}},
            "odd",
        ],
    }
    assert "message" in body["choices"][0], "the document itself is left alone"


def test_unpaired_surrogates_are_replaced_and_pairs_survive() -> None:
    assert mended(r'{"a": "x\ud83d"}') == '{"a": "x\ufffd"}'
    assert mended(r'{"a": "\uDE00y"}') == '{"a": "\ufffdy"}'
    assert mended(r'{"a": "\ud83d\ude00"}') == '{"a": "😀"}'


@pytest.mark.parametrize("text", ['{"a": 1}', r'{"a": "\ud83d', "\\ud" + "[" * 100_000])
def test_what_cannot_be_mended_is_left_to_whoever_complains(text: str) -> None:
    assert mended(text) is None
