"""The state of one run with tools, without any waiting: replies and results in, the next request out.

    request -> reply -> calls? -> results -> request ...     until a reply asks for no tool, or the rounds are used up

Both ways of running (`run.py` whole replies, `stream.py` deltas) drive this one loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from ..chats import message_of
from ..errors import FilteredReplyError, GHModelsError, LengthLimitError, ToolError, ToolRoundsError
from ..stream import ChatReply
from ..tally import ModelUsage
from ..transport import RetryPolicy
from ..wire import ChatCallOptions, ToolCall, Usage
from .calls import CallRecord, Finished
from .definition import Toolbox

__all__ = ["Fit", "ToolLoop", "ToolRun"]

#: Changes what is sent in a round (e.g. trims it); the run's own messages stay whole.
Fit = Callable[[Sequence[Mapping[str, Any]]], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class ToolRun:
    """How a run with tools ended.

    Attributes:
        reply: The last reply; its `text` is the answer.
        messages: The whole exchange in the wire's own shape, what was given first, the answer last.
        given: How many of `messages` the caller had given.
        rounds: Requests that were answered.
        usage: Tokens of all rounds.
        calls: Every tool call, in the order of the model's asking.
    """

    reply: ChatReply
    messages: list[dict[str, Any]]
    given: int
    rounds: int
    usage: ModelUsage
    calls: tuple[CallRecord, ...] = ()

    @property
    def text(self) -> str:
        """The answer."""
        return self.reply.text

    @property
    def new_messages(self) -> list[dict[str, Any]]:
        """What the run added to the messages it was given."""
        return self.messages[self.given :]


@dataclass(slots=True)
class ToolLoop:
    """One run.

    Args:
        model: The model asked.
        messages: The exchange so far; grows.
        toolbox: The tools.
        options: Options of every request. A forced `tool_choice` holds for the first round only: the model could
            never answer otherwise.
        max_rounds: Requests the run may make, at least 1.
        on_tool_error: Whether the model or the caller is told of a failed call.
        fit: Applied to the messages before each request.
        on_reply: Told the usage of each reply.
        retry: Another retry policy for its requests.
    """

    model: str
    messages: list[dict[str, Any]]
    toolbox: Toolbox
    options: ChatCallOptions
    max_rounds: int = 8
    on_tool_error: Literal["report", "raise"] = "report"
    fit: Fit | None = None
    on_reply: Callable[[Usage | None], object] | None = None
    retry: RetryPolicy | None = None
    rounds: int = 0
    usage: ModelUsage = field(default_factory=ModelUsage)
    calls: list[CallRecord] = field(default_factory=list)
    given: int = 0
    _reply: ChatReply | None = None

    def __post_init__(self) -> None:
        if self.max_rounds < 1:
            raise ValueError(f"max_rounds must be at least 1, not {self.max_rounds}")
        if self.on_tool_error not in ("report", "raise"):
            raise ValueError(f"on_tool_error must be 'report' or 'raise', not {self.on_tool_error!r}")
        self.given = len(self.messages)

    def request(self) -> tuple[list[dict[str, Any]], ChatCallOptions]:
        """Messages and options of the next request."""
        messages = self.toolbox.fit(self.messages)
        if self.fit is not None:
            messages = self.fit(messages)
        options = cast(ChatCallOptions, dict(self.options))
        if self.toolbox.tools:
            options["tools"] = self.toolbox.schemas
            if self.rounds and options.get("tool_choice") not in (None, "auto", "none"):
                del options["tool_choice"]
        return messages, options

    def take_reply(self, reply: ChatReply) -> list[ToolCall]:
        """Count a reply and return the calls it asks for, each with an id; none: the run is over.

        Raises:
            LengthLimitError, FilteredReplyError: It was cut while asking for tools: a call may be missing or half.
            ToolRoundsError: It asks for tools, but the rounds are used up.
        """
        self.rounds += 1
        self._reply = reply
        self.usage.add(reply.usage)
        if self.on_reply is not None:
            self.on_reply(reply.usage)
        message = message_of(reply)
        if not reply.tool_calls:
            self.messages.append(message)
            return []
        self._refuse_cut(reply)
        if self.rounds >= self.max_rounds:
            raise ToolRoundsError(
                f"The model still asks for tools after {self.rounds} rounds.",
                run=self.run(),
                checked=f"max_rounds = {self.max_rounds}",
                fix="Give max_rounds=, or a clearer task; `error.run` has everything up to here",
            )
        calls = [
            call if call.id else call.model_copy(update={"id": f"call_{self.rounds}_{position}"})
            for position, call in enumerate(reply.tool_calls, 1)
        ]
        for written, call in zip(message["tool_calls"], calls, strict=True):
            written["id"] = call.id
        self.messages.append(message)
        return calls

    def take_results(self, finished: Sequence[Finished]) -> None:
        """Append the results of a round, in the order of its calls."""
        for one in sorted(finished, key=lambda each: each.position):
            self.calls.append(one.record)
            self.messages.append({"role": "tool", "tool_call_id": one.record.id, "content": one.record.content})

    def refuse(self, one: Finished) -> ToolError | None:
        """The error to raise for a finished call, if it failed and the caller wants to know."""
        record = one.record
        if record.error is None or self.on_tool_error == "report":
            return None
        self.calls.append(record)
        error = ToolError(
            f"Tool {record.name!r} failed: {record.error}",
            tool=record.name,
            call_id=record.id,
            run=self.run(),
            checked=f"round {record.round} of {self.max_rounds}",
            fix='Repair the tool, or let the model react with on_tool_error="report"',
        )
        error.__cause__ = one.cause
        return error

    def run(self) -> ToolRun:
        """The run as it stands."""
        assert self._reply is not None, "no reply yet"
        return ToolRun(
            self._reply, list(self.messages), self.given, self.rounds, replace(self.usage), tuple(self.calls)
        )

    def _refuse_cut(self, reply: ChatReply) -> None:
        kinds: dict[str | None, type[LengthLimitError | FilteredReplyError]] = {
            "length": LengthLimitError,
            "content_filter": FilteredReplyError,
        }
        kind = kinds.get(reply.finish_reason)
        if kind is not None:
            error: GHModelsError = kind(
                "The reply was cut while it asked for tools; none of them was called.",
                partial=reply,
                model=self.model,
                checked=f"finish reason: {reply.finish_reason}",
                fix="Allow more tokens (max_tokens)" if kind is LengthLimitError else "Rephrase the task",
            )
            raise error
