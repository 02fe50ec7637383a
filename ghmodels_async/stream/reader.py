"""One attempt's body: read from the socket, decode, watch the clock.

A read that fails does not raise here: deltas that came before it must be handed out first. `cause` keeps the reason,
`over` says that nothing more will come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ..clock import Clock
from ..errors import RequestTimeoutError, TimeoutPhase
from .delta import ChatDelta
from .deltas import DeltaDecoder
from .source import ByteSource, StreamTimeouts
from .watch import Watch

__all__ = ["StreamReader"]

#: Nominal seconds to wait for usage and ``[DONE]`` once every choice is finished; no reply is lost by giving up.
TAIL = 5.0
#: Real seconds to wait for the end of the body after ``[DONE]``: it makes the connection reusable and is nearly always
#: in the same packet or the next. openai-python 3.54 drains for as long.
DRAIN = 0.1


class StreamReader:
    """Reads deltas from one source.

    Args:
        source: The body; released by `release`.
        classify: See `DeltaDecoder`.
        clock: Nominal time.
        timeouts: Limits of the phases.
        total_at: Instant (nominal monotonic) at which the whole stream has taken too long; None for never.
        limit: Bytes one event may occupy.

    Attributes:
        over: Nothing more will come: the end, ``[DONE]``, or a failure.
        idle: More may come, and nobody is waiting for it.
        cause: What ended the reading, when it was neither the body's end nor its content.
        began_at: When reading began, nominal monotonic.
    """

    __slots__ = ("_clock", "_iterator", "_source", "_timeouts", "_total_at", "_watch", "began_at", "cause",
                 "decoder", "idle", "over")  # fmt: skip

    def __init__(
        self,
        source: ByteSource,
        classify: Callable[[Any], Exception],
        *,
        clock: Clock,
        timeouts: StreamTimeouts,
        total_at: float | None,
        limit: int,
    ) -> None:
        self.decoder = DeltaDecoder(classify, limit=limit)
        self.over = False
        self.idle = True
        self.cause: Exception | None = None
        self.began_at = clock.now()
        self._source = source
        self._iterator = source.__aiter__()
        self._clock = clock
        self._timeouts = timeouts
        self._total_at = total_at
        self._watch = Watch(clock)

    @property
    def waiting(self) -> bool:
        """Whether a task is waiting for this source."""
        return self._watch.waiting

    async def first(self) -> list[ChatDelta]:
        """Read until there is content, or `over`; return all deltas up to there.

        Cancellation: passed to the source.
        """
        deltas: list[ChatDelta] = []
        # A body that arrived with its head is not waited for: no timer for it.
        limit = None if self._ended else self._timeouts.first_delta
        while not self.over:
            more = await self._read("first_delta", limit, self.began_at)
            deltas += more
            if any(delta.substantial for delta in more):
                break
        return deltas

    def more(self, *, finished: bool) -> Coroutine[Any, Any, list[ChatDelta]]:
        """Read until there are deltas, or `over`. Comments do not prolong the wait.

        Args:
            finished: Every choice has its finish reason, so what is still missing is worth only a short wait.

        Cancellation: passed to the source.
        """
        limit = self._timeouts.stall
        if finished:
            limit = TAIL if limit is None else min(limit, TAIL)
        return self._read("stall", limit, self._clock.now())

    async def drain(self) -> None:
        """After ``[DONE]``: give the end of the body a moment to arrive, so that the connection can be used again."""
        if self._ended:  # it came in one packet with ``[DONE]``: the rule
            return
        due = self._clock.now() + DRAIN * self._clock.scale
        while True:
            self._watch.start(due)
            try:
                await self._iterator.__anext__()
            except asyncio.CancelledError:
                if self._watch.taken_back() is None:
                    raise
                return
            except Exception:  # the end, or a connection that broke when everything had arrived
                return
            finally:
                self._watch.stop()

    def cut(self) -> None:
        """End a wait in progress in another task."""
        self._watch.cut()

    def release(self) -> None:
        """Stop the timer and give the source back."""
        self._watch.close()
        self._source.release()

    @property
    def _ended(self) -> bool:
        return getattr(self._source, "ended", False)

    async def _read(self, phase: TimeoutPhase, limit: float | None, since: float) -> list[ChatDelta]:
        """Read until something is decoded, or `over`; at most `limit` seconds from `since`, and within the total."""
        due = None if limit is None else since + limit
        if self._total_at is not None and (due is None or self._total_at < due):
            phase, due = "total", self._total_at
        decoder, watch = self.decoder, self._watch
        self.idle = False
        while True:
            watch.start(due)
            try:
                data = await self._iterator.__anext__()
            except StopAsyncIteration:
                break
            except asyncio.CancelledError:
                why = watch.taken_back()
                if why is None:
                    raise
                if why == "expired":
                    self.cause = self._timeout(phase, since)
                break
            except Exception as error:
                self.cause = error
                break
            finally:
                watch.stop()
            deltas = decoder.feed(data)
            if decoder.done or decoder.failure is not None:
                self.over = True
                return deltas + decoder.close()
            if deltas:
                self.idle = True
                return deltas
        self.over = True
        return decoder.close()

    def _timeout(self, phase: TimeoutPhase, since: float) -> RequestTimeoutError:
        if phase == "total" and self._timeouts.total is not None and self._total_at is not None:
            since = self._total_at - self._timeouts.total
        elapsed = self._clock.now() - since
        checked, fix = _SAYS[phase]
        return RequestTimeoutError(phase=phase, elapsed=elapsed, sent=True, checked=checked, fix=fix)


_SAYS: dict[TimeoutPhase, tuple[str, str]] = {
    "first_delta": (
        "whether the model had begun to answer, after the response head",
        "Send it again, or raise the first_delta timeout: models that reason first may need minutes",
    ),
    "stall": (
        "whether anything but comments still arrives",
        "Use what arrived (`error.partial`), or raise the stall timeout",
    ),
    "total": ("the whole call", "Allow a longer deadline, or ask for less output"),
}
