"""The tables of docs/defaults.md, made from the code. Run as a program, it writes them into the page.

Usage: python tests/support/defaults_page.py
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ghmodels_async import GitHubModels
from ghmodels_async.batch.lanes import DEFAULT_WIDTH
from ghmodels_async.batch.verdicts import Limits
from ghmodels_async.catalog.lookup import DEFAULT_CONTEXT
from ghmodels_async.client import _MAP_CONCURRENCY
from ghmodels_async.content import DEFAULT_MAX_BYTES
from ghmodels_async.embeddings.run import _CONCURRENCY
from ghmodels_async.limits import DEFAULTS
from ghmodels_async.terms import Terms, Timeouts

PAGE = Path(__file__).parents[2] / "docs" / "defaults.md"

#: What steers a call beside the phases; the reasons are said here because the class says what, not why.
TERMS = {
    "priority": "plain calls go in turn; a backend says `interactive`, `map` and batch say `batch`",
    "deadline": "no hidden limit: what the whole call may take is yours to say",
    "on_exhausted": "a call that would wait until tomorrow is an error somebody should see; `map` and batch wait",
}

Row = tuple[str, str, str]


def attributes(kind: type) -> dict[str, str]:
    """What a class's docstring says about each of its attributes."""
    section = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2]
    parts = re.split(r"^    (\w+): ", section, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def phases() -> Iterator[Row]:
    said = attributes(Timeouts)
    for field in dataclasses.fields(Timeouts):
        yield f"`timeouts.{field.name}`", written(field.default), said[field.name]


def terms() -> Iterator[Row]:
    plain = {field.name: field.default for field in dataclasses.fields(Terms)}
    for name, why in TERMS.items():
        yield f"`{name}`", written(plain.pop(name)), why
    assert plain.keys() == {"timeouts", "retry"}, "a term without a reason"


def limiter() -> Iterator[Row]:
    for name, default in DEFAULTS.items():
        yield f"`{name}`", f"{written(default.value)} {default.unit}", default.why


def abilities() -> Iterator[Row]:
    map_, tools, talk = GitHubModels.map, GitHubModels.run_tools, GitHubModels.conversation
    parse, close, init = GitHubModels.parse, GitHubModels.aclose, GitHubModels
    yield "`GitHubModels(ledger=)`", of(init, "ledger") + ", that is `sqlite`", "a daily quota outlives the process"
    yield "`GitHubModels(shared=)`", of(init, "shared"), "several processes on one account pay one transaction a call"
    yield (
        "`map(concurrency=)`",
        f"{of(map_, 'concurrency')}, that is {_MAP_CONCURRENCY} at first",
        "500 a minute of half a minute each; more while a quota lies idle",
    )
    yield "`map(ordered=)`", of(map_, "ordered"), "a slow row must not hold up finished ones"
    yield "`map(stream=)`", of(map_, "stream"), "a stalled reply is noticed and its slot known to the instant"
    yield "`embed(concurrency=)`", str(_CONCURRENCY), "more than any known plan lets run at once, so that quotas decide"
    yield "`run_tools(max_rounds=)`", of(tools, "max_rounds"), "a model that has not answered by then is in a loop"
    yield (
        "`run_tools(tool_timeout=)`",
        of(tools, "tool_timeout"),
        "seconds per call: as long as a silent stream is waited for",
    )
    yield "`run_tools(on_tool_error=)`", of(tools, "on_tool_error"), "models mend their own arguments when told"
    yield "`parse(reask=)`", of(parse, "reask"), "asking again spends quota: yours to say"
    yield "`parse(strict=)`", of(parse, "strict"), "a server that takes strict schemas cannot answer out of shape"
    yield "`conversation(on_interrupt=)`", of(talk, "on_interrupt"), "a program's history holds whole turns only"
    yield (
        "`aclose(drain=)`",
        of(close, "drain"),
        "closing does not wait unless told how long; calls in flight end with an error",
    )
    yield "images, audio", f"{DEFAULT_MAX_BYTES >> 20} MiB", "what OpenAI's vision guide allowed an image until 2025"
    yield (
        "context of an unknown model",
        f"{DEFAULT_CONTEXT:,} tokens",
        "what the provider guide assumes for a model it does not list",
    )
    yield "`batch run --rounds`", str(Limits().rounds), "as many times is a failing row tried"
    yield (
        "`batch run --concurrency`",
        f"slots + 1, else {DEFAULT_WIDTH} and more while quota lies idle",
        "one row is ready whenever a slot gets free",
    )


def of(function: Callable[..., Any], name: str) -> str:
    return written(inspect.signature(function).parameters[name].default)


def written(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        return f"`{value}`"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def table(head: str, rows: Iterable[Row]) -> str:
    lines = [f"| {head} | default | why |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


#: Marker in the page -> its table.
TABLES = {
    "phases": lambda: table("seconds", phases()),
    "terms": lambda: table("option", terms()),
    "abilities": lambda: table("argument", abilities()),
    "limiter": lambda: table("name", limiter()),
}


def renewed(page: str) -> str:
    """The page with every table as the code has it now."""
    for name, make in TABLES.items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        made = make().replace("\\", r"\\")
        page, found = block.subn(rf"\g<1>{made}\g<2>", page)
        assert found == 1, f"docs/defaults.md has {found} places for the table {name}"
    return page


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
