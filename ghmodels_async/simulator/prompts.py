"""Reading a prompt the way the simulated model does: its text, its size, what stands out in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "count_tokens",
    "last_user_text",
    "names_in",
    "numbers_in",
    "pieces_of",
    "prompt_text",
    "prompt_tokens",
    "text_of",
    "topics_in",
]

#: Tokens one message costs beside its text, and what opens the reply. Source: OpenAI cookbook, "How to count tokens".
_PER_MESSAGE = 3
_PER_REPLY = 3
#: A low-detail image in OpenAI's vision guide; audio has no published figure, so the same is a guess.
_PER_ATTACHMENT = 85

_PIECE = re.compile(r"\s*\w{1,8}|\s*[^\w\s]{1,3}|\s+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_NAME = re.compile(r"\b[A-ZÀ-ÖØ-ÞА-ЯЁ][\w’'-]+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_COMMON_WORDS = (
    "a about again all also am an and any are as at be because been before being both but by can could did do does "
    "down each explain few for from further give had has have here hers him his how if in into is it its just like "
    "make many me more most much must my no nor not of off on once one only or other our out over own please same "
    "say she should so some such tell than that the their them then there these they this those through to too under "
    "until up us use very was we were what when where which while who whom why will with would write you your"
)
_COMMON = frozenset(_COMMON_WORDS.split())


def pieces_of(text: str) -> list[str]:
    """Cut a text into token-like pieces; joined they are the text again."""
    return _PIECE.findall(text)


def count_tokens(text: str) -> int:
    """Roughly what a tokeniser would count: four characters a token, fewer for scripts beyond ASCII."""
    if not text:
        return 0
    size = len(text) if text.isascii() else (len(text) + len(text.encode())) / 2
    return int((size + 3) // 4)


def text_of(content: Any) -> str:
    """The text of a message's content, whether a string or parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        parts = (part.get("text") for part in content if isinstance(part, Mapping))
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def prompt_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """All messages' text, oldest first."""
    return "\n".join(text_of(message.get("content")) for message in messages)


def last_user_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the user said last; "" if nothing."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return text_of(message.get("content"))
    return ""


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Tokens of a whole chat request; tool schemas and response formats count."""
    total = _PER_REPLY
    for message in body["messages"]:
        content = message.get("content")
        total += _PER_MESSAGE + count_tokens(text_of(content))
        if isinstance(content, list):
            total += _PER_ATTACHMENT * sum(1 for part in content if part.get("type") != "text")
        if message.get("tool_calls"):
            total += count_tokens(json.dumps(message["tool_calls"]))
    for field in ("tools", "response_format"):
        if body.get(field):
            total += count_tokens(json.dumps(body[field], ensure_ascii=False))
    return total


def topics_in(text: str, most: int = 6) -> list[str]:
    """The words a reply should be about: the uncommon ones, in order, each once."""
    found: dict[str, str] = {}
    for word in _WORD.findall(text):
        key = word.lower()
        if key not in _COMMON and len(key) > 2:
            found.setdefault(key, word)
            if len(found) == most:
                break
    return list(found.values())


def names_in(text: str) -> list[str]:
    """Capitalised words that do not open a sentence; if there are none, those that do."""
    every = [match for match in _NAME.finditer(text) if match.group().lower() not in _COMMON]
    inner = [match.group() for match in every if not re.search(r"(^|[.!?:\n])\s*$", text[: match.start()])]
    return list(dict.fromkeys(inner or [match.group() for match in every]))


def numbers_in(text: str) -> list[str]:
    """Numbers, as written."""
    return _NUMBER.findall(text)
