"""Operations on answers that faults are made of: cut, delay, rewrite.

An event stream is handled event by event; any other body as plain bytes. Every function may change its argument and
returns the answer to send.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from ghmodels_async.simulator.answer import Answer, Ending, Frame

__all__ = [
    "bare",
    "commented",
    "cut",
    "dripped",
    "finished_early",
    "labelled",
    "later",
    "mapped",
    "opened",
    "split_utf8",
    "swollen",
    "without",
]

#: Between two writes that have to arrive apart. Nagle is off, so a moment is enough.
_APART = 0.02
_CONTENT = re.compile(rb'("content":")([^"])')
#: Two, three and four bytes long in UTF-8.
_WIDE = "é漢🙂".encode()


def is_stream(answer: Answer) -> bool:
    """Whether the body is an event stream."""
    return answer.headers.get("content-type", "").startswith("text/event-stream")


def _events(answer: Answer) -> list[Frame]:
    """The body with one event per frame; a body that is no stream is one event."""
    if not is_stream(answer):
        return answer.frames
    single: list[Frame] = []
    for delay, data in answer.frames:
        for number, part in enumerate(data.split(b"\n\n")[:-1]):
            single.append((0.0 if number else delay, part + b"\n\n"))
    return single


def cut(answer: Answer, after: int, ending: Ending) -> Answer:
    """Keep `after` events (or half of a plain body; nothing if `after` is 0), then end as told."""
    if is_stream(answer):
        frames = _events(answer)[:after]
    else:
        body = answer.body
        frames = [(0.0, body[: len(body) // 2])] if after else []
    return replace(answer, frames=frames, ending=ending)


def finished_early(answer: Answer, after: int, reason: str) -> Answer:
    """Finish after some events with another reason; usage and `[DONE]` still come."""

    def renamed(data: bytes) -> bytes:
        return re.sub(rb'"finish_reason":"\w+"', b'"finish_reason":"%s"' % reason.encode(), data)

    if not is_stream(answer):
        return mapped(answer, renamed)
    events = _events(answer)
    last = next(number for number, (_, data) in enumerate(events) if b'"delta":{}' in data)
    ended = (0.0, renamed(events[last][1]))
    return replace(answer, frames=[*events[: min(after, last)], ended, *events[last + 1 :]])


def without(answer: Answer, marker: bytes) -> Answer:
    """Leave out every event that contains `marker`."""
    return replace(answer, frames=[frame for frame in _events(answer) if marker not in frame[1]])


def later(answer: Answer, seconds: float) -> Answer:
    """The head comes `seconds` later."""
    return replace(answer, head_after=answer.head_after + seconds)


def mapped(answer: Answer, change: Callable[[bytes], bytes]) -> Answer:
    """Rewrite every frame."""
    return replace(answer, frames=[(delay, change(data)) for delay, data in answer.frames])


def opened(answer: Answer, mark: bytes) -> Answer:
    """Put bytes before the body."""
    return replace(answer, frames=[(0.0, mark), *answer.frames])


def dripped(answer: Answer, interval: float, size: int) -> Answer:
    """The same bytes, few at a time."""
    body = answer.body
    frames = [(interval, body[at : at + size]) for at in range(0, len(body), size)]
    return replace(answer, frames=frames)


def commented(answer: Answer, every: int, gap: float) -> Answer:
    """Comment lines between events of a stream."""
    if not is_stream(answer):
        return answer
    frames: list[Frame] = []
    for number, (delay, data) in enumerate(_events(answer)):
        if number % every == 0:
            frames.append((delay, b": keep-alive\n\n"))
            delay = gap
        frames.append((delay, data))
    return replace(answer, frames=frames)


def labelled(answer: Answer) -> Answer:
    """`event`, `id` and `retry` on every event of a stream, around its data."""
    if not is_stream(answer):
        return answer
    frames = [
        (delay, b"event: message\nid: %d\n" % number + data[:-1] + b"retry: 3000\n\n")
        for number, (delay, data) in enumerate(_events(answer))
    ]
    return replace(answer, frames=frames)


def swollen(answer: Answer, size: int) -> Answer:
    """One content event grows by `size` bytes of text."""
    filler = b"\\1" + b"x" * size + b"\\2"
    frames = list(_events(answer))
    for number, (delay, data) in enumerate(frames):
        if _CONTENT.search(data):
            frames[number] = (delay, _CONTENT.sub(filler, data, count=1))
            break
    return replace(answer, frames=frames)


def split_utf8(answer: Answer) -> Answer:
    """Cut inside every character beyond ASCII, after putting three of them into the first content."""
    body = _CONTENT.sub(rb"\1" + _WIDE + rb"\2", answer.body, count=1)
    bounds = [0] + [at for at in range(1, len(body)) if body[at - 1] >= 0xC0] + [len(body)]
    frames = [(_APART if start else 0.0, body[start:end]) for start, end in pairwise(bounds)]
    return replace(answer, frames=frames)


def bare(answer: Answer) -> Answer:
    """Only the content type stays."""
    answer.headers = {"content-type": answer.headers.get("content-type", "application/json")}
    return answer
