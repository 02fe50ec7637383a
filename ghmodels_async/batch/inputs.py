"""The input of a run as something that can be read again: named in `run.json`, or copied into the directory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from ghmodels_async.errors import ConfigurationError

from .rows import Recipe
from .rundir import RunDirectory
from .sources import JsonLines, Pipe, Source, encoded_rows, open_source
from .template import Template

__all__ = ["Rows", "count_input", "recipe_of", "settled_source", "source_of"]

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


def settled_source(run: RunDirectory, rows: Rows, source: Source | None) -> tuple[Source, Callable[[], Source]]:
    """The input as something that can be read again, and what makes it the run's. Blocking.

    Until that is called, the input of an earlier start stays the run's: what is given now may be refused.
    """
    if source is None or isinstance(source, Pipe):
        given = encoded_rows(cast(Iterable[Mapping[str, Any]], rows)) if source is None else _lines(source)
        copy = _copied(run, given)
        return JsonLines(copy), lambda: _kept(run, copy)
    path = getattr(source, "path", None)

    def named() -> Source:
        if path is not None and path != run.spool:
            run.remember(input=str(Path(path).resolve()), spooled=False)
        return source

    return source, named


def _lines(source: Source) -> Iterable[bytes]:
    return (raw.data + b"\n" for raw in source.rows())


def _kept(run: RunDirectory, copy: Path) -> Source:
    """The copy replaces that of an earlier start in one step."""
    copy.replace(run.spool)
    run.remember(spooled=True)
    return JsonLines(run.spool)


def _copied(run: RunDirectory, lines: Iterable[bytes]) -> Path:
    """Copy rows that cannot be read twice beside those of an earlier start."""
    beside = run.arriving
    try:
        with beside.open("wb", buffering=1 << 18) as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        beside.unlink(missing_ok=True)
        free = shutil.disk_usage(run.path).free // 2**20
        raise ConfigurationError(
            f"The input could not be copied into the run directory: {error.strerror}.",
            checked=f"{run.spool}: {free} MiB free",
            fix="Make room, or give the input as a file.",
        ) from error
    return beside


def recipe_of(identity: Mapping[str, Any]) -> Recipe:
    """The recipe a run was started with."""
    texts = {name: identity.get(name) for name in ("template", "system")}
    made = {name: Template(value["text"]) if value else None for name, value in texts.items()}
    return Recipe(
        template=made["template"],
        system=made["system"],
        parameters=identity.get("parameters") or {},
        id_field=identity.get("id_field"),
        override_model=bool(identity.get("override_model")),
    )
