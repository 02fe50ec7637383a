"""Typed values out of a reply: the answer, and the arguments of tool calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..errors import FilteredReplyError, InvalidReplyError, LengthLimitError
from ..schemas import problems_of
from ..stream import ChatReply
from ..structured import Shape
from .shapes import Completion

__all__ = ["Typing", "completion_of"]

_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


class Typing:
    """What the parts of a reply are to be.

    Args:
        model: Who is asked, for messages.
        shape: Of the answer; None: text.
        tools: As they travel. One made by ``openai.pydantic_function_tool`` knows its class; the arguments of a strict
            one become JSON values.
    """

    def __init__(self, model: str, shape: Shape[Any] | None, tools: Iterable[Mapping[str, Any]]) -> None:
        self._model = model
        self._shape = shape
        functions = [tool.get("function") or {} for tool in tools]
        self._kinds = {function.get("name"): kind for function in functions if (kind := _kind_of(function))}
        self._strict = {function.get("name") for function in functions if function.get("strict")}

    @property
    def typed(self) -> bool:
        """Whether a typed answer was asked for."""
        return self._shape is not None

    def strict(self, name: str) -> bool:
        """Whether a tool's arguments are held to its schema, so that half of them can be read."""
        return name in self._strict

    def answer(self, reply: ChatReply, index: int = 0) -> Any:
        """The typed answer of one choice; None where none was asked for, given, or where the model refused.

        Raises:
            InvalidReplyError: It does not fit. Beside a tool call such words are taken for a remark: None.
        """
        one = _alone(reply, index)
        if self._shape is None or one.refusal or not one.text.strip():
            return None
        try:
            return self._shape.read(one, model=self._model)
        except InvalidReplyError:
            if one.tool_calls:
                return None
            raise

    def refuse_cut(self, reply: ChatReply, index: int = 0, *, always: bool = False) -> None:
        """Refuse a choice that was cut, where values were asked for (or `always`): `openai` hands none out.

        Raises:
            LengthLimitError, FilteredReplyError: With the reply as `partial`.
        """
        if not (always or self.typed or self._kinds):
            return
        one = _alone(reply, index)
        said: dict[str, Any] = {
            "partial": one, "model": self._model, "checked": f"finish reason: {one.finish_reason}"
        }  # fmt: skip
        if one.finish_reason == "length":
            fix = "Allow more tokens (max_tokens), or ask for less; `error.partial` has the beginning"
            raise LengthLimitError("The token limit cut the reply off.", fix=fix, **said)
        if one.finish_reason == "content_filter":
            fix = "Rephrase; `error.partial` has what came before the filter"
            raise FilteredReplyError("A content filter cut the reply off.", fix=fix, **said)

    def arguments(self, name: str, text: str, reply: ChatReply) -> Any:
        """The typed arguments of a call; None for a tool that has no type.

        Raises:
            InvalidReplyError: They do not fit.
        """
        kind = self._kinds.get(name)
        if kind is None:
            return None
        try:
            return kind.validate_json(text or "{}")
        except ValidationError as error:
            problems = problems_of(error)
            raise InvalidReplyError(
                f"The arguments for {name} do not fit: {problems[0]}",
                partial=reply,
                model=self._model,
                problems=problems,
                checked="\n".join(problems),
                fix="Describe the tool's fields better, or ask again",
            ) from None

    def completion(self, reply: ChatReply) -> Completion:
        """The whole reply with the typed values of every choice. Raises as `refuse_cut`, `answer` and `arguments`."""
        completion = completion_of(reply)
        for choice in completion.choices:
            self.refuse_cut(reply, choice.index, always=True)
            choice.message.parsed = self.answer(reply, choice.index)
            for call in choice.message.tool_calls or ():
                call.function.parsed_arguments = self.arguments(call.function.name, call.function.arguments, reply)
        return completion


def completion_of(reply: ChatReply) -> Completion:
    """A reply in `openai`'s shape."""
    completion = Completion.model_validate(reply.raw.model_dump(exclude_unset=True))
    completion._request_id = reply.meta.request_id
    completion._attempts = reply.meta.attempts
    return completion


def _alone(reply: ChatReply, index: int) -> ChatReply:
    """One choice of a reply as a reply."""
    if reply.choices and reply.choices[0].index == index and len(reply.choices) == 1:
        return reply
    chosen = tuple(choice for choice in reply.choices if choice.index == index)
    return replace(reply, choices=chosen, chunks=(), completion=None)


def _kind_of(function: Mapping[str, Any]) -> TypeAdapter[Any] | None:
    model = getattr(function, "model", None)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return TypeAdapter(model)
    return _ANYTHING if function.get("strict") else None
