"""Running the tool calls of one round: concurrently, each with its own time, none left behind.

What a call comes to is always a value (`Finished`); whether a failure goes to the model or to the caller is decided by
the loop. A sync function runs in a thread, and threads cannot be stopped: when its time is up, or the run is cancelled,
nobody waits for it any more and its result is dropped, but it runs to its own end.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from ..clock import Clock
from ..schemas import problems_of
from ..wire import ToolCall
from .definition import Tool, Toolbox

__all__ = ["CallRecord", "CallsInFlight", "Finished"]


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One tool call of a run, for logs and audits.

    Attributes:
        round: Which of the model's replies asked for it, from 1.
        id: The model's id of the call; made up where the server sent none.
        name: The tool, as its author named it; what the model wrote if there is no such tool.
        arguments: JSON text, as the model wrote it.
        content: What is sent back to the model.
        error: Why it failed, in one line; None if it did not.
        duration: Nominal seconds it took.
    """

    round: int
    id: str
    name: str
    arguments: str
    content: str
    error: str | None
    duration: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A call that is over. `position` is its place among the calls of its round; `cause` is what the tool raised."""

    position: int
    record: CallRecord
    cause: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    content: str
    error: str | None = None
    cause: BaseException | None = None


class CallsInFlight:
    """The calls of one round. Making it starts them.

    Args:
        calls: What the model asked for, each with an id.
        toolbox: The tools of the run.
        round: Which of the model's replies asked for them, from 1.
        timeout: Nominal seconds one call may take unless its tool says otherwise; None means no limit.
        max_parallel: How many may run at once; None means all.
        clock: Nominal time.
    """

    def __init__(
        self,
        calls: Sequence[ToolCall],
        toolbox: Toolbox,
        *,
        round: int,
        timeout: float | None,
        max_parallel: int | None,
        clock: Clock,
    ) -> None:
        room = asyncio.Semaphore(max_parallel or max(len(calls), 1))

        async def run(position: int, call: ToolCall) -> Finished:
            async with room:
                began = clock.now()
                one = toolbox.find(call.function.name)
                limit = timeout if one is None or one.timeout is None else one.timeout
                answer = await _answer(one, call, toolbox, limit, clock)
                name = call.function.name if one is None else one.name
                record = CallRecord(
                    round=round,
                    id=call.id or "",
                    name=name,
                    arguments=call.function.arguments,
                    content=answer.content,
                    error=answer.error,
                    duration=clock.now() - began,
                )
            return Finished(position, record, answer.cause)

        # In the order of the calls: of several that end in the same moment the first one is returned first.
        self._tasks = [
            asyncio.create_task(run(position, call), name=f"tool {call.function.name}")
            for position, call in enumerate(calls)
        ]

    async def next(self) -> Finished | None:
        """Wait for the next call to end; None when all have been returned.

        Cancellation: safe, the calls go on; `aclose` ends them.
        """
        if not self._tasks:
            return None
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        first = next(task for task in self._tasks if task in done)
        self._tasks.remove(first)
        return first.result()

    async def aclose(self) -> None:
        """Cancel what still runs and wait until it is gone. Idempotent."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def abandon(self) -> None:
        """Cancel without waiting: the holder was collected."""
        for task in self._tasks:
            if not task.get_loop().is_closed():
                task.cancel()


async def _answer(one: Tool | None, call: ToolCall, toolbox: Toolbox, limit: float | None, clock: Clock) -> _Answer:
    """Run one call to a value. The cases, in order: no such tool, unfit arguments, time up, exception, result."""
    if one is None:
        known = ", ".join(toolbox.names.wire_names)
        return _failed(f"there is no tool named {call.function.name!r}. Tools: {known}")
    try:
        bound = one.bind(call.function.arguments)
    except ValidationError as error:
        problems = problems_of(error)
        return _failed("the arguments do not fit: " + "; ".join(problems), cause=error)
    scope = clock.timeout(limit)
    try:
        async with scope:
            return _Answer(_text_of(await _run(bound, in_loop=one.is_async)))
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return _failed("it was cancelled from inside", cause=error)
    except Exception as error:
        if scope.expired() and isinstance(error, TimeoutError):
            return _failed(f"it took longer than {limit:g} seconds", cause=error)
        return _failed(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, cause=error)


async def _run(bound: Callable[[], Any], *, in_loop: bool) -> Any:
    result = bound() if in_loop else await asyncio.to_thread(_in_thread, bound)
    return await result if inspect.isawaitable(result) else result


def _in_thread(bound: Callable[[], Any]) -> Any:
    try:
        return bound()
    except StopIteration as error:  # cannot travel through a future: whoever waits would wait for ever
        raise RuntimeError("the function raised StopIteration") from error


def _failed(why: str, *, cause: BaseException | None = None) -> _Answer:
    return _Answer(f"Error: {why}", why.splitlines()[0], cause)


def _text_of(value: Any) -> str:
    """What the model reads: text as it is, everything else as JSON; objects without a JSON form as their `str`."""
    if isinstance(value, str):
        return value
    return to_json(value, fallback=str, bytes_mode="base64", inf_nan_mode="strings").decode()
