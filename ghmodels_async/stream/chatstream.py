"""A chat stream as one object: pull, fold, and let go exactly once.

Theory of operation. There are no nested generators. `__anext__` hands out decoded deltas without awaiting; when there
are none it reads until there are. Deltas are folded as they are handed out, so `reply` is what the consumer has seen.
Nothing is read ahead of the consumer: a slow consumer slows the socket. `_end` is the one way out: it releases the
source and calls `Opener.finish`, once. `endings.py` judges how a stream ended, `source.py` has the opener's protocol.
One class and longer than most files here: its states are only clear together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

from ..clock import Clock
from ..errors import APIError, RequestTimeoutError, StreamError
from .delta import ChatDelta
from .endings import closed_early, outcome_of, verdict
from .fold import Fold
from .lifetime import creation_line, let_go
from .reader import StreamReader
from .reply import ChatReply, ReplyMeta
from .source import ByteSource, Opener, StreamOutcome, StreamTimeouts
from .sse import EVENT_LIMIT
from .text import TextStream
from .watch import Watch

__all__ = ["ChatStream"]

_NONE: Iterator[ChatDelta] = iter(())


class ChatStream:
    """Deltas of one chat reply as they arrive. Creating it sends nothing.

    Use ``async with`` (entering waits for the first content; every way out frees the connection), or plain
    ``async for`` (freed at the end, at the stream's own error, on cancellation while waiting, or when the object is
    collected, then with a ResourceWarning that names the line of creation). One task at a time may wait for a stream.

    Args:
        opener: Makes the attempts and settles them; see `source.py` for the protocol.
        clock: Nominal time.
        timeouts: Limits of the phases; none by default.
        done_suffices: Whether ``[DONE]`` without a finish reason ends a stream well (a property of the endpoint).
        limit: Bytes one event may occupy.
    """

    __slots__ = ("__weakref__", "_clock", "_created", "_done_suffices", "_ended_after", "_error", "_first_after",
                 "_fold", "_limit", "_loop", "_opener", "_opening", "_reader", "_ready", "_state", "_timeouts",
                 "_total_at")  # fmt: skip

    def __init__(
        self,
        opener: Opener,
        *,
        clock: Clock,
        timeouts: StreamTimeouts | None = None,
        done_suffices: bool = False,
        limit: int = EVENT_LIMIT,
    ) -> None:
        self._opener = opener
        self._clock = clock
        self._timeouts = timeouts or StreamTimeouts()
        self._done_suffices = done_suffices
        self._limit = limit
        self._created = creation_line()
        self._state = "new"  # -> opening -> open -> ended
        self._error: Exception | None = None  # how it ended; None: well
        self._fold = Fold()
        self._ready = _NONE  # decoded, not yet handed out
        self._reader: StreamReader | None = None
        self._opening: Watch | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._total_at: float | None = None
        self._first_after: float | None = None
        self._ended_after: float | None = None

    async def __aenter__(self) -> Self:
        """Open and wait for the first content.

        Raises:
            GHModelsError: Admission, connection, the server's refusal, a phase's time, or a stream that broke before
                its first content. Everything is settled.
            RuntimeError: Another task is opening this stream.

        Cancellation: safe; the attempt in progress is closed and settled.
        """
        if self._opening is not None:
            raise RuntimeError("another task is already waiting for this stream")
        if self._state == "new":
            await self._open()
        if self._error is not None:
            raise self._error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatDelta:
        """Return the next delta.

        Raises:
            GHModelsError: The stream did not end well; the same error again on every later call.
            RuntimeError: Another task is waiting for this stream.

        Cancellation: while waiting for the server it ends the stream, settled as abandoned; `reply` stays.
        """
        while True:
            for delta in self._ready:
                self._fold.add(delta)
                return delta
            reader = self._reader
            if self._state != "open" or reader is None or not reader.idle:
                await self._turn()
                continue
            try:
                ready = await reader.more(finished=self._fold.finished)
            except BaseException:
                self._abandon()
                raise
            if self._state == "open":  # nobody has closed it meanwhile
                self._ready = iter(ready)

    @property
    def text(self) -> TextStream:
        """The answer text only, as an async iterator of non-empty strings (of the first choice)."""
        return TextStream(self)

    @property
    def reply(self) -> ChatReply:
        """The reply as far as it has been handed out. Costs its length."""
        meta = ReplyMeta() if self._reader is None else self._opener.meta
        if self._reader is not None:
            head = meta.head_after or 0.0
            first, ended = self._first_after, self._ended_after
            meta = replace(
                meta,
                first_delta_after=None if first is None else head + first,
                duration=None if ended is None else head + ended,
            )
        return self._fold.with_meta(meta)

    async def final(self) -> ChatReply:
        """Read the rest and return the whole reply.

        Raises:
            GHModelsError: As `__anext__`. A reply is returned only if it is whole.

        Cancellation: as `__anext__`.
        """
        async for _ in self:
            pass
        return self.reply

    async def aclose(self) -> None:
        """Let go: free the connection and settle the permit. Idempotent, never waits.

        Cancellation: there is nothing to cancel.
        """
        if self._state == "new":
            self._state, self._error = "ended", closed_early()
        else:
            self._abandon()

    def __del__(self) -> None:
        loop: asyncio.AbstractEventLoop | None = getattr(self, "_loop", None)
        if loop is None or self._state == "ended":
            return
        let_go(self._abandon, loop, self._created, self)

    async def _open(self) -> None:
        self._state = "opening"
        self._loop = asyncio.get_running_loop()
        if self._timeouts.total is not None:
            self._total_at = self._clock.now() + self._timeouts.total
        self._opening = watch = Watch(self._clock)
        watch.start(None)
        try:
            await self._opener.open(self._begin)
            if self._reader is None:
                raise RuntimeError("Opener.open returned without calling begin")
        except asyncio.CancelledError:
            self._failed(closed_early())
            if watch.taken_back() is None:
                raise
        except BaseException as error:
            self._failed(error if isinstance(error, Exception) else closed_early())
            raise
        else:
            self._state = "open"
        finally:
            watch.stop()
            self._opening = None

    def _failed(self, error: Exception) -> None:
        """Opening failed: the opener has settled, what is left is to remember how it ended."""
        self._state, self._error, self._ready = "ended", error, _NONE
        if self._reader is not None:
            self._reader.release()

    async def _begin(self, source: ByteSource) -> None:
        """Read one attempt's response up to its first content; see `source.py`."""
        self._fold, self._ended_after = Fold(), None
        reader = self._reader = StreamReader(
            source,
            self._opener.classify,
            clock=self._clock,
            timeouts=self._timeouts,
            total_at=self._total_at,
            limit=self._limit,
        )
        try:
            deltas = await reader.first()
            # Text that was held back until the end (it has no chunk) is not content that arrived in time.
            if reader.over and not any(delta.substantial and delta.data for delta in deltas):
                for delta in deltas:
                    self._fold.add(delta)
                error = self._judge(reader)
                if error is not None:
                    raise error
                self._fold, self._ended_after = Fold(), None  # nothing has been handed out yet
        except BaseException:
            reader.release()
            raise
        self._first_after = self._clock.now() - reader.began_at
        self._ready = iter(deltas)

    async def _turn(self) -> None:
        """Pass from one state to the next, or raise: the end, or how it ended."""
        reader = self._reader
        if self._state == "new":
            await self._open()
        elif self._opening is not None or (reader is not None and reader.waiting):
            raise RuntimeError("another task is already waiting for this stream")
        elif self._state == "open" and reader is not None:
            await self._conclude(reader)
        if self._error is not None:
            raise self._error
        if self._state == "ended":
            raise StopAsyncIteration

    async def _conclude(self, reader: StreamReader) -> None:
        """Everything has been handed out and nothing more will come."""
        error = self._judge(reader)
        try:
            if error is None and reader.decoder.done:
                await reader.drain()
        finally:
            self._end(outcome_of(error), error)

    def _judge(self, reader: StreamReader) -> Exception | None:
        self._stop_clock(reader)
        error = verdict(reader.decoder, reader.cause, self._fold, done_suffices=self._done_suffices)
        if isinstance(error, (StreamError, RequestTimeoutError, APIError)) and self._fold.begun:
            error.partial = self.reply
        return error

    def _stop_clock(self, reader: StreamReader) -> None:
        if self._ended_after is None and self._loop is not None:  # not clock.now(): collection may come without a loop
            self._ended_after = self._loop.time() * self._clock.scale - reader.began_at

    def _abandon(self) -> None:
        """Let go before the end was read. A reply whose choices are all finished is complete all the same."""
        if self._opening is not None:
            self._opening.cut()  # whoever is opening settles, and remembers
        elif self._state == "open":
            if self._fold.finished and self._fold.open_call is None:
                self._end(StreamOutcome.COMPLETED, None)
            else:
                error = closed_early()
                error.partial = self.reply
                self._end(StreamOutcome.ABANDONED, error)

    def _end(self, outcome: StreamOutcome, error: Exception | None) -> None:
        """The one way out: free the connection, settle, wake whoever waits."""
        reader = self._reader
        if self._state == "ended" or reader is None:
            return
        self._state, self._error, self._ready = "ended", error, _NONE
        self._stop_clock(reader)
        try:
            reader.release()
            reader.cut()
        finally:
            self._opener.finish(outcome, self._fold.usage)
