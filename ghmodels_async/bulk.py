"""`map`: many requests through one client, in memory, lazily and with a bound.

A feeder pulls the next request from the caller's iterable only when there is room, so a million rows cost as much
memory as the rows in flight. Which of them is sent when is the gate's decision: each waits in its queue.

Three parts: `Run` is the handle the caller iterates over (`BulkRun` where outcomes come out), `_Flow` the state that
the feeder and the calls share, and `Outcome` what comes out. The tasks hold the flow but not the handle, so that
dropping the handle ends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

from .errors import GHModelsError
from .stream import ChatReply

__all__ = ["BulkRun", "Outcome", "Run"]


class _Numbered(Protocol):
    @property
    def ordinal(self) -> int: ...


Item = TypeVar("Item")
Result = TypeVar("Result", bound=_Numbered)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request: either `reply` or `error` is set.

    Attributes:
        key: The caller's own key of the request, or its ordinal when it had none.
        ordinal: Position of the request in the input, from 0.
        reply: The finished reply.
        error: Why there is none.
        request: The request as it was given.
    """

    key: Any
    ordinal: int
    reply: ChatReply | None
    error: GHModelsError | None
    request: Any

    @property
    def ok(self) -> bool:
        """Whether there is a reply."""
        return self.reply is not None


class Run(Generic[Item, Result]):
    """Iterate over results as they finish (or in input order). Use `async with` if you may leave early.

    Leaving early, by `break` inside `async with` or by `aclose()`, cancels what is in flight; requests already sent are
    spent. Without `async with` the same happens when the object is collected.

    Args:
        items: Requests, sync or async; pulled one at a time, never ahead of the room there is. An exception of theirs
            is raised from the iteration after the results of everything pulled before it: those are paid for.
        work: Makes the result of one item; it has the item's ordinal. An exception ends the run at once and is raised
            from the iteration.
        concurrency: How many items may be pulled and not yet handed out, at least 1.
        more: Whether that is too few: asked when a result is handed out and all others are under way. Each yes makes
            room for one item more, so that the room doubles in the time of one item while it is too small.
        ordered: Whether results come in input order. At most `concurrency` finished ones are then held back.
    """

    def __init__(
        self,
        items: Iterable[Item] | AsyncIterable[Item],
        work: Callable[[int, Item], Awaitable[Result]],
        *,
        concurrency: int,
        ordered: bool = False,
        more: Callable[[], bool] | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, not {concurrency}")
        source = aiter(items) if isinstance(items, AsyncIterable) else iter(items)
        self._flow: _Flow[Item, Result] = _Flow(source, work, concurrency)
        self._ordered = ordered
        self._more = more
        self._held: dict[int, Result] = {}
        self._next = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Result:
        """Return the next result. Several tasks may share a run. Cancellation: safe, no result is lost, it goes on."""
        flow = self._flow
        flow.start()
        while True:
            if self._held and self._next in self._held:
                self._next += 1
                self._make_room()
                return self._held.pop(self._next - 1)
            if flow.over and flow.done.empty():
                flow.done.put_nowait(None)  # for the next one who waits
                failure, flow.failure = flow.failure, None
                if failure is not None:
                    raise failure
                raise StopAsyncIteration
            outcome = await flow.done.get()
            if isinstance(outcome, BaseException):
                await self.aclose()
                raise outcome
            if outcome is None:
                continue
            if not self._ordered:
                self._make_room()
                return outcome
            self._held[outcome.ordinal] = outcome

    async def aclose(self) -> None:
        """Cancel what is in flight and wait until it is gone. Idempotent."""
        await self._flow.aclose()

    def _make_room(self) -> None:
        """A result is handed out. A reader that is slow, or order, must not make the room larger."""
        room = self._flow.room
        if self._more is not None and room.locked():
            late = not self._flow.done.empty() or len(self._held) > 1
            if not late and self._more():
                room.release()
        room.release()

    def __del__(self) -> None:
        flow = getattr(self, "_flow", None)
        if flow is not None:
            flow.abandon()


class BulkRun(Run[Item, Outcome], Generic[Item]):
    """The outcomes of many chat requests: `Run` whose `work` turns a GHModelsError into an outcome itself."""


class _Flow(Generic[Item, Result]):
    """The feeder, the calls in flight and the queue of their results."""

    def __init__(
        self,
        source: AsyncIterator[Item] | Iterator[Item],
        work: Callable[[int, Item], Awaitable[Result]],
        concurrency: int,
    ) -> None:
        self.source = source
        self.work = work
        self.room = asyncio.Semaphore(concurrency)
        #: Results, an exception that ends the run, or None: "look again whether all is over".
        self.done: asyncio.Queue[Result | BaseException | None] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        self.feeder: asyncio.Task[None] | None = None
        self.failure: Exception | None = None  # the source's
        self.closed = False

    @property
    def over(self) -> bool:
        fed = self.closed if self.feeder is None else self.feeder.done()
        return fed and not self.tasks

    def start(self) -> None:
        if self.feeder is None and not self.closed:
            self.feeder = asyncio.create_task(self._feed())
            self.feeder.add_done_callback(self._look_again)

    async def aclose(self) -> None:
        self.closed = True
        tasks = {*self.tasks, *([self.feeder] if self.feeder else [])}
        own = asyncio.current_task()
        tasks.discard(own)  # closed by one of its own items, or by its source
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        close = getattr(self.source, "aclose", None)
        if close is not None and own is not self.feeder:
            await close()

    def abandon(self) -> None:
        self.closed = True
        for task in (self.feeder, *self.tasks):
            if task is not None and not task.done() and not task.get_loop().is_closed():
                task.cancel()

    async def _feed(self) -> None:
        """Pull and start one request after the other while there is room."""
        source, ordinal = self.source, 0
        try:
            while True:
                await self.room.acquire()
                try:
                    item = await anext(source) if isinstance(source, AsyncIterator) else next(source)
                except (StopAsyncIteration, StopIteration):
                    return
                if self.closed:
                    return
                task = asyncio.create_task(self._one(ordinal, item))
                self.tasks.add(task)
                task.add_done_callback(self._ended)
                ordinal += 1
        except asyncio.CancelledError:
            if self.closed:
                raise
            self.failure = RuntimeError("The source of the requests was cancelled.")
        except Exception as error:
            self.failure = error

    async def _one(self, ordinal: int, item: Item) -> None:
        try:
            self.done.put_nowait(await self.work(ordinal, item))
        except asyncio.CancelledError:
            if self.closed:
                raise
            self.done.put_nowait(RuntimeError(f"Request {ordinal} of the run was cancelled from outside."))
        except Exception as error:
            self.done.put_nowait(error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not self.tasks:
            self._look_again()

    def _look_again(self, _: object = None) -> None:
        if self.over:
            self.done.put_nowait(None)
