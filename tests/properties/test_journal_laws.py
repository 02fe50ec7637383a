"""A journal cut at any byte resumes without loss or repeat."""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_client import ScriptedClient

from ghmodels_async.batch import run_batch
from ghmodels_async.batch.journal import read_finished
from ghmodels_async.batch.segments import SegmentWriter, read_head, record_line, records

ROWS = 12
TEXTS = ["plain", "ü€𝄞", 'quo"te', "back\\slash", "new\nline", "", "\x00\x1f", "}\n{"]
PROMPTS = [{"prompt": f"{TEXTS[n % len(TEXTS)]} {n}"} for n in range(ROWS)]


def _whole_run() -> dict[str, bytes]:
    """One finished run, as the files a crash would have to leave."""
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run_batch(ScriptedClient(), PROMPTS, run_dir=directory, models=("m",)))
        return {
            str(path.relative_to(directory)): path.read_bytes()
            for path in Path(directory).rglob("*")
            if path.is_file() and "output" not in path.name and "errors" not in path.name
        }


FILES = _whole_run()
SEGMENT = "journal/1of1-000001.jsonl"
JOURNAL = FILES[SEGMENT]


def _resumed(journal: bytes) -> tuple[ScriptedClient, list[str]]:
    """What is asked, and what stands in the output, when a run is started on such a journal."""
    with tempfile.TemporaryDirectory() as directory:
        for name, data in FILES.items():
            path = Path(directory, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(journal if name == SEGMENT else data)
        client = ScriptedClient()
        asyncio.run(run_batch(client, PROMPTS, run_dir=directory, models=("m",)))
        lines = Path(directory, "output.jsonl").read_text().splitlines()
        return client, [json.loads(line)["response"]["body"]["choices"][0]["message"]["content"] for line in lines]


EVERYTHING = [f"echo {row['prompt']}" for row in PROMPTS]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(JOURNAL)))
def test_a_journal_cut_at_any_byte_resumes_without_loss_or_repeat(cut: int) -> None:
    whole = JOURNAL[:cut].count(b"\n")
    client, answers = _resumed(JOURNAL[:cut])
    assert len(client.asked) == ROWS - whole
    assert answers == EVERYTHING


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(JOURNAL)), st.binary(min_size=1, max_size=300))
def test_rubbish_behind_a_cut_costs_no_finished_row(cut: int, rubbish: bytes) -> None:
    """What a disk may leave behind after a power failure: zeros, old blocks, half a line."""
    start = JOURNAL.rfind(b"\n", 0, cut) + 1
    whole = JOURNAL[:start].count(b"\n")
    client, answers = _resumed(JOURNAL[:start] + rubbish)
    assert len(client.asked) == ROWS - whole
    assert answers == EVERYTHING


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(JOURNAL) - 1), st.integers(1, 600))
def test_a_hole_of_zeros_costs_the_rows_it_covers_and_no_other(start: int, size: int) -> None:
    spoilt = JOURNAL[:start] + b"\0" * min(size, len(JOURNAL) - start) + JOURNAL[start + size :]
    client, answers = _resumed(spoilt)
    lost = JOURNAL[start : start + size].count(b"\n") + 1
    assert len(client.asked) <= lost
    assert answers == EVERYTHING


ENVELOPES = st.dictionaries(st.text(min_size=1), st.none() | st.text() | st.lists(st.text(), max_size=2), min_size=1)
RECORDS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 2**64 - 1), st.sampled_from([None, "server", "timeout"]), ENVELOPES),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(RECORDS)
def test_what_was_written_is_what_is_read(rows: list[tuple[int, int, str | None, dict[str, object]]]) -> None:
    lines = [
        record_line(row, hash_, 0 if fault else 200, fault, json.dumps(envelope, ensure_ascii=False).encode())
        for row, hash_, fault, envelope in rows
    ]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "1of1-000001.jsonl")
        writer = SegmentWriter(path)
        for line in lines:
            writer.append([line])
        writer.close()
        found = list(records(path))
        assert [line for _, _, line in found] == lines
        assert [(head.row, head.hash, head.fault) for _, head, _ in found] == [row[:3] for row in rows]
        for (_, head, line), row in zip(found, rows, strict=True):
            assert json.loads(b"{" + line[head.end :]) == row[3]
        with closing(read_finished(Path(directory))) as finished:
            assert set(finished.answered) == {row[0] for row in rows}


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_stumble(data: bytes) -> None:
    head = read_head(data)
    assert head is None or data.startswith(b'{"row":')
