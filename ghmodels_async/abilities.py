"""What the façade can do with `chat` and `stream`: tools, typed answers, talks, the OpenAI face. Delegations only.

A base class of the client and not part of its file, because signatures and docstrings of seven methods fill a page.
Each method imports its part at its first use: together they were an eighth of what importing the client costs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, Unpack

from .catalog import ContextLimit
from .chats import Backend
from .clock import Clock
from .profiles import Profile
from .transport import RetryPolicy
from .view import LimitsView
from .wire import Message, ParseOptions, RunOptions

if TYPE_CHECKING:
    from .conversation import Conversation
    from .openai_compat import OpenAIFace
    from .structured import ObjectStream
    from .tools import ToolLike, ToolRun, ToolStream

__all__ = ["Abilities"]

T = TypeVar("T")


class _Client(Backend, Protocol):
    """The client these methods belong to."""

    @property
    def clock(self) -> Clock: ...

    @property
    def limits(self) -> LimitsView: ...

    @property
    def profile(self) -> Profile: ...

    @property
    def plan(self) -> str: ...

    def context_limit(self, model: str) -> ContextLimit: ...


class Abilities:
    """Methods of `GitHubModels` that need nothing but its public ones."""

    __slots__ = ()

    async def run_tools(
        self: _Client,
        model: str,
        messages: str | Sequence[Message],
        tools: Iterable[ToolLike],
        *,
        max_rounds: int = 8,
        tool_timeout: float | None = 60.0,
        max_parallel: int | None = None,
        on_tool_error: Literal["report", "raise"] = "report",
        retry: RetryPolicy | None = None,
        **options: Unpack[RunOptions],
    ) -> ToolRun:
        """Chat, call the tools the model asks for, send their results back, until it answers without asking.

        Args, errors and cancellation as `ghmodels_async.tools.run_tools`.
        """
        from .tools import run_tools

        return await run_tools(
            self,
            model,
            messages,
            tools,
            max_rounds=max_rounds,
            tool_timeout=tool_timeout,
            max_parallel=max_parallel,
            on_tool_error=on_tool_error,
            retry=retry,
            clock=self.clock,
            **options,
        )

    def stream_tools(
        self: _Client,
        model: str,
        messages: str | Sequence[Message],
        tools: Iterable[ToolLike],
        *,
        max_rounds: int = 8,
        tool_timeout: float | None = 60.0,
        max_parallel: int | None = None,
        on_tool_error: Literal["report", "raise"] = "report",
        retry: RetryPolicy | None = None,
        **options: Unpack[RunOptions],
    ) -> ToolStream:
        """The same run, streamed: deltas of every round and each call that ended. Creating it sends nothing."""
        from .tools import stream_tools

        return stream_tools(
            self,
            model,
            messages,
            tools,
            max_rounds=max_rounds,
            tool_timeout=tool_timeout,
            max_parallel=max_parallel,
            on_tool_error=on_tool_error,
            retry=retry,
            clock=self.clock,
            **options,
        )

    async def parse(
        self: _Client,
        model: str,
        messages: str | Sequence[Message],
        kind: type[T],
        *,
        reask: int = 0,
        strict: bool = True,
        name: str | None = None,
        retry: RetryPolicy | None = None,
        **options: Unpack[ParseOptions],
    ) -> T:
        """Ask for a value of `kind`: a pydantic model or any type pydantic can describe.

        Args, errors and cancellation as `ghmodels_async.structured.parse_reply`, which also says what it cost.
        """
        from .structured import parse

        return await parse(
            self, model, messages, kind, reask=reask, strict=strict, name=name, retry=retry, clock=self.clock, **options
        )

    def stream_parse(
        self: _Client,
        model: str,
        messages: str | Sequence[Message],
        kind: type[T],
        *,
        strict: bool = True,
        name: str | None = None,
        retry: RetryPolicy | None = None,
        **options: Unpack[ParseOptions],
    ) -> ObjectStream[T]:
        """Ask for a value of `kind` and watch it grow. Creating the stream sends nothing."""
        from .structured import stream_parse

        return stream_parse(self, model, messages, kind, strict=strict, name=name, retry=retry, **options)

    def conversation(
        self: _Client,
        model: str,
        *,
        system: str | None = None,
        messages: Iterable[Message] = (),
        tools: Iterable[ToolLike] = (),
        max_rounds: int = 8,
        tool_timeout: float | None = 60.0,
        max_parallel: int | None = None,
        on_tool_error: Literal["report", "raise"] = "report",
        input_limit: int | None = None,
        on_interrupt: Literal["drop", "keep"] = "drop",
        system_role: Literal["system", "developer"] = "system",
        retry: RetryPolicy | None = None,
        **options: Unpack[RunOptions],
    ) -> Conversation:
        """Begin a talk. Sends nothing.

        Args as `Conversation`; `input_limit` None means what plan and model allow, and what a 413 taught.
        """
        from .conversation import Conversation

        return Conversation(
            self,
            model,
            system=system,
            messages=messages,
            tools=tools,
            max_rounds=max_rounds,
            tool_timeout=tool_timeout,
            max_parallel=max_parallel,
            on_tool_error=on_tool_error,
            input_limit=input_limit if input_limit is not None else lambda name: _input_limit(self, name),
            on_interrupt=on_interrupt,
            system_role=system_role,
            clock=self.clock,
            retry=retry,
            **options,
        )

    def restore(self: _Client, source: str | os.PathLike[str] | Mapping[str, Any], **settings: Any) -> Conversation:
        """Go on with a saved talk, within this client's limits and time. Sends nothing.

        Args:
            source: A path that `Conversation.save` wrote, its JSON text, or what `to_dict` returned.
            settings: As for `conversation`; `model` and `system` win over the saved ones. Tools are code: give them
                anew.

        Raises:
            ConfigurationError: It is not a saved talk.
        """
        from .conversation import Conversation

        own: dict[str, Any] = {"clock": self.clock, "input_limit": lambda name: _input_limit(self, name)}
        return Conversation.restore(self, source, **(own | settings))

    def as_openai(self: _Client, *, timeout: float | None = None) -> OpenAIFace:
        """The face of `openai.AsyncOpenAI` over this client. Closing it closes this client."""
        from .openai_compat import OpenAIFace

        return OpenAIFace(self, timeout=timeout)


def _input_limit(client: _Client, model: str) -> int | None:
    """Tokens one request may have: the plan's cap (or a smaller one that a 413 taught), and the model's context.

    None where neither is known: then the whole talk is sent, and what a 413 says counts from there on.
    """
    try:
        caps = [state.amount for state in client.limits.explain(model) if state.limit == "tokens_in"]
    except RuntimeError:  # no call was made yet
        quota = client.profile.quota_of(model, client.plan)
        caps = [quota.tokens_in] if quota is not None else []
    return min((cap for cap in (*caps, client.context_limit(model).value) if cap is not None), default=None)
