"""Typed values out of a reply: the answer, and the arguments of tool calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..errors import InvalidReplyError, RefusalError
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

    def answer(self, reply: ChatReply) -> Any:
        """The typed answer; None where none was asked for, given, or where the model refused. Raises as `parse`."""
        if self._shape is None or reply.tool_calls:
            return None
        try:
            return self._shape.read(reply, model=self._model)
        except RefusalError:
            return None

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
        """The whole reply with its typed values. Raises as `answer` and `arguments`."""
        completion = completion_of(reply)
        for choice in completion.choices[:1]:
            choice.message.parsed = self.answer(reply)
            for call in choice.message.tool_calls or ():
                call.function.parsed_arguments = self.arguments(call.function.name, call.function.arguments, reply)
        return completion


def completion_of(reply: ChatReply) -> Completion:
    """A reply in `openai`'s shape."""
    completion = Completion.model_validate(reply.raw.model_dump(exclude_unset=True))
    completion._request_id = reply.meta.request_id
    return completion


def _kind_of(function: Mapping[str, Any]) -> TypeAdapter[Any] | None:
    model = getattr(function, "model", None)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return TypeAdapter(model)
    return _ANYTHING if function.get("strict") else None
