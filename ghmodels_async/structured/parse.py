"""`parse`: ask for a value of a type, and ask again with the objections if the reply does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, Unpack, cast

from ..chats import Chats, message_of, messages_of
from ..clock import Clock
from ..deadline import Deadline
from ..errors import InvalidReplyError
from ..stream import ChatReply
from ..tally import ModelUsage
from ..transport import RetryPolicy
from ..wire import ChatCallOptions, Message, ParseOptions, check_options
from .shape import shape_of

__all__ = ["Parsed", "parse", "parse_reply"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """A typed answer with what it cost.

    Attributes:
        value: The answer.
        reply: The reply it came in.
        attempts: Replies asked for, re-asking included.
        usage: Tokens of all of them.
    """

    value: T
    reply: ChatReply
    attempts: int
    usage: ModelUsage


async def parse(
    chats: Chats,
    model: str,
    messages: str | Sequence[Message],
    kind: type[T],
    *,
    reask: int = 0,
    strict: bool = True,
    name: str | None = None,
    clock: Clock | None = None,
    retry: RetryPolicy | None = None,
    **options: Unpack[ParseOptions],
) -> T:
    """Ask for a value of `kind`. Everything as in `parse_reply`; returns the value alone."""
    parsed = await parse_reply(
        chats, model, messages, kind, reask=reask, strict=strict, name=name, clock=clock, retry=retry, **options
    )
    return parsed.value


async def parse_reply(
    chats: Chats,
    model: str,
    messages: str | Sequence[Message],
    kind: type[T],
    *,
    reask: int = 0,
    strict: bool = True,
    name: str | None = None,
    clock: Clock | None = None,
    retry: RetryPolicy | None = None,
    **options: Unpack[ParseOptions],
) -> Parsed[T]:
    """Ask for a value of `kind`, and say what it cost.

    Args:
        chats: The client.
        model: Id of the model.
        messages: A prompt or messages.
        kind: A pydantic model, or any type pydantic can describe.
        reask: How often to send the objections back when a reply does not fit. Each costs a request; refusals and cut
            replies are not asked again.
        strict: Ask the server to hold the model to the schema (a subset of JSON schema). False: the schema is advice,
            free keys and `Any` are allowed.
        name: Of the schema; None: the type's own.
        clock: Nominal time; None: real.
        retry: Another retry policy for the requests.
        options: Request fields and call options. `deadline` covers all requests.

    Raises:
        ConfigurationError: The type cannot be described. Nothing was sent.
        RefusalError, FilteredReplyError, LengthLimitError: The reply ended otherwise; `partial` has it.
        InvalidReplyError: It does not fit, also after `reask` more replies; `problems` says where.
        RequestTimeoutError: The deadline passed between two requests.
        GHModelsError: A request failed.

    Cancellation: safe: the request in flight is closed.
    """
    check_options(options, ParseOptions)
    if reask < 0:
        raise ValueError(f"reask must be at least 0, not {reask}")
    shape = shape_of(kind, name=name, strict=strict)
    asked = messages_of(messages)
    current = cast(ChatCallOptions, {**options, "response_format": shape.response_format})
    deadline = Deadline(options.get("deadline"), clock or Clock())
    usage = ModelUsage()
    attempts = 0
    while True:
        deadline.into(current)
        reply = await chats.chat(model, asked, retry=retry, **current)
        attempts += 1
        usage.add(reply.usage)
        try:
            return Parsed(shape.read(reply, model=model, attempts=attempts), reply, attempts, usage)
        except InvalidReplyError as error:
            if attempts > reask:
                raise
            asked += [message_of(reply), {"role": "user", "content": _objection(error)}]


def _objection(error: InvalidReplyError) -> str:
    places = "\n".join(f"- {problem}" for problem in error.problems)
    return f"That does not fit the schema:\n{places}\nAnswer again with the corrected JSON and nothing else."
