"""A conversation: what was said, what it cost, and the next turn.

A turn is appended to the history when its answer has arrived, with the tool calls and results in between. What becomes
of a turn that was cut (cancelled, abandoned, failed) is `on_interrupt`: ``drop`` forgets it, as if it had not been
asked; ``keep`` keeps the question with what had been answered and whole rounds of tool calls, as a chat window does.
Either way the history is one that a server accepts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Literal, Self, Unpack, cast

from ..chats import Chats, messages_of
from ..clock import Clock
from ..errors import ConfigurationError
from ..stream import ChatReply
from ..tally import ModelUsage
from ..tools import Toolbox, ToolLike, ToolLoop, ToolRun, ToolStream, run_loop
from ..transport import RetryPolicy
from ..wire import ChatCallOptions, Message, RunOptions, Usage, check_options
from .record import TalkRecord, inconsistency
from .trimming import Trimmer
from .turn import Content, Turn, kept_of, question_of

__all__ = ["Conversation"]


class Conversation:
    """A talk with one model. Not for several turns at once: a turn begins when the one before has ended.

    Args:
        chats: The client.
        model: Id of the model; may be changed between turns.
        system: Instruction sent first in every request; may be changed between turns.
        messages: What was said before, in the wire's own shape.
        tools: Functions the model may call in every turn.
        max_rounds: Requests one turn may make.
        tool_timeout: Nominal seconds one tool call may take; None means no limit.
        max_parallel: How many calls of one round may run at once; None means all.
        on_tool_error: Whether the model or the caller is told of a failed tool call.
        input_limit: Tokens one request may have, or a function of the model that says so; None: no limit. Beyond it
            the oldest turns are not sent (see `trimming`).
        on_interrupt: What becomes of a turn that was cut.
        system_role: ``developer`` for models that want it so.
        clock: Nominal time; None: real.
        retry: Another retry policy for the requests.
        options: Request fields and call options for every turn.

    Attributes:
        usage: Tokens of the whole talk, failed turns included as far as the server told.
        last: The last turn's reply, None before the first.
        last_run: The last turn with its rounds and tool calls.
    """

    def __init__(
        self,
        chats: Chats,
        model: str,
        *,
        system: str | None = None,
        messages: Iterable[Message] = (),
        tools: Iterable[ToolLike] = (),
        max_rounds: int = 8,
        tool_timeout: float | None = 60.0,
        max_parallel: int | None = None,
        on_tool_error: Literal["report", "raise"] = "report",
        input_limit: int | Callable[[str], int | None] | None = None,
        on_interrupt: Literal["drop", "keep"] = "drop",
        system_role: Literal["system", "developer"] = "system",
        clock: Clock | None = None,
        retry: RetryPolicy | None = None,
        **options: Unpack[RunOptions],
    ) -> None:
        check_options(options, RunOptions)
        self.model = model
        self.system = system
        self.usage = ModelUsage()
        self.last: ChatReply | None = None
        self.last_run: ToolRun | None = None
        self._chats = chats
        self._history = messages_of(list(messages))
        self._toolbox = Toolbox(tools)
        self._schema_bytes = len(json.dumps(self._toolbox.schemas)) if self._toolbox.tools else 0
        self._rules: dict[str, Any] = {"max_rounds": max_rounds, "on_tool_error": on_tool_error, "retry": retry}
        self._pace: dict[str, Any] = {
            "tool_timeout": tool_timeout,
            "max_parallel": max_parallel,
            "clock": clock or Clock(),
        }
        self._input_limit = input_limit
        self._on_interrupt = on_interrupt
        self._system_role = system_role
        self._options = options
        self._trimmer = Trimmer()
        self._busy = False
        wrong = inconsistency(self._history)
        if wrong is not None:
            raise ConfigurationError(f"The talk cannot go on: {wrong}.", fix="Give messages a server would take")

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The whole talk as plain messages, the instruction first. A copy."""
        return [*self._instruction(), *deepcopy(self._history)]

    @property
    def last_usage(self) -> Usage | None:
        """Tokens of the last reply, None before the first or where the server sent none."""
        return self.last.usage if self.last is not None else None

    @property
    def left_out(self) -> int:
        """How many messages the last request had to leave out."""
        return self._trimmer.left_out

    async def send(self, content: Content, **options: Unpack[RunOptions]) -> ChatReply:
        """Say something and wait for the answer.

        Args:
            content: Text, content parts, or a whole user message.
            options: For this turn only, over the talk's own.

        Raises:
            RuntimeError: Another turn has not ended.
            GHModelsError: As `chat` and `run_tools`. The turn was cut: see `on_interrupt`.

        Cancellation: the request is closed, tool calls are cancelled; the turn was cut.
        """
        check_options(options, RunOptions)
        loop = self.begin(content, options)
        try:
            await run_loop(self._chats, loop, deadline=loop.options.get("deadline"), **self._pace)
        except BaseException:
            self.cut(loop, None)
            raise
        return self.accept(loop)

    def stream(self, content: Content, **options: Unpack[RunOptions]) -> Turn:
        """Say something and watch the answer come. Nothing is sent before the turn is entered or iterated.

        Args as `send`; errors come from the turn.
        """
        check_options(options, RunOptions)
        return Turn(self, lambda: self.begin(content, options))

    def reset(self) -> None:
        """Forget what was said; instruction, tools and what was spent stay."""
        self._refuse_overlap()
        self._history.clear()
        self.last = self.last_run = None

    def to_dict(self) -> dict[str, Any]:
        """The talk as JSON values, for `restore`. Tools are not part of it."""
        return self._record().as_dict()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the talk to a JSON file, whole or not at all. Synchronous, a few milliseconds."""
        self._record().write(path)

    @classmethod
    def restore(cls, chats: Chats, source: str | os.PathLike[str] | Mapping[str, Any], **settings: Any) -> Self:
        """Go on with a saved talk.

        Args:
            chats: The client.
            source: A path that `save` wrote, its JSON text, or what `to_dict` returned.
            settings: As for a new conversation; `model` and `system` win over the saved ones.

        Raises:
            ConfigurationError: It is not a saved talk.
        """
        record = TalkRecord.read(source)
        model, system = settings.pop("model", record.model), settings.pop("system", record.system)
        talk = cls(chats, model, system=system, messages=record.messages, **settings)
        talk.usage = record.usage
        return talk

    # What a turn does to the talk; `Turn` calls these too.

    def begin(self, content: Content, options: RunOptions) -> ToolLoop:
        """Start a turn: the state of its run."""
        self._refuse_overlap()
        merged = cast(ChatCallOptions, {**self._options, **options})
        loop = ToolLoop(
            self.model,
            [*self._instruction(), *self._history, question_of(content)],
            self._toolbox,
            merged,
            fit=self._fit,
            on_reply=self._trimmer.learn,
            **self._rules,
        )
        loop.given -= 1  # the question belongs to what this turn adds
        self._busy = True
        return loop

    def run_of(self, loop: ToolLoop) -> ToolStream:
        """The streamed run of a turn."""
        return ToolStream(self._chats, loop, deadline=loop.options.get("deadline"), **self._pace)

    def accept(self, loop: ToolLoop) -> ChatReply:
        """End a turn well."""
        run = loop.run()
        self._busy = False
        self._history += run.new_messages
        self.usage.include(run.usage)
        self.last_run, self.last = run, run.reply
        return run.reply

    def cut(self, loop: ToolLoop, partial: ChatReply | None) -> None:
        """End a turn that was cut; `partial` is the round that was being streamed."""
        self._busy = False
        self.usage.include(loop.usage)
        if self._on_interrupt == "keep":
            self._history += kept_of(loop, partial)

    def _refuse_overlap(self) -> None:
        if self._busy:
            raise RuntimeError("a turn of this conversation has not ended: read its stream to the end, or close it")

    def _instruction(self) -> list[dict[str, Any]]:
        return [{"role": self._system_role, "content": self.system}] if self.system else []

    def _fit(self, messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        limit = self._input_limit(self.model) if callable(self._input_limit) else self._input_limit
        return self._trimmer.fit(messages, limit, beside=self._schema_bytes)

    def _record(self) -> TalkRecord:
        return TalkRecord(self.model, self.system, deepcopy(self._history), replace(self.usage))
