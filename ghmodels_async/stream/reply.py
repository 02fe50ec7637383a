"""What a call returns: the reply, folded or whole, with how it came about.

A `ChatReply` is a value: immutable, comparable, picklable. Two replies are equal when the server said the same,
however it was cut into chunks and however long it took: `meta` and the raw text do not take part.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, make_dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

from pydantic_core import from_json

from ..catalog import Cost, Multipliers, cost_of
from ..wire import ChatCompletion, Choice, ToolCall, Usage
from .content import split_parts, split_thinking

__all__ = ["ChatReply", "ReplyChoice", "ReplyMeta", "body_of"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReplyMeta:
    """How a reply came about. Durations are nominal seconds; None means it did not happen or nobody measured it.

    Attributes:
        attempts: Requests sent or tried for this reply, at least 1.
        queue_wait: Waiting for quota, over all attempts.
        request_id: The server's id of the last attempt.
        model: The model that was asked for; `ChatReply.model` is what the server says answered.
        sent_at: When the last attempt's bytes left (wall time, aware).
        head_after: From there to the response head.
        first_delta_after: From there to the first content.
        duration: From there to the end of the reply.
        headers: Response headers worth keeping, lower-case names.
        prices: The model's row in the endpoint's price list; None if it has none.
    """

    attempts: int = 1
    queue_wait: float = 0.0
    request_id: str | None = None
    model: str | None = None
    sent_at: datetime | None = None
    head_after: float | None = None
    first_delta_after: float | None = None
    duration: float | None = None
    headers: dict[str, str] = field(default_factory=dict)
    prices: Multipliers | None = None

    def cost(self, usage: Usage | None) -> Cost:
        """What some tokens of this reply's model cost; unknown without usage or without prices."""
        if usage is None:
            return cost_of(None, 0, 0, 0)
        return cost_of(self.prices, usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)


