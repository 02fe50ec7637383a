"""Answers to equal requests, kept between runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ghmodels_async.batch import Cache
from ghmodels_async.batch.rows import CHAT_URL, EMBEDDINGS_URL, Job
from ghmodels_async.errors import ConfigurationError

BODY = {"messages": [{"role": "user", "content": "u"}], "temperature": 0}


def job(body: dict[str, Any] = BODY, *, ordinal: int = 0, url: str = CHAT_URL) -> Job:
    return Job(ordinal, ordinal + 1, ordinal, f"c{ordinal}", url, body)


def test_an_equal_request_is_found_whatever_row_it_is_in(tmp_path: Path) -> None:
    with Cache(tmp_path / "c.db", endpoint="e") as cache:
        assert cache.get(job(), "m") is None
        cache.put(job(), "m", {"answer": "ü"})
        hit = cache.get(job(dict(reversed(BODY.items())), ordinal=7), "m")
        assert hit is not None
        assert hit.body == {"answer": "ü"}
    with Cache(tmp_path / "c.db", endpoint="e") as cache:
        assert cache.get(job(), "m") is not None


@pytest.mark.parametrize(
    ("body", "model", "url", "endpoint"),
    [
        ({**BODY, "max_tokens": 5}, "m", CHAT_URL, "e"),
        (BODY, "n", CHAT_URL, "e"),
        ({**BODY, "model": "other"}, "m", CHAT_URL, "e"),
        (BODY, "m", CHAT_URL, "elsewhere"),
        ({**BODY, "temperature": 0.5}, "m", CHAT_URL, "e"),
        ({"messages": BODY["messages"]}, "m", CHAT_URL, "e"),
    ],
)
def test_any_difference_is_another_request(
    tmp_path: Path, body: dict[str, Any], model: str, url: str, endpoint: str
) -> None:
    with Cache(tmp_path / "c.db", endpoint="e") as cache:
        cache.put(job(), "m", {"answer": 1})
    with Cache(tmp_path / "c.db", endpoint=endpoint) as cache:
        assert cache.get(job(body, url=url), model) is None


def test_how_an_answer_travels_is_no_difference(tmp_path: Path) -> None:
    with Cache(tmp_path / "c.db", endpoint="e") as cache:
        cache.put(job({**BODY, "stream": True}), "m", {"answer": 1})
        assert cache.get(job(), "m") is not None


def test_sampled_answers_are_neither_kept_nor_found(tmp_path: Path) -> None:
    sampled = job({"messages": BODY["messages"]})
    with Cache(tmp_path / "c.db", endpoint="e") as cache:
        cache.put(sampled, "m", {"answer": 1})
        assert cache.get(sampled, "m") is None


def test_vectors_are_never_sampled(tmp_path: Path) -> None:
    row = job({"input": "x"}, url=EMBEDDINGS_URL)
    with Cache(tmp_path / "c.db", endpoint="e") as cache:
        cache.put(row, "m", {"answer": 1})
        assert cache.get(row, "m") is not None


def test_what_is_too_old_is_not_found_and_then_gone(tmp_path: Path) -> None:
    now = [1000.0]
    with Cache(tmp_path / "c.db", endpoint="e", ttl=60, wall=lambda: now[0]) as cache:
        cache.put(job(), "m", {"answer": 1})
        now[0] += 60
        assert cache.get(job(), "m") is not None
        now[0] += 1
        assert cache.get(job(), "m") is None
    with Cache(tmp_path / "c.db", endpoint="e", ttl=60, wall=lambda: now[0]) as cache:
        assert cache._file.execute("select count(*) from answers").fetchone() == (0,)


def test_a_file_that_is_no_cache_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Cache(path, endpoint="e")


def test_a_cache_that_breaks_while_it_is_used_costs_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    with Cache(path, endpoint="e") as cache:
        cache.put(job(), "m", {"answer": 1})
        other = sqlite3.connect(path)
        other.execute("drop table answers")
        other.close()
        assert cache.get(job(), "m") is None
        cache.put(job(), "m", {"answer": 2})
