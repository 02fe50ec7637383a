"""What a stream needs from the rooms it must not know: somebody who opens, and a source of bytes.

The protocol between `ChatStream` and its opener, in the order of a call's life:

1. `ChatStream` calls ``await opener.open(begin)`` once. The opener makes attempts: it acquires a permit, sends, reads
   the head, turns anything but 200 into a typed error, and hands a good response to ``await begin(source)``.
2. `begin` reads until the first content delta. Returning means: deltas are about to be handed out, the retry door is
   closed; `open` then returns without another await. Raising means: this attempt failed before anything was handed
   out (an error frame, a truncated or undecodable body, a broken connection, `RequestTimeoutError` in phase
   ``first_delta``). `begin` has released its source by then. The opener settles that attempt and may make another
   one, calling `begin` again with a new source, or raise.
3. After `open` has returned, `finish(outcome, usage)` is called exactly once, whatever ends the stream. If `open`
   raised, the opener has settled everything itself and `finish` is not called.

So one loop makes all attempts, and every attempt is settled by whoever saw its end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from ..wire import Usage
from .reply import ReplyMeta

__all__ = ["Begin", "ByteSource", "Opener", "StreamOutcome", "StreamTimeouts"]


class ByteSource(Protocol):
    """The body of a 200: iterated once, one `bytes` per network read.

    A source may have an attribute `ended`, true once the end of the body has arrived, whether or not it was read: no
    read waits any more, and the connection is free.
    """

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate. An exception of the iterator means that the body broke off."""
        ...

    def release(self) -> None:
        """Give the connection back if the body was read to its end, close it otherwise. Synchronous, idempotent."""
        ...


Begin = Callable[[ByteSource], Awaitable[None]]


class StreamOutcome(Enum):
    """How a stream ended, for whoever settles its permit. The request was spent in every case."""

    COMPLETED = "completed"
    TRUNCATED = "truncated"
    """The body ended without saying that the reply was finished."""
    INTERRUPTED = "interrupted"
    """The connection broke."""
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    """The server reported an error inside the stream, or sent what is not a stream."""
    ABANDONED = "abandoned"
    """Nobody wanted the rest: break, exception, cancellation, collection."""


class Opener(Protocol):
    """Makes the attempts of one call and settles them. Used for one stream only."""

    @property
    def meta(self) -> ReplyMeta:
        """What is known of the last attempt; read after `open` has returned."""
        ...

    async def open(self, begin: Begin) -> None:
        """Make attempts until `begin(source)` returns; raise when giving up.

        Cancellation: the attempt in progress is settled; nothing stays open.
        """
        ...

    def classify(self, error: Any) -> Exception:
        """Make a typed exception of an error object inside a 200: the value of `error`, or a body without one."""
        ...

    def finish(self, outcome: StreamOutcome, usage: Usage | None) -> None:
        """Settle the attempt that was streamed. Synchronous, never raises, called exactly once after `open`."""
        ...


@dataclass(frozen=True, slots=True)
class StreamTimeouts:
    """Limits of the phases a stream is in charge of, in nominal seconds; None means no limit.

    Attributes:
        first_delta: From the response head to the first content. Comments, role chunks and filter results are not
            content.
        stall: Waiting for the next chunk. Comments do not count as one; the consumer's own time does not count either.
        total: From the start of opening to the end of the reply. Looked at whenever the stream has to wait.
    """

    first_delta: float | None = None
    stall: float | None = None
    total: float | None = None