@dataclass(frozen=True, slots=True)
class ReplyChoice:
    """One answer. `content` is the wire's own content where text and reasoning were separated from it, else None."""

    index: int
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    role: str = "assistant"
    logprobs: Any = None
    content: str | None = field(default=None, compare=False)

    @classmethod
    def from_choice(cls, choice: Choice) -> ReplyChoice:
        """Read a choice of a whole completion; reasoning is separated as in a stream."""
        message = choice.message
        content, reasoning = message.content, message.reasoning_content or message.reasoning
        text, separate = "", reasoning if isinstance(reasoning, str) else ""
        inline = ""
        if isinstance(content, list):
            inline, text = split_parts(content)
        elif content:
            inline, text = ("", content) if separate else split_thinking(content)
        made = _SoftChoice(
            choice.index,
            text,
            separate + inline,
            message.refusal or "",
            tuple(message.tool_calls or ()),
            choice.finish_reason or None,
            message.role or "assistant",
            choice.logprobs,
            content if isinstance(content, str) and content != text else None,
        )
        made.__class__ = cls  # frozen from here on
        return made


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A model's reply: whole, or as much of a stream as has been handed out.

    `text`, `reasoning`, `refusal`, `tool_calls` and `finish_reason` are those of the first choice; nearly every reply
    has one. Empty text stands for "none of it".
    """

    choices: tuple[ReplyChoice, ...] = ()
    usage: Usage | None = None
    id: str | None = None
    model: str | None = None
    meta: ReplyMeta = field(default=ReplyMeta(), compare=False)
    #: JSON texts of the chunks whose unknown fields `raw` keeps; empty for a reply that was not streamed.
    chunks: tuple[str, ...] = field(default=(), compare=False, repr=False)
    completion: ChatCompletion | None = field(default=None, compare=False, repr=False)

    @classmethod
    def from_completion(cls, completion: ChatCompletion, meta: ReplyMeta | None = None) -> ChatReply:
        """Make a reply of the body of a non-streamed 200."""
        choices = [ReplyChoice.from_choice(choice) for choice in completion.choices]
        if len(choices) > 1:
            choices.sort(key=lambda choice: choice.index)
        made = _SoftReply(
            tuple(choices),
            completion.usage,
            completion.id or None,
            completion.model or None,
            meta or ReplyMeta(),
            (),
            completion,
        )
        made.__class__ = cls  # frozen from here on
        return made

    @property
    def text(self) -> str:
        return self.choices[0].text if self.choices else ""

    @property
    def reasoning(self) -> str:
        return self.choices[0].reasoning if self.choices else ""

    @property
    def refusal(self) -> str:
        return self.choices[0].refusal if self.choices else ""

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return self.choices[0].tool_calls if self.choices else ()

    @property
    def finish_reason(self) -> str | None:
        return self.choices[0].finish_reason if self.choices else None

    @property
    def cost(self) -> Cost:
        """What the reply cost in token units; unknown without usage or without a row in the price list."""
        return self.meta.cost(self.usage)

    @property
    def raw(self) -> ChatCompletion:
        """The reply in the wire's own shape, unknown fields included; put together anew at each access for a stream.

        For a stream, unknown fields are those of its first chunk, of chunks without choices, and of each choice's last
        text chunk and finishing chunk; where they repeat, the later one that is not empty counts.
        """
        return self.completion or ChatCompletion.model_validate(body_of(self))


def _soft(cls: type[T]) -> type[T]:
    """A frozen class before it is frozen: the same slots, filled and then given the frozen class.

    A frozen dataclass fills a new instance by a call of `object.__setattr__` per field. For one choice and its reply
    that is more than half of what validating their JSON costs.
    """
    slots = [(one.name, Any, one) for one in fields(cls)]  # type: ignore[arg-type]
    twin = make_dataclass(cls.__name__, slots, slots=True, eq=False, repr=False)
    return cast("type[T]", twin)


_SoftChoice, _SoftReply = _soft(ReplyChoice), _soft(ChatReply)

_OWN = frozenset({"choices", "usage", "object", "error", "id", "model"})
_CHOICE_OWN = frozenset({"index", "delta", "finish_reason", "logprobs", "message"})


def body_of(reply: ChatReply) -> dict[str, Any]:
    """A streamed reply as the wire's JSON values, as `ChatReply.raw` describes; what was not said is left out.

    Nothing is validated again: the chunks were when they came.
    """
    body: dict[str, Any] = {"object": "chat.completion"}
    beside: dict[int, dict[str, Any]] = {}
    for text in reply.chunks:
        chunk = from_json(text)
        _lay_over(body, chunk, _OWN)
        for choice in chunk.get("choices") or ():
            _lay_over(beside.setdefault(choice.get("index") or 0, {}), choice, _CHOICE_OWN)
    if reply.id is not None:
        body["id"] = reply.id
    if reply.model is not None:
        body["model"] = reply.model
    body["choices"] = [_choice_body(choice, beside.get(choice.index, {})) for choice in reply.choices]
    if reply.usage is not None:
        body["usage"] = reply.usage.model_dump(mode="json", exclude_none=True)
    return body


def _lay_over(known: dict[str, Any], later: dict[str, Any], own: frozenset[str]) -> None:
    """Where unknown fields repeat, the later one that is not empty counts."""
    for name, value in later.items():
        if name not in own and (value or name not in known):
            known[name] = value


def _choice_body(choice: ReplyChoice, beside: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": choice.role}
    inline = choice.content is not None
    if inline or choice.text:
        message["content"] = choice.content if inline else choice.text
    if choice.refusal:
        message["refusal"] = choice.refusal
    if choice.reasoning and not inline:
        message["reasoning_content"] = choice.reasoning
    if choice.tool_calls:
        message["tool_calls"] = [call.model_dump(mode="json", exclude_none=True) for call in choice.tool_calls]
    known = {"index": choice.index, "message": message}
    if choice.finish_reason is not None:
        known["finish_reason"] = choice.finish_reason
    if choice.logprobs is not None:
        known["logprobs"] = choice.logprobs
    return {**known, **beside}
