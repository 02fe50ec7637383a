"""What was found, as a table on the screen and in Markdown."""

from __future__ import annotations

from .contenders import CONTENDERS
from .rounds import Found, Scenario

__all__ = ["label", "markdown", "show"]

FLOOR = "aiohttp"


def label(name: str) -> str:
    """A client's name in tables."""
    contender, _, loop = name.partition("+")
    return CONTENDERS[contender][0] + (f", {loop}" if loop else "")


def _rows(scenario: Scenario, found: dict[str, Found]) -> list[tuple[str, ...]]:
    floor = found.get(FLOOR)
    rows: list[tuple[str, ...]] = []
    for name, one in sorted(found.items(), key=lambda item: item[1].median):
        ratio = f"{one.over(floor):.2f}" if floor is not None else "–"
        value = f"{one.median:,.1f}" if one.median < 100 else f"{one.median:,.0f}"
        timed = scenario.act == "chat" or scenario.act == "stream"
        wait = f"{one.p50:,.0f} / {one.p99:,.0f}" if timed else "–"
        rows.append((label(name), value, f"±{one.spread:.0%}", ratio, wait, f"{one.errors:,}", f"{one.server:.0%}"))
    return rows


def _heads(scenario: Scenario) -> tuple[str, ...]:
    return ("client", scenario.unit, "spread", "× floor", "p50 / p99 ms", "errors", "server's core")


def show(scenario: Scenario, found: dict[str, Found]) -> None:
    """Print a table."""
    rows = [_heads(scenario), *_rows(scenario, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print(f"\n{scenario.title}, {scenario.rounds} rounds")
    for row in rows:
        print(row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)))
    for name, one in found.items():
        if one.error:
            print(f"  first error of {label(name)}: {one.error}")


def markdown(scenario: Scenario, found: dict[str, Found]) -> str:
    """The same table in Markdown."""
    heads = _heads(scenario)
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
    lines += [f"| {' | '.join(row)} |" for row in _rows(scenario, found)]
    return "\n".join(lines)
