"""Where rows come from."""

from __future__ import annotations

import gzip
import importlib
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ghmodels_async.batch import Recipe, RowError, Template, open_source
from ghmodels_async.batch.rows import RawRow
from ghmodels_async.batch.sources import Source, encoded_rows
from ghmodels_async.errors import ConfigurationError


def read(source: Source) -> list[tuple[int, int, Any]]:
    return [(raw.ordinal, raw.line, json.loads(raw.data)) for raw in source.rows()]


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'\n{"a":1}\r\n   \n{"a":2}')
    source = open_source(path)
    assert read(source) == [(0, 2, {"a": 1}), (1, 4, {"a": 2})]
    assert read(source) == read(source), "a file can be read again"


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a":1}\n')
    assert read(open_source(path)) == [(0, 1, {"a": 1})]


def test_a_row_is_the_same_bytes_with_any_line_ending(tmp_path: Path) -> None:
    unix, windows = tmp_path / "unix.jsonl", tmp_path / "windows.jsonl"
    unix.write_bytes(b'{"a":1}\n{"a":2}\n')
    windows.write_bytes(b'{"a":1}\r\n{"a":2}\r\n')
    assert [raw.data for raw in open_source(unix).rows()] == [raw.data for raw in open_source(windows).rows()]


def test_packed_lines_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a":1}\n'))
    assert read(open_source(path)) == [(0, 1, {"a": 1})]


def test_a_table_row_is_an_object_of_texts(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text('\ufeffq,answer\n"two\nlines, and a comma",ü\nshort\nlong,x,extra\n', encoding="utf-8")
    source = open_source(path)
    assert source.kind == "csv"
    assert read(source) == [
        (0, 2, {"q": "two\nlines, and a comma", "answer": "ü"}),
        (1, 4, {"q": "short"}),
        (2, 5, {"q": "long", "answer": "x", "": ["extra"]}),
    ]


def test_tabs_separate_a_tsv(tmp_path: Path) -> None:
    path = tmp_path / "in.tsv"
    path.write_text("a\tb\r\n1,5\t2\r\n")
    assert read(open_source(path)) == [(0, 2, {"a": "1,5", "b": "2"})]


def test_a_field_may_be_a_document(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("a\n" + "x" * 300_000 + "\n")
    assert len(read(open_source(path))[0][2]["a"]) == 300_000


def test_standard_input_is_lines(tmp_path: Path) -> None:
    source = open_source("-", stdin=io.BytesIO(b'{"a":1}\n'))
    assert read(source) == [(0, 1, {"a": 1})]


@pytest.mark.parametrize("name", ["gone.jsonl", "."])
def test_a_name_that_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="no input file"):
        open_source(tmp_path / name)


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    duckdb = importlib.import_module("duckdb")
    path = tmp_path / "in.parquet"
    duckdb.sql("select i as n, 'ü' || i as text, [i, i] as list from range(5000) t(i)").write_parquet(str(path))
    rows = read(open_source(path))
    assert len(rows) == 5000
    assert rows[4999] == (4999, 5000, {"n": 4999, "text": "ü4999", "list": [4999, 4999]})


def test_parquet_without_its_extra_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(ConfigurationError, match="tables"):
        list(open_source(path).rows())


def test_mappings_become_lines() -> None:
    assert list(encoded_rows([{"a": "ü"}])) == ['{"a":"ü"}\n'.encode()]


def test_what_json_cannot_hold_is_text_where_that_means_something_and_refused_elsewhere() -> None:
    row = {"day": date(2026, 1, 2), "price": Decimal("1.50")}
    assert list(encoded_rows([row])) == [b'{"day":"2026-01-02","price":"1.50"}\n']
    with pytest.raises(TypeError, match="holds a object"):
        list(encoded_rows([{"x": object()}]))


def test_empty_cells_behind_the_last_name_are_what_spreadsheets_write(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("a,b\n1,2,,\n")
    assert read(open_source(path)) == [(0, 2, {"a": "1", "b": "2"})]


def test_a_table_with_a_cell_too_many_or_too_few_is_found_by_its_line() -> None:
    recipe = Recipe(template=Template("{{a}} {{b}}"))
    with pytest.raises(RowError, match="line 3: 1 more cells than the header has names"):
        recipe.job(RawRow(1, 3, b'{"a":"1","b":"2","":["3"]}'))
    with pytest.raises(RowError, match="line 4: the template needs 'b'"):
        recipe.job(RawRow(2, 4, b'{"a":"1"}'))


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("in.csv", b"a\nh\xe9llo\n", "byte 0xe9 is no UTF-8"),
        ("in.csv", b'a,b\n1,2\n"3,4\n5,6\n', "no sound table: after line 2: unexpected end"),
        ("in.jsonl.gz", b"\x1f\x8bbroken", "cannot be unpacked"),
        ("in.jsonl.gz", b"not packed", "cannot be unpacked"),
        ("in.csv.gz", gzip.compress(b"a\n1\n" * 999)[:-20], "cannot be unpacked"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused_with_the_reason(
    tmp_path: Path, name: str, data: bytes, why: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match=why):
        read(open_source(path))
