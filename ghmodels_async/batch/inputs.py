"""The input of a run as something that can be read again: named in `run.json`, or copied into the directory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from ghmodels_async.errors import ConfigurationError

from .rundir import RunDirectory
from .sources import JsonLines, Pipe, Source, encoded_rows, open_source

__all__ = ["Rows", "count_input", "settled_source", "source_of"]

#: A path (``-`` is standard input), a source, mappings, or None for the rows the run already has.
Rows = Source | str | Path | Iterable[Mapping[str, Any]] | None


def source_of(run: RunDirectory, rows: Rows) -> Source | None:
    """What was given, as a source; None for mappings, which are no source before they lie in a file."""
    if rows is None:
        facts = run.facts()
        return JsonLines(run.spool) if facts.get("spooled") else open_source(facts["input"])
    if isinstance(rows, str | Path):
        return open_source(rows)
    return rows if isinstance(rows, Source) else None


def count_input(run: RunDirectory) -> int:
    """Rows the run's input has now. Blocking.

    Raises:
        ConfigurationError: The input is not there any more.
    """
    source = source_of(run, None)
    return sum(1 for _ in source.rows()) if source is not None else 0


def settled_source(run: RunDirectory, rows: Rows, source: Source | None) -> Source:
    """The input as something that can be read again, and how the next start finds it. Blocking."""
    if source is None:
        _spool(run, encoded_rows(cast(Iterable[Mapping[str, Any]], rows)))
        return JsonLines(run.spool)
    if isinstance(source, Pipe):
        _spool(run, (raw.data + b"\n" for raw in source.rows()))
        return JsonLines(run.spool)
    path = getattr(source, "path", None)
    if path is not None and path != run.spool:
        run.remember(input=str(Path(path).resolve()), spooled=False)
    return source


def _spool(run: RunDirectory, lines: Iterable[bytes]) -> None:
    """Copy rows that cannot be read twice into the run; they replace the copy of an earlier start in one step."""
    beside = run.spool.with_name(".rows.jsonl.part")
    try:
        with beside.open("wb", buffering=1 << 18) as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(run.spool)
    except OSError as error:
        beside.unlink(missing_ok=True)
        free = shutil.disk_usage(run.path).free // 2**20
        raise ConfigurationError(
            f"The input could not be copied into the run directory: {error.strerror}.",
            checked=f"{run.spool}: {free} MiB free",
            fix="Make room, or give the input as a file.",
        ) from error
    run.remember(spooled=True)
