"""JSON that is still arriving: laws for every cut, and the shape of what is visible meanwhile."""

import copy
import itertools
import json
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ghmodels_async.structured import PartialJSON

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def pieces(text: str, cuts: list[int]) -> list[str]:
    places = sorted({cut % (len(text) + 1) for cut in cuts} | {0, len(text)})
    return [text[a:b] for a, b in itertools.pairwise(places)]


def grown_from(before: Any, after: Any) -> bool:
    """Whether `after` may follow `before`: strings and containers grow, everything else stays."""
    if isinstance(before, str):
        return isinstance(after, str) and after.startswith(before)
    if isinstance(before, dict):
        return isinstance(after, dict) and all(key in after and grown_from(before[key], after[key]) for key in before)
    if isinstance(before, list):
        return (
            isinstance(after, list)
            and len(after) >= len(before)
            and all(grown_from(a, b) for a, b in zip(before, after, strict=False))
        )
    return type(before) is type(after) and before == after


@given(
    value=values,
    cuts=st.lists(st.integers(min_value=0), max_size=30),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 0, 2]),
)
@example(value='😀é\n"\\/\x7f', cuts=list(range(40)), ascii_only=True, indent=None)
def test_any_cutting_reads_what_json_reads(value: Any, cuts: list[int], ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    reader = PartialJSON()
    for piece in pieces(text, cuts):
        reader.feed(piece)
    assert reader.close() == json.loads(text)
    assert reader.begun


@given(value=values, ascii_only=st.booleans())
def test_nothing_visible_is_taken_back_and_every_change_is_told(value: Any, ascii_only: bool) -> None:
    reader, before, begun = PartialJSON(), None, False
    for char in json.dumps(value, ensure_ascii=ascii_only):
        changed = reader.feed(char)
        if begun:
            assert grown_from(before, reader.value)
            assert changed or before == reader.value
        begun = begun or reader.begun
        before = copy.deepcopy(reader.value)


@given(
    st.text(alphabet='{}[]":,\\u0019truefalsn-.eE+ \n`', max_size=40), st.lists(st.integers(min_value=0), max_size=8)
)
def test_what_json_refuses_is_refused_and_what_it_takes_is_taken(text: str, cuts: list[int]) -> None:
    try:
        wanted: Any = ("value", json.loads(text))
    except ValueError:
        wanted = ("refused", None)
    reader = PartialJSON()
    try:
        for piece in pieces(text, cuts):
            reader.feed(piece)
        got: Any = ("value", reader.close())
    except ValueError:
        got = ("refused", None)
    if "`" not in text or wanted[0] == "value":
        assert got == wanted


def shown(*texts: str) -> list[Any]:
    reader, seen = PartialJSON(), []
    for text in texts:
        reader.feed(text)
        seen.append(copy.deepcopy(reader.value))
    return seen


def test_strings_show_at_once_and_numbers_when_they_are_complete() -> None:
    assert shown('{"na', 'me": "Os', 'lo", "n": 12', "3", ', "ok": tr', "ue}") == [
        {},
        {"name": "Os"},
        {"name": "Oslo"},
        {"name": "Oslo"},
        {"name": "Oslo", "n": 123},
        {"name": "Oslo", "n": 123, "ok": True},
    ]


def test_a_pair_of_surrogates_shows_as_one_character_however_it_is_cut() -> None:
    assert shown('"\\ud83', "d\\ude", '00"') == ["", "", "😀"]
    assert shown('"\\ud83d', 'x"') == ["", "\ud83dx"]
    assert shown('["\\ud83d\\ud83d\\ude00"]') == [["\ud83d😀"]]
    assert shown('{"\\u00e9\\ud83d\\ude00k": 1}') == [{"é😀k": 1}]


def test_the_value_is_one_living_object() -> None:
    reader = PartialJSON()
    reader.feed('{"xs": [')
    root = reader.value
    inner = root["xs"]
    reader.feed("1, 2]}")
    assert reader.close() is root
    assert inner == [1, 2]


def test_a_markdown_fence_around_the_text_is_skipped() -> None:
    assert shown("``", "`js", 'on\n{"a"', ": 1}\n`", "``\n")[-1] == {"a": 1}


def test_before_anything_the_value_has_not_begun() -> None:
    reader = PartialJSON()
    assert not reader.feed(" \n")
    assert not reader.begun
    with pytest.raises(ValueError, match="ends in the middle"):
        reader.close()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{'a': 1}", "where a key belongs"),
        ('{"a" 1}', "where a colon belongs"),
        ("[1 2]", "where a comma or the end belongs"),
        ("[1,]", "where a value belongs"),
        ("01 ", "where a number belongs"),
        ("nul ", "where true, false or null belongs"),
        ('"\\x"', "where an escape belongs"),
        ('"\\u00g0"', "where four hexadecimal digits belongs"),
        ('"a\nb"', "without control characters"),
        ("{} x", "where nothing more belongs"),
    ],
)
def test_text_that_is_no_json_is_refused_at_its_place(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        PartialJSON().feed(text)


def test_nesting_without_end_is_refused() -> None:
    reader = PartialJSON()
    with pytest.raises(ValueError, match="deeper than 200"):
        reader.feed("[" * 100_000)
    reader = PartialJSON()
    reader.feed("[" * 200 + "]" * 200)
    reader.close()


def test_what_was_read_stays_after_an_error() -> None:
    reader = PartialJSON()
    with pytest.raises(ValueError):
        reader.feed('{"a": [1, 2], "b": oops')
    assert reader.value == {"a": [1, 2]}


def calls_per_piece(pieces: int) -> float:
    """Python calls it takes to read one long string in that many pieces, per piece."""
    reader, calls = PartialJSON(), 0

    def count(frame: Any, event: str, arg: Any) -> None:
        nonlocal calls
        calls += event == "call"

    reader.feed('{"body": "')
    sys.setprofile(count)
    try:
        for _ in range(pieces):
            reader.feed("word ")
    finally:
        sys.setprofile(None)
    return calls / pieces


def test_a_piece_costs_the_same_work_however_long_the_text_has_become() -> None:
    assert calls_per_piece(10) == pytest.approx(calls_per_piece(10_000), abs=0.2)
