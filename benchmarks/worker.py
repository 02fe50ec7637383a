"""One client in a process of its own: reads measurements to make from standard input, one JSON line each.

Run by `rounds.py` as ``python -m benchmarks.worker NAME``. What a measurement asks for:

    {"root": "http://127.0.0.1:1", "scenario": "chat-0", "count": 3000, "in_flight": 64, "act": "chat"}

`act` is ``chat``, ``stream``, ``first`` (time to the first text of a stream) or ``idle`` (memory of open streams).
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import time
import traceback
from typing import Any

from .contenders import CONTENDERS, Client, check
from .machine import CLIENT_CORE, pin, raise_file_limit, resident


async def _serve(name: str) -> None:
    loop = asyncio.get_running_loop()
    make = CONTENDERS[name][1]
    clients: dict[str, Client] = {}
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        url = f"{order['root']}/{order['scenario']}"
        try:
            if url not in clients:
                clients[url] = make(url)
                await check(clients[url], order["scenario"])
            found = await _ACTS[order["act"]](clients[url], order["count"], order["in_flight"])
            if order.get("forget"):
                await clients.pop(url).aclose()
        except Exception:
            found = {"failed": traceback.format_exc()}
        print(json.dumps(found), flush=True)
    for client in clients.values():
        await client.aclose()


async def _many(act: Any, count: int, in_flight: int) -> dict[str, Any]:
    """Run `act` `count` times, `in_flight` at once; CPU of this process per act."""
    left = iter(range(count))
    latencies: list[float] = []
    errors: list[str] = []
    made = 0

    async def lane() -> None:
        nonlocal made
        for _ in left:
            began = time.perf_counter()
            try:
                units = await act()
            except Exception as error:
                errors.append(repr(error)[:200])
            else:
                made += units
                latencies.append(time.perf_counter() - began)

    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(lane() for _ in range(in_flight)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    latencies.sort()
    return {
        "cpu": cpu / max(1, made) * 1e6,
        "wall": wall,
        "made": made,
        "p50": statistics.median(latencies) * 1e3 if latencies else None,
        "p99": latencies[int(len(latencies) * 0.99)] * 1e3 if latencies else None,
        "errors": len(errors),
        "error": errors[0] if errors else "",
    }


async def _chat(client: Client, count: int, in_flight: int) -> dict[str, Any]:
    async def act() -> int:
        assert await client.chat()
        return 1

    return await _many(act, count, in_flight)


async def _stream(client: Client, count: int, in_flight: int) -> dict[str, Any]:
    return await _many(client.stream, count, in_flight)


async def _first(client: Client, count: int, in_flight: int) -> dict[str, Any]:
    """Wall time and CPU until the first text of a stream; the rest is read, outside the time."""
    waits: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        pieces = client.pieces()
        await anext(pieces)
        waits.append(time.perf_counter() - began)
        async for _ in pieces:
            pass
    return {"cpu": statistics.median(waits) * 1e6, "errors": 0}


async def _idle(client: Client, count: int, in_flight: int) -> dict[str, Any]:
    """Memory of `count` streams that are open and silent."""
    gc.collect()
    before = resident()
    streams = [client.pieces() for _ in range(count)]
    errors = 0
    for start in range(0, count, 200):
        found = await asyncio.gather(
            *(anext(stream) for stream in streams[start : start + 200]), return_exceptions=True
        )
        errors += sum(isinstance(one, BaseException) for one in found)
    gc.collect()
    each = (resident() - before) / count
    for stream in streams:
        await stream.aclose()  # type: ignore[attr-defined]
    return {"cpu": each, "errors": errors}


_ACTS = {"chat": _chat, "stream": _stream, "first": _first, "idle": _idle}


def main() -> None:
    pin(CLIENT_CORE)
    raise_file_limit()
    name, *rest = sys.argv[1:]
    if "uvloop" in rest:
        import uvloop

        uvloop.run(_serve(name))
    else:
        asyncio.run(_serve(name))


if __name__ == "__main__":
    main()
