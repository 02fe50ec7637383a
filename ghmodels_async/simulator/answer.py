"""What the simulated service was asked and what it will do about it, as values.

A `Call` comes in, an `Answer` goes out: status, headers, and the body as frames, each with the seconds that pass before
it. How the exchange ends is part of the answer, so that a broken connection is as deterministic as a good one. Only the
doors turn any of it into bytes on a wire.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__all__ = ["Answer", "Call", "Ending", "Frame", "dump", "json_answer", "to_text"]

#: Built once: `json.dumps` with options builds one per call, which shows at a thousand streams a second.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

#: Seconds since the frame before (or since the head), and the bytes.
Frame = tuple[float, bytes]


class Ending(Enum):
    """What happens after the last frame."""

    WHOLE = "whole"
    """The HTTP message ends as HTTP says; whether its content is complete is another matter."""
    RESET = "reset"
    """The connection is aborted (RST)."""
    HALF_CLOSE = "half-close"
    """The server closes its sending side in the middle of the HTTP message (FIN)."""
    STALL = "stall"
    """Nothing more, for ever; the connection stays open until the client goes away."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived. `headers` has lower-case names, `path` is decoded and has no query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    query: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""
    """Scheme, host and port the client called, for addresses inside answers."""


@dataclass(slots=True)
class Answer:
    """A complete plan. With `headless` the ending comes before any head was sent."""

    status: int
    headers: dict[str, str]
    frames: list[Frame]
    head_after: float = 0.0
    """Seconds from arrival to the status line."""
    ending: Ending = Ending.WHOLE
    headless: bool = False

    @property
    def body(self) -> bytes:
        """The whole body; what a client reads if nothing breaks."""
        return b"".join(data for _, data in self.frames)


def to_text(value: Any) -> str:
    """JSON as the service writes it: no spaces, nothing escaped that need not be."""
    return _ENCODER.encode(value)


def dump(value: Any) -> bytes:
    """The same in UTF-8."""
    return _ENCODER.encode(value).encode()


def json_answer(status: int, value: Any, headers: Mapping[str, str] | None = None, *, after: float = 0.0) -> Answer:
    """An answer that arrives in one piece."""
    all_headers = {"content-type": "application/json; charset=utf-8", **(headers or {})}
    return Answer(status, all_headers, [(0.0, dump(value))], after)
