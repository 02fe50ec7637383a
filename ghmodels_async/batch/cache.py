"""Answers to equal requests, kept in one sqlite file between runs. Opt-in.

The key is the SHA-256 of the canonical JSON (sorted keys, no spaces) of ``[endpoint, url, body with its model]``; every
field of the body counts, nothing else does. A sampled answer is not *the* answer: chat requests are kept and found only
with ``temperature`` 0; embeddings always are. What is older than the time to live is neither found nor kept.

A file that fails while the run goes on (locked for long, full disk, damaged) finds and keeps nothing more: an answer is
worth more than its copy.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ghmodels_async.errors import ConfigurationError

from .rows import Job

__all__ = ["Cache", "Hit", "repeatable"]

_SCHEMA = (
    "create table if not exists answers (key blob primary key, at real not null, body text not null) without rowid"
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A kept answer: the response body."""

    body: dict[str, Any]


class Cache:
    """Use it in a `with`. Calls take some ten microseconds and are made from the event loop.

    Args:
        path: The sqlite file; made if missing. Several processes may share it.
        endpoint: What the answers came from: part of the key. Two services must not share a name.
        ttl: Seconds an answer is good for; None means for ever.
        wall: Unix time.
    """

    def __init__(
        self, path: str | Path, *, endpoint: str, ttl: float | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        self._endpoint = endpoint
        self._ttl = ttl
        self._wall = wall
        self._broken = False
        file: sqlite3.Connection | None = None
        try:
            file = self._file = sqlite3.connect(path, timeout=5.0, isolation_level=None)
            file.execute("pragma journal_mode=wal")
            # a lost cache entry costs one call; a sync per answer would cost more than that
            file.execute("pragma synchronous=off")
            file.execute(_SCHEMA)
            if ttl is not None:
                file.execute("delete from answers where at < ?", (wall() - ttl,))
        except sqlite3.Error as error:
            if file is not None:
                file.close()
            raise ConfigurationError(
                f"The cache {str(path)!r} cannot be used: {error}.", fix="Name another file, or leave --cache out."
            ) from error

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def get(self, job: Job, model: str) -> Hit | None:
        """The answer an equal request got, if it was kept and is not too old."""
        if self._broken or not repeatable(job):
            return None
        since = -1.0 if self._ttl is None else self._wall() - self._ttl
        query = "select body from answers where key = ? and at >= ?"
        try:
            row = self._file.execute(query, (self._key(job, model), since)).fetchone()
            return Hit(json.loads(row[0])) if row else None
        except (sqlite3.Error, ValueError):
            self._broken = True
            return None

    def put(self, job: Job, model: str, body: dict[str, Any]) -> None:
        """Keep an answer, if asking again would give the same."""
        if not self._broken and repeatable(job):
            text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
            query = "insert or replace into answers values (?, ?, ?)"
            try:
                self._file.execute(query, (self._key(job, model), self._wall(), text))
            except sqlite3.Error:
                self._broken = True

    def _key(self, job: Job, model: str) -> bytes:
        body = {**job.body, "model": job.model or model}
        for name in ("stream", "stream_options"):
            body.pop(name, None)
        asked = [self._endpoint, job.url, body]
        return sha256(json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).digest()


def repeatable(job: Job) -> bool:
    """Whether asking again would give the same answer."""
    return job.embeddings or job.body.get("temperature") == 0
