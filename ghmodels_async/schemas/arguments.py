"""A function's or a pydantic class's arguments: their JSON schema, and JSON text bound to a call.

A model of the parameters is built with positional field names and the parameters' names as aliases, so that no
parameter name can collide with pydantic's own attributes. Only arguments the text names are passed: everything else is
left to the function's defaults.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from ..errors import ConfigurationError
from .docstrings import read_docstring
from .tidy import schema_of

__all__ = ["Arguments", "arguments_of", "problems_of"]

Target = Callable[..., Any]

#: Lines of a validation report; a wrong list of a thousand rows must not become a thousand-line prompt.
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a callable takes.

    Attributes:
        schema: JSON schema of an object, tidy.
        bind: JSON text -> a call without arguments. Raises pydantic.ValidationError.
        is_async: Whether that call returns an awaitable by declaration.
        runs: Whether there is anything to call; False for a pydantic class without ``__call__``.
    """

    schema: dict[str, Any]
    bind: Callable[[str], Callable[[], Any]]
    is_async: bool
    runs: bool = True


def arguments_of(target: Target) -> Arguments:
    """Read what `target` takes.

    Args:
        target: A function, sync or async, a bound method, a `functools.partial`, an object with ``__call__``, or a
            pydantic class: then the arguments are its fields, and calling means calling the validated instance.

    Raises:
        ConfigurationError: A parameter cannot be described to a model, or a type hint cannot be read.
    """
    if isinstance(target, type) and issubclass(target, BaseModel):
        return _model_arguments(target)
    parameters = _parameters_of(target)
    model = _model_of(target, parameters)

    def bind(text: str) -> Callable[[], Any]:
        bound = model.model_validate_json(text or "{}")
        args, kwargs = [], dict(bound.model_extra or {})
        for one in parameters:
            if one.field not in bound.model_fields_set and not one.always:
                continue
            value = getattr(bound, one.field)
            if one.positional:
                args.append(value)
            else:
                kwargs[one.name] = value
        return functools.partial(target, *args, **kwargs)

    return Arguments(schema_of(TypeAdapter(model)), bind, is_async=_is_async(target))


def problems_of(error: ValidationError) -> tuple[str, ...]:
    """What does not fit, one line per place, most twenty lines; inputs are not quoted."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    lines = [f"{'.'.join(str(step) for step in each['loc']) or 'the whole'}: {each['msg']}" for each in found]
    if len(lines) > _MOST_PROBLEMS:
        lines[_MOST_PROBLEMS - 1 :] = [f"and {len(lines) - _MOST_PROBLEMS + 1} more"]
    return tuple(lines)


def _model_arguments(model: type[BaseModel]) -> Arguments:
    call = getattr(model, "__call__", None)  # noqa: B004 - the instance is called, not the class

    def bind(text: str) -> Callable[[], Any]:
        instance: Any = model.model_validate_json(text or "{}")
        return instance  # type: ignore[no-any-return]

    schema = schema_of(TypeAdapter(model))
    schema.pop("description", None)  # the class's docstring describes the tool
    return Arguments(schema, bind, is_async=inspect.iscoroutinefunction(call), runs="__call__" in dir(model))


@dataclass(frozen=True, slots=True)
class _Parameter:
    """One parameter and the model's field that stands for it."""

    name: str
    field: str
    annotation: Any
    default: Any
    positional: bool = False

    @property
    def always(self) -> bool:
        """Whether to pass the default too: positions allow no gap, and a `Field` is no value."""
        return self.positional or isinstance(self.default, FieldInfo)


def _parameters_of(target: Target) -> list[_Parameter]:
    hints, described = _hints(target), read_docstring(inspect.getdoc(_function(target))).parameters
    found: list[_Parameter] = []
    for position, (name, one) in enumerate(inspect.signature(target).parameters.items()):
        if one.kind is one.VAR_POSITIONAL:
            raise _unfit(target, f"the values of *{name} have no names", "Take a list instead.")
        if one.kind is one.VAR_KEYWORD:
            continue
        annotation = _annotated(hints.get(name, Any), Field(alias=name, description=described.get(name)))
        default = ... if one.default is one.empty else one.default
        found.append(_Parameter(name, f"arg_{position}", annotation, default, one.kind is one.POSITIONAL_ONLY))
    return found


def _annotated(hint: Any, ours: FieldInfo) -> Any:
    """`hint` with our field first, so that whatever its author wrote into `Field(...)` wins."""
    inner, *own = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    return Annotated[(inner, ours, *own)]


def _model_of(target: Target, parameters: list[_Parameter]) -> type[BaseModel]:
    open_ended = any(one.kind is one.VAR_KEYWORD for one in inspect.signature(target).parameters.values())
    fields: dict[str, Any] = {one.field: (one.annotation, one.default) for one in parameters}
    try:
        model = create_model(_name(target), __config__=ConfigDict(extra="allow" if open_ended else "forbid"), **fields)
        schema_of(TypeAdapter(model))
    except PydanticUserError as error:
        reason = error.message.splitlines()[0].rstrip(".")
        raise _unfit(target, reason, "Annotate it with types that have a JSON form.") from error
    return model


def _hints(target: Target) -> dict[str, Any]:
    try:
        return get_type_hints(_function(target), include_extras=True)
    except NameError as error:
        raise _unfit(
            target, f"a type hint cannot be read: {error}", "Define or import the type at module level."
        ) from None


def _function(target: Target) -> Callable[..., Any]:
    while isinstance(target, functools.partial):
        target = target.func
    if inspect.isroutine(target):
        return target
    return target.__init__ if isinstance(target, type) else type(target).__call__  # type: ignore[misc]


def _is_async(target: Target) -> bool:
    return inspect.iscoroutinefunction(_function(target))


def _name(target: Target) -> str:
    name = getattr(target, "__name__", None) or getattr(_function(target), "__name__", None)
    return str(name or "arguments")


def _unfit(target: Target, why: str, fix: str) -> ConfigurationError:
    return ConfigurationError(f"{_name(target)}() cannot become a tool: {why}.", fix=fix)
