"""One attempt's body: read from the socket, decode, watch the clock.

A read that fails does not raise here: deltas that came before it must be handed out first. `cause` keeps the reason,
`over` says that nothing more will come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..clock import Clock
from ..errors import RequestTimeoutError, TimeoutPhase
from .deltas import ChatDelta, DeltaDecoder
from .source import ByteSource, StreamTimeouts
from .watch import WaitCutError, Watch

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
        cause: What ended the reading, when it was neither the body's end nor its content.
        began_at: When reading began, nominal monotonic.
    """

    __slots__ = (
        "_at_end",
        "_clock",
        "_iterator",
        "_source",
        "_timeouts",
        "_total_at",
        "_watch",
        "began_at",
        "cause",
        "decoder",
        "over",
    )

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
        self.cause: Exception | None = None
        self.began_at = clock.now()
        self._source = source
        self._iterator = source.__aiter__()
        self._clock = clock
        self._timeouts = timeouts
        self._total_at = total_at
        self._watch = Watch(clock)
        self._at_end = False

    @property
    def waiting(self) -> bool:
        """Whether a task is waiting for this source."""
        return self._watch.waiting

    async def first(self) -> list[ChatDelta]:
        """Read until there is content, or `over`; return all deltas up to there.

        Cancellation: passed to the source.
        """
        deltas: list[ChatDelta] = []
        while not self.over and not any(delta.substantial for delta in deltas):
            deltas += await self._read("first_delta", self._timeouts.first_delta, self.began_at)
        return deltas

    async def more(self, *, finished: bool) -> list[ChatDelta]:
        """Read until there are deltas, or `over`. Comments do not prolong the wait.

        Args:
            finished: Every choice has its finish reason, so what is still missing is worth only a short wait.

        Cancellation: passed to the source.
        """
        limit = self._timeouts.stall
        if finished:
            limit = TAIL if limit is None else min(limit, TAIL)
        since = self._clock.now()
        deltas: list[ChatDelta] = []
        while not self.over and not deltas:
            deltas = await self._read("stall", limit, since)
        return deltas

    async def drain(self) -> None:
        """After ``[DONE]``: give the end of the body a moment to arrive, so that the connection can be used again."""
        due = self._clock.now() + DRAIN * self._clock.scale
        while not self._at_end:
            try:
                await self._watch.wait(self._iterator.__anext__(), due)
            except Exception:
                return

    def cut(self) -> None:
        """End a wait in progress in another task."""
        self._watch.cut()

    def release(self) -> None:
        """Stop the timer and give the source back."""
        self._watch.close()
        self._source.release()

    async def _read(self, phase: TimeoutPhase, limit: float | None, since: float) -> list[ChatDelta]:
        """One network read and what it completes. `limit` seconds from `since`, or the total, whichever is earlier."""
        due = None if limit is None else since + limit
        if self._total_at is not None and (due is None or self._total_at < due):
            phase, due = "total", self._total_at
        try:
            data = await self._watch.wait(self._iterator.__anext__(), due)
        except StopAsyncIteration:
            self._at_end = True
        except WaitCutError as cut:
            if cut.why == "expired":
                self.cause = RequestTimeoutError(phase=phase, elapsed=self._elapsed(phase, since), sent=True)
        except Exception as error:
            self.cause = error
        else:
            deltas = self.decoder.feed(data)
            if not self.decoder.done and self.decoder.failure is None:
                return deltas
            self.over = True
            return deltas + self.decoder.close()
        self.over = True
        return self.decoder.close()

    def _elapsed(self, phase: TimeoutPhase, since: float) -> float:
        if phase == "total" and self._timeouts.total is not None and self._total_at is not None:
            since = self._total_at - self._timeouts.total
        return self._clock.now() - since
