"""Lines that are only ever appended."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ghmodels_async.batch.segments import SegmentWriter, cut_torn_tail, read_head, record_line, records

LINE = record_line(7, 0xABC, 429, "rate_limit", b'{"custom_id":"c"}')


def test_a_line_is_a_head_and_the_envelope() -> None:
    assert LINE == b'{"row":7,"hash":"0000000000000abc","status":429,"fault":"rate_limit","custom_id":"c"}\n'
    head = read_head(LINE)
    assert head is not None
    assert (head.row, head.hash, head.status, head.fault) == (7, 0xABC, 429, "rate_limit")
    assert b"{" + LINE[head.end :] == b'{"custom_id":"c"}\n'


def test_success_has_no_fault() -> None:
    head = read_head(record_line(0, 2**64 - 1, 200, None, b'{"a":1}'))
    assert head is not None
    assert (head.hash, head.fault) == (2**64 - 1, None)


@pytest.mark.parametrize(
    "line",
    [LINE[:-1], LINE[:-2] + b"\n", LINE[1:], b"\n", b"{}\n", LINE[:40] + b"\0" * 8 + LINE[48:], b"\0" * 50 + b"\n"],
)
def test_a_torn_or_spoilt_line_is_none(line: bytes) -> None:
    assert read_head(line) is None


def test_lines_that_are_not_sound_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(LINE + b"garbage\n" + LINE + LINE[:20])
    assert [offset for offset, _, _ in records(path)] == [0, len(LINE) + 8]


@pytest.mark.parametrize("size", [0, 1, 70_000, 200_000])
def test_what_follows_the_last_newline_is_cut(tmp_path: Path, size: int) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(LINE + b"x" * size)
    assert cut_torn_tail(path) == size
    assert path.read_bytes() == LINE


def test_a_file_that_is_one_torn_line_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"x" * 100_000)
    assert cut_torn_tail(path) == 100_000
    assert path.read_bytes() == b""


def test_a_writer_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(LINE + LINE[:9])
    writer = SegmentWriter(path)
    writer.append([LINE, LINE])
    writer.close()
    assert path.read_bytes() == LINE * 3
    assert writer.size == len(LINE) * 3


def test_half_a_group_never_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.jsonl"
    writer = SegmentWriter(path)
    writer.append([LINE])
    real = os.write
    left = [10]

    def filling_up(handle: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = min(left[0], len(data))
        left[0] -= taken
        return real(handle, bytes(data[:taken]))

    monkeypatch.setattr(os, "write", filling_up)
    with pytest.raises(OSError, match="No space"):
        writer.append([LINE, LINE])
    monkeypatch.undo()
    assert path.read_bytes() == LINE
    writer.append([LINE])
    assert path.read_bytes() == LINE * 2
    writer.close()
    writer.close()
