"""The same run, streamed: the deltas of every round and each finished call, as they come.

Theory of operation. One object, no generators. At any moment it either reads a round's stream (`_stream`), or waits
for calls in flight (`_flight`), or is over. `__anext__` moves between the three; `aclose` ends whichever there is.
Calls run on while the consumer looks at a step, so they are tasks; the tasks know neither this object nor its consumer.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Literal, Self, Unpack, cast

from ..chats import Chats, DeltaStream, messages_of
from ..clock import Clock
from ..deadline import Deadline
from ..transport import RetryPolicy
from ..wire import ChatCallOptions, Message, RunOptions, check_options
from .calls import CallsInFlight, Finished
from .definition import Toolbox, ToolLike
from .loop import Fit, ToolLoop, ToolRun
from .step import TextSteps, ToolStep

__all__ = ["ToolStream", "stream_tools"]


class ToolStream:
    """Steps of one run as they come. Creating it sends nothing.

    Use ``async with`` (entering waits for the first content), or plain ``async for``: then a run left early is ended
    when the object is collected. Made by `stream_tools`.
    """

    def __init__(
        self,
        chats: Chats,
        loop: ToolLoop,
        *,
        tool_timeout: float | None,
        max_parallel: int | None,
        clock: Clock,
        deadline: float | None,
    ) -> None:
        self._chats = chats
        self._loop = loop
        self._clock = clock
        self._tool_timeout = tool_timeout
        self._max_parallel = max_parallel
        self._seconds = deadline
        self._deadline: Deadline | None = None
        self._stream: DeltaStream | None = None
        self._flight: CallsInFlight | None = None
        self._finished: list[Finished] = []
        self._over = False
        self._error: Exception | None = None

    async def __aenter__(self) -> Self:
        """Open the first round and wait for its first content. Raises and cancels as `ChatStream`."""
        if self._stream is None and not self._over:
            try:
                await self._open().__aenter__()
            except BaseException:
                await self.aclose()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ToolStep:
        """Return the next step.

        Raises:
            GHModelsError: As `run_tools`. The run is over and everything is released; later calls raise the same.

        Cancellation: ends the run; the stream is closed, calls in flight are cancelled and waited for.
        """
        try:
            while not self._over:
                step = await self._advance()
                if step is not None:
                    return step
        except BaseException as error:
            self._error = error if isinstance(error, Exception) else None
            await self.aclose()
            raise
        raise self._error or StopAsyncIteration

    @property
    def text(self) -> TextSteps:
        """The answer text of all rounds, as an async iterator of non-empty strings."""
        return TextSteps(self)

    @property
    def run(self) -> ToolRun:
        """The run so far; whole once the iteration has ended.

        Raises:
            RuntimeError: No round has ended yet.
        """
        if not self._loop.rounds:
            raise RuntimeError("no reply has ended yet")
        return self._loop.run()

    @property
    def loop(self) -> ToolLoop:
        """The state of the run: messages, rounds, usage, calls."""
        return self._loop

    @property
    def current(self) -> DeltaStream | None:
        """The round's stream that is being read, None between rounds."""
        return self._stream

    async def final(self) -> ToolRun:
        """Read the rest and return the whole run. Raises and cancels as `__anext__`."""
        async for _ in self:
            pass
        return self.run

    async def aclose(self) -> None:
        """End the run: close the stream, cancel calls in flight and wait until they are gone. Idempotent."""
        self._over = True
        stream, flight, self._flight = self._stream, self._flight, None
        if stream is not None:
            await stream.aclose()
        if flight is not None:
            await flight.aclose()

    def __del__(self) -> None:
        flight = getattr(self, "_flight", None)
        if flight is not None:
            flight.abandon()
            warnings.warn("ToolStream was never read to its end or closed; its calls are cancelled", ResourceWarning, 1)

    def _open(self) -> DeltaStream:
        if self._deadline is None:
            self._deadline = Deadline(self._seconds, self._clock)
        messages, options = self._loop.request()
        self._deadline.into(options)
        self._stream = self._chats.stream(self._loop.model, messages, retry=self._loop.retry, **options)
        return self._stream

    async def _advance(self) -> ToolStep | None:
        """Make one move; None if it brought nothing to show."""
        if self._flight is not None:
            return await self._next_call(self._flight)
        stream = self._stream or self._open()
        try:
            return ToolStep(self._loop.rounds + 1, delta=await anext(stream))
        except StopAsyncIteration:
            self._end_round(stream)
            return None

    def _end_round(self, stream: DeltaStream) -> None:
        self._stream = None
        calls = self._loop.take_reply(stream.reply)
        self._over = not calls
        if calls:
            self._flight = CallsInFlight(
                calls,
                self._loop.toolbox,
                round=self._loop.rounds,
                timeout=self._tool_timeout,
                max_parallel=self._max_parallel,
                clock=self._clock,
            )

    async def _next_call(self, flight: CallsInFlight) -> ToolStep | None:
        assert self._deadline is not None
        one = await self._deadline.over(flight.next)
        if one is None:
            self._flight = None
            self._loop.take_results(self._finished)
            self._finished = []
            return None
        error = self._loop.refuse(one)
        if error is not None:
            raise error
        self._finished.append(one)
        return ToolStep(one.record.round, call=one.record)


def stream_tools(
    chats: Chats,
    model: str,
    messages: str | Sequence[Message],
    tools: Iterable[ToolLike],
    *,
    max_rounds: int = 8,
    tool_timeout: float | None = 60.0,
    max_parallel: int | None = None,
    on_tool_error: Literal["report", "raise"] = "report",
    fit: Fit | None = None,
    retry: RetryPolicy | None = None,
    clock: Clock | None = None,
    **options: Unpack[RunOptions],
) -> ToolStream:
    """Make a streamed run with tools. Nothing is sent before it is entered or iterated.

    Args and errors as `run_tools`; `ToolStream.run` has the result at the end.
    """
    check_options(options, RunOptions)
    given: list[dict[str, Any]] = messages_of(messages)
    loop = ToolLoop(
        model,
        given,
        Toolbox(tools),
        cast(ChatCallOptions, options),
        max_rounds=max_rounds,
        on_tool_error=on_tool_error,
        fit=fit,
        retry=retry,
    )
    return ToolStream(
        chats,
        loop,
        tool_timeout=tool_timeout,
        max_parallel=max_parallel,
        clock=clock or Clock(),
        deadline=options.get("deadline"),
    )
