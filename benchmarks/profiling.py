"""Where the time of a call goes: `python -m benchmarks.profiling [chat|stream]`.

cProfile over the same work as the tables, CPU by function, scaled to the CPU the call costs without a profiler: the
profiler makes small functions look dearer than they are, so these are shares, good for finding what to look at, and the
tables are what counts.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from .contenders import CONTENDERS
from .machine import CLIENT_CORE, ROOT, pin
from .server import Server

__all__ = ["cpu_each", "profile"]

_PLACES = [
    (sysconfig.get_path("purelib") + "/", ""),
    (str(ROOT / "ghmodels_async") + "/", "ghmodels_async/"),
    (str(ROOT) + "/", ""),
    (sysconfig.get_path("stdlib") + "/", ""),
]


async def cpu_each(act: Callable[[], Awaitable[object]], count: int) -> float:
    """CPU microseconds of this process per act, 64 at once."""
    left = iter(range(count))

    async def lane() -> None:
        for _ in left:
            await act()

    began = time.process_time()
    await asyncio.gather(*(lane() for _ in range(64)))
    return (time.process_time() - began) / count * 1e6


async def _run(root: str, kind: str, count: int) -> tuple[float, pstats.Stats]:
    client = CONTENDERS["ours"][1](root + ("/chat-0" if kind == "chat" else "/stream-64-0-1"))
    act = client.chat if kind == "chat" else client.stream
    await cpu_each(act, count // 2)
    plain = await cpu_each(act, count)
    watch = cProfile.Profile()
    with watch:
        await cpu_each(act, count)
    await client.aclose()
    return plain, pstats.Stats(watch)


def profile(kind: str, count: int) -> tuple[float, dict[str, float], list[tuple[float, str]]]:
    """Profile one kind of call.

    Returns:
        CPU microseconds of a call without profiler, by part of the program, and by function (the dearest first).
    """
    pin(CLIENT_CORE)
    with Server() as server:
        plain, stats = asyncio.run(_run(server.root, kind, count))
    scale = plain / stats.total_tt  # type: ignore[attr-defined]
    parts: Counter[str] = Counter()
    functions: list[tuple[float, str]] = []
    for (file, line, name), (_, _, own, _, _) in stats.stats.items():  # type: ignore[attr-defined]
        place = _place(file)
        parts[_part(place, name)] += own * scale
        functions.append((own * scale, f"{place}:{line} {name}" if line else name))
    return plain, dict(parts.most_common()), sorted(functions, reverse=True)


def _place(file: str) -> str:
    for prefix, short in _PLACES:
        if file.startswith(prefix):
            return short + file.removeprefix(prefix)
    return Path(file).name


def _part(place: str, name: str) -> str:
    if place.startswith("ghmodels_async/"):
        inside = place.split("/")
        return f"ours: {inside[1].removesuffix('.py')}"
    if "socket" in name or "epoll" in name:
        return "system calls"
    if "pydantic" in name or place.startswith("pydantic"):
        return "pydantic"
    if place.startswith(("aiohttp", "yarl", "multidict", "propcache")):
        return "aiohttp"
    if place.startswith("asyncio"):
        return "asyncio"
    return "built in and the rest of the standard library"


def main() -> None:
    kind = sys.argv[1] if len(sys.argv) > 1 else "chat"
    plain, parts, functions = profile(kind, 4000 if kind == "chat" else 200)
    print(f"{kind}: {plain:.0f} µs CPU; by part, scaled:")
    for name, value in parts.items():
        print(f"{value:8.1f}  {name}")
    for value, name in functions[:30]:
        print(f"{value:8.1f}  {name}")


if __name__ == "__main__":
    main()
