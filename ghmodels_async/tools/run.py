"""`run_tools`: whole replies, tools in between, until the model answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Unpack, cast

from ..chats import Chats, messages_of
from ..clock import Clock
from ..deadline import Deadline
from ..transport import RetryPolicy
from ..wire import ChatCallOptions, Message, RunOptions, check_options
from .calls import CallsInFlight
from .definition import Toolbox, ToolLike
from .loop import Fit, ToolLoop, ToolRun

__all__ = ["run_loop", "run_tools"]


async def run_tools(
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
) -> ToolRun:
    """Chat, call the tools the model asks for, send their results back, until it answers without asking.

    Args:
        chats: The client.
        model: Id of the model.
        messages: A prompt or messages.
        tools: Functions (sync ones run in a thread), pydantic classes with ``__call__``, or `Tool`s.
        max_rounds: Requests the run may make, at least 1; each costs quota.
        tool_timeout: Nominal seconds one call may take unless its tool says otherwise; None means no limit.
        max_parallel: How many calls of one round may run at once; None means all, 1 means one after the other.
        on_tool_error: ``report``: a failed call (unfit arguments, exception, time up, no such tool) is told to the
            model as text, exception messages included. ``raise``: it ends the run.
        fit: Changes the messages of each request, e.g. trims them.
        retry: Another retry policy for the requests.
        clock: Nominal time; None: real.
        options: Request fields and call options for every round. `deadline` covers the whole run.

    Returns:
        The run: last reply, whole exchange, rounds, usage of all rounds, every call.

    Raises:
        ToolError: A call failed and `on_tool_error` is ``raise``; `run` has what was spent.
        ToolRoundsError: The model still asks for tools after `max_rounds` requests.
        LengthLimitError, FilteredReplyError: A reply was cut while asking for tools.
        RequestTimeoutError: The deadline passed.
        GHModelsError: A request failed. Earlier rounds are spent.

    Cancellation: safe: the request in flight is closed, running calls are cancelled and waited for. A sync function
    that has begun runs to its end in its thread; nobody waits for it.
    """
    check_options(options, RunOptions)
    loop = ToolLoop(
        model,
        messages_of(messages),
        Toolbox(tools),
        cast(ChatCallOptions, options),
        max_rounds=max_rounds,
        on_tool_error=on_tool_error,
        fit=fit,
        retry=retry,
    )
    return await run_loop(
        chats,
        loop,
        tool_timeout=tool_timeout,
        max_parallel=max_parallel,
        clock=clock or Clock(),
        deadline=options.get("deadline"),
    )


async def run_loop(
    chats: Chats,
    loop: ToolLoop,
    *,
    tool_timeout: float | None,
    max_parallel: int | None,
    clock: Clock,
    deadline: float | None,
) -> ToolRun:
    """Drive a loop to its end; whatever happens, the loop knows what was spent. As `run_tools`."""
    left = Deadline(deadline, clock)
    while True:
        asked, current = loop.request()
        left.into(current)
        calls = loop.take_reply(await chats.chat(loop.model, asked, retry=loop.retry, **current))
        if not calls:
            return loop.run()
        flight = CallsInFlight(
            calls, loop.toolbox, round=loop.rounds, timeout=tool_timeout, max_parallel=max_parallel, clock=clock
        )
        finished = []
        try:
            while (one := await left.over(flight.next)) is not None:
                error = loop.refuse(one)
                if error is not None:
                    raise error
                finished.append(one)
        finally:
            await flight.aclose()
        loop.take_results(finished)
