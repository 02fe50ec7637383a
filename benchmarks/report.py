"""docs/performance.md from what was found. Nothing on that page is typed in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import chat, resources, streaming
from .chart import bars
from .rounds import Found, Scenario
from .table import label, markdown

__all__ = ["Findings", "write"]


@dataclass(frozen=True, slots=True)
class Findings:
    """One run of everything."""

    when: str
    machine: str
    versions: str
    load: tuple[float, float]
    found: dict[Scenario, dict[str, Found]]
    doubled: dict[str, Found]
    starts: dict[str, tuple[float, float]]
    batch: dict[str, float]
    profiles: dict[str, tuple[float, dict[str, float], list[tuple[float, str]]]]


_INTRO = """# Performance

Written by `make bench`; run it to get your machine's own page.

- {when}, {machine}
- {versions}
- load average of the machine {before:.1f} before and {after:.1f} after: other programs were {busy}

Everything is on in these figures: four limits, the ledger file with leases, phase timeouts, validated objects. The
floor is what a good script does with aiohttp and orjson, without any of that. Each client runs in a process of its own
on the first core, the server (C, epoll, one thread) on the last one; rounds are interleaved; what counts is CPU time of
the client's process with all its threads, the median of the rounds, and half the distance between the quartiles as
spread. `× floor` is the median of the rounds' own ratios: it hardly moves when the machine is busy, CPU times do.

![CPU per chat and per streamed chunk](performance.svg)
"""

_SERVER = """## That the server is not what is measured

