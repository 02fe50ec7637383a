"""Look-ups in the shipped snapshots: exact by id or short name, nearest names, context limits.

A snapshot is one dated JSON file beside this module. It is read once, on first use; after that every look-up is one
dictionary access. The `documented` overlay answers look-ups only: it never appears in `cards()`.
"""

from __future__ import annotations

import difflib
import json
from functools import cache, lru_cache
from importlib.resources import files

from .entry import CatalogEntry, ContextLimit

__all__ = ["cards", "context_limit", "find", "nearest", "snapshot_date"]

#: What the provider guide assumes for a model it does not list.
DEFAULT_CONTEXT = 128_000


@cache
def _document(snapshot: str) -> dict[str, object]:
    path = files(__package__) / f"{snapshot}.json"
    if not path.is_file():
        raise KeyError(f"no catalog snapshot named {snapshot!r}")
    loaded: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@cache
def _entries(snapshot: str) -> tuple[CatalogEntry, ...]:
    rows = _document(snapshot)["models"]
    assert isinstance(rows, list)
    return tuple(CatalogEntry.model_validate(row) for row in rows)


def _index(entries: tuple[CatalogEntry, ...]) -> dict[str, CatalogEntry]:
    index: dict[str, CatalogEntry] = {}
    for entry in entries:
        index.setdefault(entry.short_name.lower(), entry)
    for entry in entries:
        index[entry.id.lower()] = entry
    return index


@cache
def _catalog_index(snapshot: str) -> dict[str, CatalogEntry]:
    return _index(_entries(snapshot))


@cache
def _documented_index() -> dict[str, CatalogEntry]:
    return _index(_entries("documented"))


def cards(snapshot: str = "github-models") -> tuple[CatalogEntry, ...]:
    """Every model of a snapshot, in the catalog's order. Models that only documents name are not among them.

    Raises:
        KeyError: No snapshot of that name is shipped.
    """
    return _entries(snapshot)


def snapshot_date(snapshot: str = "github-models") -> str:
    """The day the snapshot describes, as YYYY-MM-DD."""
    return str(_document(snapshot)["date"])


def find(model: str, snapshot: str = "github-models") -> CatalogEntry | None:
    """Find a model by full id or short name, ignoring case; the catalog first, then the documented overlay.

    Args:
        model: ``openai/gpt-4o``, ``gpt-4o`` or ``GPT-4o``.
        snapshot: Which catalog to ask.

    Returns:
        The shared entry, or None if neither knows the name. O(1).
    """
    key = model.lower()
    return _catalog_index(snapshot).get(key) or _documented_index().get(key)


def nearest(model: str, n: int = 3, snapshot: str = "github-models") -> list[str]:
    """The ids most like `model`, best first: what "did you mean" offers. Only models the catalog still listed."""
    entries = [entry for entry in _entries(snapshot) if entry.available]
    by_text = {entry.short_name.lower(): entry.id for entry in entries} | {e.id.lower(): e.id for e in entries}
    key = model.lower()
    found = difflib.get_close_matches(key, by_text, n=2 * n, cutoff=0.5)
    if "/" in key:
        found += difflib.get_close_matches(key.rpartition("/")[2], by_text, n=n, cutoff=0.5)
    return list(dict.fromkeys(by_text[text] for text in found))[:n]


@lru_cache(maxsize=1024)
def context_limit(model: str, snapshot: str = "github-models") -> ContextLimit:
    """The model's context window in tokens, and who says so.

    An exact name wins over a prefix (``gpt-4.1-2025-04-14`` is a ``gpt-4.1``), the catalog's `max_input_tokens` over
    the guide's number; a model nobody knows gets the guide's default. A plan may cap one request far below this: that
    is the limit table's business.
    """
    key = model.lower()
    indexes = (_catalog_index(snapshot), _documented_index())
    for entry in (index.get(key) for index in indexes):
        if entry is not None and (value := _context(entry)):
            return ContextLimit(value, _says(entry, snapshot))
    for entry in (_longest_prefix(key, index) for index in indexes):
        if entry is not None and (value := _context(entry)):
            return ContextLimit(value, f"{_says(entry, snapshot)}, by its prefix {entry.id}")
    return ContextLimit(DEFAULT_CONTEXT, "default for an unknown model, from the provider guide")


def _context(entry: CatalogEntry) -> int | None:
    return entry.context or (entry.limits.max_input_tokens if entry.limits else None)


def _says(entry: CatalogEntry, snapshot: str) -> str:
    if entry.by == "catalog":
        return f"{snapshot} catalog, {snapshot_date(snapshot)}"
    who = "provider guide" if entry.by == "guide" else "older provider's table"
    return f"{who}, read {snapshot_date('documented')} (documented, not in the catalog)"


def _longest_prefix(key: str, index: dict[str, CatalogEntry]) -> CatalogEntry | None:
    """Versions are appended to a name with a dash."""
    names = [name for name in index if key.startswith(name + "-")]
    return index[max(names, key=len)] if names else None
