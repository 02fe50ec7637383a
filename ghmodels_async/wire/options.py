"""The keyword options of a chat call, typed: what travels in the request, and what only steers the call.

For ``**options: Unpack[ChatCallOptions]``: a misspelt option is then an error to a type checker, and `check_options`
makes it one at run time too, before anything is spent.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

__all__ = [
    "CallOptions",
    "ChatCallOptions",
    "ChatOptions",
    "EmbedOptions",
    "ParseOptions",
    "PhaseSeconds",
    "RunOptions",
    "check_options",
]


class _SamplingOptions(TypedDict, total=False):
    """Fields that go with every kind of call."""

    frequency_penalty: float | None
    logit_bias: Mapping[str, float] | None
    logprobs: bool | None
    max_completion_tokens: int | None
    max_tokens: int | None
    metadata: Mapping[str, str] | None
    modalities: Sequence[str] | None
    n: int | None
    parallel_tool_calls: bool | None
    presence_penalty: float | None
    reasoning_effort: str | None
    seed: int | None
    stop: str | Sequence[str] | None
    stream_options: Mapping[str, Any] | None
    temperature: float | None
    tool_choice: str | Mapping[str, Any] | None
    top_logprobs: int | None
    top_p: float | None
    user: str | None
    extra_body: Mapping[str, Any] | None
    extra_headers: Mapping[str, str] | None


class ChatOptions(_SamplingOptions, total=False):
    """Request fields beside `model`, `messages` and `stream`: every field of `ChatRequest` that a caller may name."""

    response_format: Mapping[str, Any] | None
    tools: Sequence[Mapping[str, Any]] | None


class PhaseSeconds(TypedDict, total=False):
    """Nominal seconds each phase of a call may take; None means no limit."""

    queue: float | None
    connect: float | None
    head: float | None
    first_delta: float | None
    stall: float | None
    total: float | None


class CallOptions(TypedDict, total=False):
    """What steers one call and never travels."""

    deadline: float | None
    """Nominal seconds the whole call may take, waiting included; refused at once if the quota opens later."""
    priority: Literal["interactive", "default", "batch"]
    on_exhausted: Literal["raise", "wait"]
    """What to do when a long quota (a day's) is used up."""
    timeouts: PhaseSeconds


class ChatCallOptions(ChatOptions, CallOptions, total=False):
    """Everything a chat call takes by keyword."""


class RunOptions(_SamplingOptions, CallOptions, total=False):
    """What a run with tools takes by keyword; its tools are an argument of their own."""

    response_format: Mapping[str, Any] | None


class ParseOptions(_SamplingOptions, CallOptions, total=False):
    """What asking for a typed value takes by keyword; the response format follows from the type."""


class EmbedOptions(CallOptions, total=False):
    """What asking for vectors takes by keyword."""

    dimensions: int | None
    """Length of the vectors, for models that can shorten them; None: the model's own."""
    encoding: Literal["base64", "float"] | None
    """How vectors travel. base64 (the default) is a third of what JSON numbers are; None leaves it to the server."""
    concurrency: int
    """How many requests may be pulled and unfinished; each waits for quota like any other call."""
    user: str | None
    extra_body: Mapping[str, Any] | None
    extra_headers: Mapping[str, str] | None


def check_options(options: Mapping[str, object], known: type = ChatCallOptions) -> None:
    """Refuse an option nobody knows.

    Args:
        options: What the caller gave by keyword.
        known: The TypedDict that lists the options of this call.

    Raises:
        TypeError: As Python raises for an unexpected keyword, with the nearest name. Nothing was sent.
    """
    names = known.__annotations__
    for name in options:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "`extra_body` carries fields this library does not know"
            raise TypeError(f"unexpected option {name!r}; {hint}")
