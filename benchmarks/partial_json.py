"""Partial objects while streaming: time per chunk, ten to a hundred thousand chunks, beside parsing all of it again.

Usage: python benchmarks/partial_json.py
"""

from __future__ import annotations

import json
import time

from pydantic_core import from_json

from ghmodels_async.structured import PartialJSON

SIZE = 5
COUNTS = (10, 100, 1_000, 10_000, 100_000)
#: Parsing again is quadratic: beyond this many chunks it takes minutes.
MOST_AGAIN = 10_000


def chunks_of(value: object) -> list[str]:
    text = json.dumps(value, ensure_ascii=False)
    return [text[at : at + SIZE] for at in range(0, len(text), SIZE)]


def keeping(chunks: list[str]) -> float:
    """Microseconds per chunk of the parser that keeps its state."""
    reader = PartialJSON()
    began = time.perf_counter()
    for chunk in chunks:
        reader.feed(chunk)
        _ = reader.value
    spent = time.perf_counter() - began
    reader.close()
    return spent / len(chunks) * 1e6


def again(chunks: list[str]) -> float:
    """Microseconds per chunk of parsing the text so far after each."""
    text = ""
    began = time.perf_counter()
    for chunk in chunks:
        text += chunk
        from_json(text, allow_partial="trailing-strings")
    return (time.perf_counter() - began) / len(chunks) * 1e6


def main() -> None:
    print(f"{'shape':8} {'chunks':>8} {'keeping':>10} {'again':>10}   µs per chunk")
    for count in COUNTS:
        shapes = {
            "string": {"title": "x", "body": "word " * count},
            "list": {"rows": [{"id": n, "name": "abc", "ok": True} for n in range(count // 8 + 1)]},
        }
        for name, value in shapes.items():
            chunks = chunks_of(value)
            compared = f"{again(chunks):10.1f}" if len(chunks) <= MOST_AGAIN * 1.1 else "         -"
            print(f"{name:8} {len(chunks):8} {keeping(chunks):10.2f} {compared}")


if __name__ == "__main__":
    main()
