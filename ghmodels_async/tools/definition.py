"""A tool: what a model is told about a function, and how its arguments become a call."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, TypeAdapter

from ..errors import ConfigurationError
from ..schemas import NameTable, arguments_of, read_docstring, strict_schema, tidy, wire_name

__all__ = ["Tool", "ToolLike", "Toolbox", "tool"]

_OBJECT = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Tool:
    """One function a model may call. Made by `tool` or `Tool.from_schema`.

    Attributes:
        name: As its author wrote it; `schema` has it as it travels.
        description: What the model reads.
        parameters: JSON schema of the arguments, an object.
        bind: Arguments as JSON text -> a call without arguments. Raises pydantic.ValidationError.
        is_async: Whether the call is awaited in the event loop; otherwise it runs in a thread.
        runs: Whether there is anything to call.
        timeout: Seconds one call may take; None: what the run says.
        strict: Whether the server is asked to keep the arguments inside the schema.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    bind: Callable[[str], Callable[[], Any]] = field(repr=False)
    is_async: bool = False
    runs: bool = True
    timeout: float | None = None
    strict: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """This tool as an element of a request's `tools`."""
        return self.schema_as(wire_name(self.name))

    def schema_as(self, name: str) -> dict[str, Any]:
        """The same under another wire name."""
        function: dict[str, Any] = {"name": name}
        if self.description:
            function["description"] = self.description
        function["parameters"] = dict(self.parameters)
        if self.strict:
            function["strict"] = True
        return {"type": "function", "function": function}

    @classmethod
    def from_schema(
        cls,
        name: str,
        parameters: Mapping[str, Any],
        call: Callable[[dict[str, Any]], Any],
        *,
        description: str = "",
        timeout: float | None = None,
    ) -> Tool:
        """Make a tool of a schema that is there already, e.g. of an MCP server.

        Args:
            name: Any name; what travels is made fit for it.
            parameters: JSON schema of an object. Arguments are checked for being an object, not against it.
            call: Called with the arguments as a dict, sync or async.
            description: What the model reads.
            timeout: Seconds one call may take.
        """

        def bind(text: str) -> Callable[[], Any]:
            return functools.partial(call, _OBJECT.validate_json(text or "{}"))

        is_async = inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004
        return cls(name, description, tidy(dict(parameters)), bind, is_async=is_async, timeout=timeout)


ToolLike = Tool | Callable[..., Any] | type[BaseModel]


def tool(
    target: Callable[..., Any] | type[BaseModel],
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    strict: bool = False,
) -> Tool:
    """Make a tool of a function or a pydantic class.

    Args:
        target: A function, sync (it will run in a thread) or async; its type hints become the schema, its docstring the
            descriptions (Google style). Or a pydantic class: its fields are the arguments, and running it calls the
            validated instance, which needs ``__call__`` for that.
        name: Instead of the target's own.
        description: Instead of the docstring's text before the first section.
        timeout: Seconds one call may take; None: what the run says.
        strict: Ask the server to keep arguments inside the schema (the strict subset; see `structured`).

    Raises:
        ConfigurationError: A parameter cannot be described to a model. Nothing was sent.
    """
    arguments = arguments_of(target)
    inner = target
    while isinstance(inner, functools.partial):
        inner = inner.func
    own = getattr(inner, "__name__", None) or type(inner).__name__
    if description is None:
        described = inner if inspect.isroutine(inner) or isinstance(inner, type) else type(inner).__call__
        doc = None if described is BaseModel else described.__doc__
        description = read_docstring(doc).summary
    parameters = strict_schema(arguments.schema).schema if strict else arguments.schema
    return Tool(
        name or own,
        description,
        parameters,
        arguments.bind,
        is_async=arguments.is_async,
        runs=arguments.runs,
        timeout=timeout,
        strict=strict,
    )


class Toolbox:
    """The tools of one run under names that travel and are unique.

    Args:
        tools: Tools, functions or pydantic classes. The same name twice is kept apart by a suffix.

    Raises:
        ConfigurationError: Something that is no tool, or a class without anything to call.
    """

    def __init__(self, tools: Iterable[ToolLike]) -> None:
        self.tools: Sequence[Tool] = [one if isinstance(one, Tool) else _made(one) for one in tools]
        for one in self.tools:
            if not one.runs:
                raise ConfigurationError(
                    f"Tool {one.name!r} cannot be run: the class has no __call__.",
                    checked="the classes given as tools",
                    fix="Give the class a __call__ method (sync or async), or pass a function that takes it",
                )
        self.names = NameTable(one.name for one in self.tools)
        self._by_wire = dict(zip(self.names.wire_names, self.tools, strict=True))

    @property
    def schemas(self) -> list[dict[str, Any]]:
        """What a request's `tools` holds."""
        return [one.schema_as(name) for name, one in self._by_wire.items()]

    def find(self, name: str) -> Tool | None:
        """The tool a model means: by its wire name, or by its own name, which some models fall back to."""
        return self._by_wire.get(name) or self._by_wire.get(self.names.to_wire(name))

    def fit(self, messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Copies of messages whose earlier tool calls carry names that may travel, e.g. a history from elsewhere."""
        return [self._fit(message) for message in messages]

    def _fit(self, message: Mapping[str, Any]) -> dict[str, Any]:
        calls = message.get("tool_calls")
        if not calls:
            return dict(message)
        return {**message, "tool_calls": [self._fit_call(call) for call in calls]}

    def _fit_call(self, call: Any) -> Any:
        call = call.model_dump(exclude_none=True) if isinstance(call, BaseModel) else call
        function = call.get("function") or {}
        name = function.get("name", "")
        fit = name if name in self._by_wire else self.names.to_wire(name)
        return call if fit == name else {**call, "function": {**function, "name": fit}}


def _made(target: Any) -> Tool:
    if not callable(target):
        given = json.dumps(target, default=repr)[:60] if isinstance(target, Mapping) else type(target).__name__
        raise ConfigurationError(
            f"{given} is no tool.",
            checked="the tools of the run",
            fix="Give functions, pydantic classes with __call__, or Tool.from_schema(name, parameters, call)",
        )
    return tool(target)
