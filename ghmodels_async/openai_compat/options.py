"""Keyword arguments of the `openai` package, as options of this library's calls."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ..wire import ChatCallOptions, EmbedOptions, ParseOptions

__all__ = ["OpenAIChatOptions", "OpenAIParseOptions", "chat_options", "embed_options", "given", "seconds_of"]


class _OpenAIOnly(TypedDict, total=False):
    audio: Any
    function_call: Any
    functions: Any
    moderation: Any
    prediction: Any
    prompt_cache_key: str
    prompt_cache_options: Any
    prompt_cache_retention: str
    safety_identifier: str
    service_tier: str
    store: bool
    verbosity: str
    web_search_options: Any
    extra_query: Mapping[str, Any] | None
    timeout: float | None
    """Nominal seconds the whole call may take, waiting for quota included."""


class OpenAIChatOptions(ChatCallOptions, _OpenAIOnly, total=False):
    """What `chat.completions.create` takes beside `model`, `messages` and `stream`."""


class OpenAIParseOptions(ParseOptions, _OpenAIOnly, total=False):
    """The same for `parse`, whose `response_format` is an argument of its own."""

    tools: Sequence[Mapping[str, Any]] | None


_OURS = frozenset(ChatCallOptions.__annotations__)
#: Fields `openai` 3.54 knows by name and this library does not: they travel as they are.
_CARRIED = frozenset(_OpenAIOnly.__annotations__) - {"extra_query", "timeout"}
_EMBEDDING = frozenset(EmbedOptions.__annotations__) - {"encoding", "concurrency"}


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without `openai`'s placeholders for "not given"."""
    return {name: value for name, value in options.items() if type(value).__name__ not in ("NotGiven", "Omit")}


def chat_options(options: Mapping[str, Any], timeout: float | None) -> dict[str, Any]:
    """Options of `chat` and `stream`.

    Args:
        options: What the caller gave `create`, without model, messages and stream.
        timeout: The face's own, where the call gives none.

    Raises:
        TypeError: A name `openai` does not know either, or `extra_query`. Nothing was sent.
    """
    named = given(options)
    if named.pop("extra_query", None):
        raise TypeError("extra_query is not supported: the profile decides the address; see docs/profiles.md")
    ours: dict[str, Any] = {}
    carried: dict[str, Any] = {}
    seconds = named.pop("timeout", timeout)
    for name, value in named.items():
        if name in _OURS:
            ours[name] = value
        elif name in _CARRIED:
            carried[name] = value
        else:
            near = difflib.get_close_matches(name, _OURS | _CARRIED, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "`extra_body` carries fields nobody knows"
            raise TypeError(f"unexpected option {name!r}; {hint}")
    if carried:
        ours["extra_body"] = carried | dict(ours.get("extra_body") or {})
    if seconds is not None:
        ours.setdefault("deadline", seconds_of(seconds))
    return ours


def embed_options(options: Mapping[str, Any], timeout: float | None) -> tuple[dict[str, Any], bool]:
    """Options of `embed_each`, and whether the caller wants base64 text. A direct question: it waits for no other day.

    Raises:
        TypeError: A name `openai` does not know either, or `extra_query`. Nothing was sent.
    """
    named = given(options)
    packed = named.pop("encoding_format", "float") == "base64"
    seconds = named.pop("timeout", timeout)
    ours: dict[str, Any] = {"priority": "default", "on_exhausted": "raise"}
    for name, value in named.items():
        if name not in _EMBEDDING:
            raise TypeError(f"unexpected option {name!r}; embeddings take {', '.join(sorted(_EMBEDDING))}")
        ours[name] = value
    if seconds is not None:
        ours.setdefault("deadline", seconds_of(seconds))
    return ours, packed


def seconds_of(timeout: Any) -> float:
    """A number of seconds, or an httpx timeout's longest phase."""
    if isinstance(timeout, (int, float)):
        return float(timeout)
    phases = [getattr(timeout, name, None) for name in ("connect", "read", "write", "pool")]
    return float(max((phase for phase in phases if phase is not None), default=600.0))
