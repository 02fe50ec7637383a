"""A type as a response format, and a reply as a value of the type."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from pydantic import TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError

from ..errors import (
    ConfigurationError,
    FilteredReplyError,
    InvalidReplyError,
    LengthLimitError,
    RefusalError,
)
from ..schemas import StrictSchema, problems_of, schema_of, strict_schema, wire_name
from ..stream import ChatReply

__all__ = ["Shape", "response_format", "shape_of"]

T = TypeVar("T")

#: Types whose shape is remembered: building a schema takes about a millisecond, and programs use a handful of types.
_REMEMBERED = 256


class Shape(Generic[T]):
    """One type asked for. Made by `shape_of`.

    Attributes:
        response_format: What a request's `response_format` holds.
        wrapped: Whether the value travels as property ``value`` of an object, because its type is no object.
    """

    def __init__(self, kind: Any, *, name: str | None, strict: bool) -> None:
        label = name or getattr(kind, "__name__", None) or "value"
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(kind)
            schema = schema_of(adapter)
        except PydanticUserError as error:
            raise ConfigurationError(
                f"{label} cannot be asked for: {error.message.splitlines()[0]}",
                fix="Use a pydantic model, or types that have a JSON form",
            ) from error
        done = strict_schema(schema) if strict else _loose(schema)
        self.wrapped = done.wrapped
        self.response_format: dict[str, Any] = {
            "type": "json_schema",
            "json_schema": {"name": wire_name(label), "strict": strict, "schema": done.schema},
        }
        if done.wrapped:
            adapter = TypeAdapter(create_model("Value", value=(kind, ...)))
        self._adapter = adapter

    def read(self, reply: ChatReply, *, model: str | None = None, attempts: int = 1) -> T:
        """Make the value of a whole reply.

        Args:
            reply: What the model answered.
            model: Who was asked, for the message.
            attempts: How many replies were asked for.

        Raises:
            RefusalError: The model refused.
            FilteredReplyError: A content filter cut the reply.
            LengthLimitError: The token limit cut the reply.
            InvalidReplyError: It is not JSON, or does not fit the type.
        """
        _refuse_unfinished(reply, model)
        try:
            value: Any = self._adapter.validate_json(_without_fence(reply.text))
        except ValidationError as error:
            problems = problems_of(error)
            raise InvalidReplyError(
                f"The reply does not fit the type: {problems[0]}",
                partial=reply,
                model=model,
                problems=problems,
                attempts=attempts,
                checked="\n".join(problems),
                fix="Describe the fields better, give reask=, or choose a model with structured output",
            ) from None
        return value.value if self.wrapped else value  # type: ignore[no-any-return]


def shape_of(kind: type[T], *, name: str | None = None, strict: bool = True) -> Shape[T]:
    """How a type is asked for.

    Args:
        kind: A pydantic model, or any type pydantic can describe; what is no object travels inside of one.
        name: Of the schema; None: the type's own.
        strict: Ask the server to hold the model to the schema.

    Raises:
        ConfigurationError: The type has no JSON form, or (with `strict`) no form in the strict subset.
    """
    try:
        return _remembered(cast(Hashable, kind), name, strict)
    except TypeError:  # a type that cannot be hashed, e.g. Annotated[..., a list]
        return Shape(kind, name=name, strict=strict)


def response_format(kind: Any, *, name: str | None = None, strict: bool = True) -> dict[str, Any]:
    """What `response_format` must be to ask for `kind`; for use with `chat`. Raises as `shape_of`."""
    return shape_of(kind, name=name, strict=strict).response_format


@lru_cache(maxsize=_REMEMBERED)
def _remembered(kind: Any, name: str | None, strict: bool) -> Shape[Any]:
    return Shape(kind, name=name, strict=strict)


def _loose(schema: dict[str, Any]) -> StrictSchema:
    """The schema as it is; only the root must be an object, on every server."""
    if schema.get("type") == "object" or "$ref" in schema:
        return StrictSchema(schema)
    definitions = schema.pop("$defs", None)
    root = {"type": "object", "properties": {"value": schema}, "required": ["value"]}
    return StrictSchema(root if definitions is None else {**root, "$defs": definitions}, wrapped=True)


def _refuse_unfinished(reply: ChatReply, model: str | None) -> None:
    """The cases, in order: refused, filtered, cut by length, nothing said."""
    said: dict[str, Any] = {"partial": reply, "model": model, "checked": f"finish reason: {reply.finish_reason}"}
    if reply.refusal:
        raise RefusalError(
            "The model refused to answer.", fix="Rephrase; `error.partial.refusal` has its words", **said
        )
    if reply.finish_reason == "content_filter":
        fix = "Rephrase; `error.partial` has what came before the filter"
        raise FilteredReplyError("A content filter cut the reply off.", fix=fix, **said)
    if reply.finish_reason == "length":
        fix = "Allow more tokens (max_tokens), or ask for less; `error.partial` has the beginning"
        raise LengthLimitError("The token limit cut the reply off.", fix=fix, **said)
    if not reply.text.strip():
        raise InvalidReplyError(
            "The reply is empty.", problems=("the whole: empty",), fix="Repeat the request, or give reask=", **said
        )


def _without_fence(text: str) -> str:
    """The text inside a Markdown fence, if it is in one: models without structured output like to write one."""
    text = text.strip()
    if not text.startswith("```"):
        return text
    return text.partition("\n")[2].removesuffix("```")