The last column of each table is the share of its core that the server used while a client was measured. With two server
processes on one port instead of one, 64 chats at once cost {floor:.2f} times (raw aiohttp) and {ours:.2f} times (this
library) what they cost with one.
"""


def write(findings: Findings, docs: Path) -> None:
    """Write the page and its chart."""
    busy = "hardly active" if max(findings.load) < 1.5 else "active, so trust ratios more than microseconds"
    before, after = findings.load
    intro = _INTRO.format(
        when=findings.when, machine=findings.machine, versions=findings.versions, before=before, after=after, busy=busy
    )
    one, two = findings.found[chat.CHAT], findings.doubled
    parts = [intro, _targets(findings), *map(_section, findings.found.items())]
    parts.append(_starts(findings.starts))
    parts.append(_SERVER.format(**{who: two[name].median / one[name].median for who, name in _PAIR.items()}))
    parts += [_profile(kind, *findings.profiles[kind]) for kind in ("chat", "stream")]
    (docs / "performance.md").write_text("\n".join(parts), encoding="utf-8")
    panels = [("CPU µs per chat, 64 at once", _bars(one)), ("CPU µs per streamed chunk, bursts of 64", _bars(
        findings.found[streaming.BURST]
    ))]  # fmt: skip
    (docs / "performance.svg").write_text(bars(panels, label("ours")), encoding="utf-8")


_PAIR = {"floor": "aiohttp", "ours": "ours"}


def _bars(found: dict[str, Found]) -> list[tuple[str, float]]:
    return sorted(((label(name), one.median) for name, one in found.items()), key=lambda bar: bar[1])


def _section(item: tuple[Scenario, dict[str, Found]]) -> str:
    scenario, found = item
    return f"### {scenario.title}\n\n{markdown(scenario, found)}\n"


def _targets(findings: Findings) -> str:
    """What was aimed at, what was found, and whether it was reached."""
    lines = ["## Targets\n", "| target | aimed at | found | |", "|---|---:|---:|---|"]
    for name, bound, value, most in _rows(findings):
        met = value <= bound if most else value >= bound
        sign = "≤" if most else "≥"
        shown = f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
        lines.append(f"| {name} | {sign} {bound:,g} | {shown} | {'met' if met else '**missed**'} |")
    lines.append(
        "\nTargets of the limiter alone: `python -m benchmarks.limiter`. What was missed has its profile below.\n"
    )
    return "\n".join(lines)


def _rows(findings: Findings) -> list[tuple[str, float, float, bool]]:
    """Name, bound, value, whether the bound is the most (else the least)."""
    found, starts, batch = findings.found, findings.starts, findings.batch

    def over(scenario: Scenario, name: str = "ours", floor: str = "aiohttp") -> float:
        return found[scenario][name].over(found[scenario][floor])

    rows = [("chat, × raw aiohttp + orjson", 1.25, over(chat.CHAT), True)]
    for peer, scenario, least in (
        ("openai-aiohttp", chat.CHAT, 7),
        ("openai", chat.CHAT, 12),
        ("openai-aiohttp", streaming.BURST, 10),
    ):
        if peer in found[scenario]:
            what = "chat" if scenario is chat.CHAT else "stream"
            rows.append((f"{what}, times less than {label(peer)}", least, over(scenario, peer, "ours"), False))
    crowd, delay = found[chat.CROWD], 500.0
    added = (crowd["ours"].p99 - delay) / (crowd["aiohttp"].p99 - delay)
    rows += [
        ("p99 latency added at 1,000 in flight, × the floor's", 2, added, True),
        ("errors at 5,000 in flight", 0, float(found[chat.FLOOD]["ours"].errors), True),
        ("stream in bursts, × raw aiohttp + orjson", 1.7, over(streaming.BURST), True),
        ("stream, 10 ms apart, × raw aiohttp + orjson", 1.3, over(streaming.PACED), True),
        ("chunk of 100,000, × a chunk of 1,000", 1.3, _growth(found), True),
        ("time to the first text, × the floor's", 1.5, over(streaming.FIRST), True),
        ("memory per open idle stream, × raw aiohttp", 1.3, over(resources.IDLE), True),
        ("errors with 10,000 open streams", 0, float(found[resources.CROWD]["ours"].errors), True),
        ("import ghmodels_async, × aiohttp and pydantic", 1.25, _start(starts, _BARE) / _start(starts, _BOTH), True),
        ("import of its client, × aiohttp and pydantic", 1.25, _start(starts, _CLIENT) / _start(starts, _BOTH), True),
        ("CLI --help, wall seconds", 0.4, starts["ghmodels --help"][1] / 1e3, True),
        ("row of a batch, × chat", 1.5, batch["row"] / batch["chat"], True),
        ("row of a batch, × the same stream read alone", 1.5, batch["row"] / batch["stream"], True),
        ("chat on uvloop, × chat on asyncio", 1, over(resources.UVLOOP, "ours+uvloop", "ours"), True),
    ]
    return rows


_BARE = "import ghmodels_async"
_CLIENT, _BOTH = "from ghmodels_async import GitHubModels", "import aiohttp, pydantic"


def _start(starts: dict[str, tuple[float, float]], name: str) -> float:
    return starts[name][0]


def _growth(found: dict[Scenario, dict[str, Found]]) -> float:
    by_chunks = {scenario.path.split("-")[1]: found[scenario]["ours"].median for scenario in streaming.LENGTHS}
    return by_chunks["100000"] / by_chunks["1000"]


def _starts(starts: dict[str, tuple[float, float]]) -> str:
    rows = [f"| `{name}` | {cpu:.0f} | {wall:.0f} |" for name, (cpu, wall) in starts.items()]
    return "\n".join(["### Start of a fresh interpreter\n", "| | CPU ms | wall ms |", "|---|---:|---:|", *rows, ""])


def _profile(kind: str, plain: float, parts: dict[str, float], functions: list[tuple[float, str]]) -> str:
    what = "a chat" if kind == "chat" else "a stream of 64 chunks"
    lines = [
        f"## Where the time of {what} goes\n",
        f"cProfile's shares of {plain:,.0f} µs CPU (`python -m benchmarks.profiling {kind}`); small functions look",
        "dearer than they are.\n",
        "| part | µs |",
        "|---|---:|",
        *(f"| {name} | {value:.1f} |" for name, value in parts.items() if value >= plain / 200),
        "",
        "| function | µs |",
        "|---|---:|",
        *(f"| `{name}` | {value:.1f} |" for value, name in functions[:12]),
        "",
    ]
    return "\n".join(lines)
