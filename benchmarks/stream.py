"""What one streamed event costs on this side of the socket: `python -m benchmarks.stream [--quick] [--json]`.

Everything happens in memory: bytes in, deltas and a reply out. Process CPU per event, the median over interleaved
rounds (one round measures each contender once, so that a slow minute hits all alike), garbage collection kept out.

Contenders, from the cheapest to the whole:
  json.loads   the standard library's parser on the bare JSON texts: no framing, no validation, nothing kept
  naive        split at blank lines, json.loads, dictionary access, text += ...: what a script does
  sse          `SSEDecoder` alone
  decode       `DeltaDecoder`: framing, validation, deltas
  fold         the same and `Fold`, with the reply at the end
  stream       `ChatStream` over a source in memory: phase timeouts, endings, settling, `async for`
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import platform
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pydantic

from ghmodels_async.clock import Clock
from ghmodels_async.stream import (
    Begin,
    ChatStream,
    DeltaDecoder,
    Fold,
    ReplyMeta,
    SSEDecoder,
    StreamOutcome,
    StreamTimeouts,
)
from ghmodels_async.wire import Usage

#: CPU microseconds per event that decode, validation and fold may cost together, at one event per network read.
TARGET = 8.0
#: How much dearer an event may be in a stream of 100,000 than in one of 1,000.
GROWTH = 1.3

SAFE = {"filtered": False, "severity": "safe"}
FILTERS = {"hate": SAFE, "self_harm": SAFE, "sexual": SAFE, "violence": SAFE}


def _chunk(delta: dict[str, Any], finish: str | None = None, **extra: Any) -> bytes:
    value = {
        "id": "chatcmpl-9xyzabcdefghijklmnop",
        "object": "chat.completion.chunk",
        "created": 1721075653,
        "model": "gpt-4o-mini-2024-07-18",
        "system_fingerprint": "fp_611b667b19",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish, **extra}],
        "usage": None,
    }
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def _plain(number: int) -> bytes:
    return _chunk({"content": f" word{number % 1000}"})


def _azure(number: int) -> bytes:
    return _chunk({"content": f" word{number % 1000}"}, content_filter_results=FILTERS)


TOOLS = "tool-call arguments"


def _tool(number: int) -> bytes:
    if number == 0:
        return _chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "["}}]})
    return _chunk({"tool_calls": [{"index": 0, "function": {"arguments": f"{number},"}}]})


def _reasoning(number: int) -> bytes:
    return _chunk({"content": "<think>" if number == 0 else f" hm{number % 1000}"})


KINDS: dict[str, Callable[[int], bytes]] = {
    "text": _plain,
    "text with filter results": _azure,
    TOOLS: _tool,
    "inline reasoning": _reasoning,
}


def reads_of(kind: str, events: int, per_read: int) -> list[bytes]:
    """A stream of `events` chunks as network reads of `per_read` events each; finish and [DONE] ride on the last."""
    chunks = [KINDS[kind](number) for number in range(events)]
    end = _chunk({"tool_calls": [{"index": 0, "function": {"arguments": "0]"}}]}) if kind.startswith("tool") else b""
    chunks[-1] += end + _chunk({}, "stop") + b"data: [DONE]\n\n"
    return [b"".join(chunks[at : at + per_read]) for at in range(0, events, per_read)]


class _Source:
    """A body in memory that never waits."""

    def __init__(self, reads: list[bytes]) -> None:
        self._reads = iter(reads)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for read in self._reads:
            return read
        raise StopAsyncIteration

    def release(self) -> None:
        pass


class _Opener:
    meta = ReplyMeta()

    def __init__(self, reads: list[bytes]) -> None:
        self._reads = reads

    async def open(self, begin: Begin) -> None:
        await begin(_Source(self._reads))

    def classify(self, error: Any) -> Exception:
        return RuntimeError(error)

    def finish(self, outcome: StreamOutcome, usage: Usage | None) -> None:
        assert outcome is StreamOutcome.COMPLETED


def _json_loads(reads: list[bytes]) -> None:
    for read in reads:
        for event in read.split(b"\n\n"):
            if event and event != b"data: [DONE]":
                json.loads(event[6:])


def _naive(reads: list[bytes]) -> None:
    buffer, text = b"", ""
    for read in reads:
        buffer += read
        *events, buffer = buffer.split(b"\n\n")
        for event in events:
            if event != b"data: [DONE]":
                text += json.loads(event[6:])["choices"][0]["delta"].get("content") or ""


def _sse(reads: list[bytes]) -> None:
    decoder = SSEDecoder()
    for read in reads:
        decoder.feed(read)


def _decode(reads: list[bytes]) -> None:
    decoder = DeltaDecoder(RuntimeError)
    for read in reads:
        decoder.feed(read)
    assert decoder.done


def _fold(reads: list[bytes]) -> None:
    decoder, fold = DeltaDecoder(RuntimeError), Fold()
    for read in reads:
        for delta in decoder.feed(read):
            fold.add(delta)
    assert fold.reply.finish_reason == "stop"


async def _stream(reads: list[bytes]) -> None:
    stream = ChatStream(_Opener(reads), clock=Clock(), timeouts=StreamTimeouts(first_delta=60, stall=60, total=600))
    async with stream:
        async for _ in stream:
            pass


CONTENDERS: dict[str, Callable[[list[bytes]], Any]] = {
    "json.loads": _json_loads,
    "naive": _naive,
    "sse": _sse,
    "decode": _decode,
    "fold": _fold,
    "stream": _stream,
}


def measure(kind: str, events: int, per_read: int, rounds: int) -> dict[str, float]:
    """CPU microseconds per event of each contender, medians of interleaved rounds."""
    reads = reads_of(kind, events, per_read)
    repeats = max(1, 1000 // events)
    found: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with asyncio.Runner() as runner:
        for _ in range(rounds):
            for name, contender in CONTENDERS.items():
                gc.collect()
                gc.disable()
                began = time.process_time()
                for _ in range(repeats):
                    if name == "stream":
                        runner.run(contender(reads))
                    else:
                        contender(reads)
                found[name].append((time.process_time() - began) / repeats / events * 1e6)
                gc.enable()
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no stream of 100,000 events")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    options = parser.parse_args()
    rounds = 3 if options.quick else 7
    lengths = [10, 100, 1_000, 10_000] + ([] if options.quick else [100_000])
    cases = [("text", events, per_read) for per_read in (1, 20) for events in lengths]
    cases += [(kind, 1_000, 1) for kind in KINDS if kind != "text"]
    cases.append((TOOLS, lengths[-1], 1))
    rows = [(*case, measure(*case, rounds)) for case in cases]
    if options.json:
        print(json.dumps([{"kind": kind, "events": n, "per_read": per, **found} for kind, n, per, found in rows]))
        return 0
    print(f"CPU µs per event; Python {platform.python_version()}, pydantic {pydantic.VERSION}, {platform.machine()}")
    print(f"{'':26}{'events':>8}{'per read':>9}  " + "".join(f"{name:>11}" for name in CONTENDERS))
    for kind, events, per_read, found in rows:
        print(f"{kind:26}{events:8,}{per_read:9}  " + "".join(f"{value:11.2f}" for value in found.values()))
    by = {(kind, events, per_read): found["stream"] for kind, events, per_read, found in rows}
    cost = by["text", 1_000, 1]
    print(f"target: stream at most {TARGET} µs: {'met' if cost <= TARGET else 'MISSED'} ({cost:.2f})")
    for kind in ("text", TOOLS):
        growth = by[kind, lengths[-1], 1] / by[kind, 1_000, 1]
        print(f"target: growth from 1,000 to {lengths[-1]:,} events of {kind} at most {GROWTH}: ", end="")
        print(f"{'met' if growth <= GROWTH else 'MISSED'} ({growth:.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
