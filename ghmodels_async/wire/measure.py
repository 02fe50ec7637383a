"""How much text a request carries: the basis of every token estimate. Pure.

Images and audio do not count: their price in tokens has nothing to do with their bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .request import ChatRequest, EmbeddingsRequest

__all__ = ["message_bytes", "text_bytes", "utf8_bytes", "word_count"]

#: What a server adds around each message; OpenAI's cookbook counts 3 to 4 tokens, about 4 bytes each.
_AROUND = 14


def text_bytes(request: ChatRequest | EmbeddingsRequest) -> int:
    """UTF-8 bytes of everything a model reads as text: messages, tool schemas, a response schema."""
    if not isinstance(request, ChatRequest):  # asked this way round: pydantic answers a "no" in Python
        texts = (request.input,) if isinstance(request.input, str) else request.input
        return sum(_size(text) for text in texts)
    total = 0
    for message in request.messages:
        total += message_bytes(message)
    if request.tools:
        total += _json_bytes(request.tools)
    if request.response_format:
        total += _json_bytes(request.response_format)
    return total


def message_bytes(message: Mapping[str, Any]) -> int:
    """UTF-8 bytes of one message, with what a server adds around it."""
    content, calls = message.get("content"), message.get("tool_calls")
    size = utf8_bytes(content) if isinstance(content, str) else _content_bytes(content)
    return _AROUND + size + (_json_bytes(calls) if calls else 0)


def word_count(value: Any) -> int:
    """Words of all texts in messages or inputs: no tokenizer in use makes one token of two words, so there are more."""
    if isinstance(value, str):
        return len(value.split())
    if isinstance(value, Mapping):
        return sum(word_count(part) for key, part in value.items() if key in ("content", "text"))
    return sum(map(word_count, value)) if isinstance(value, Sequence) else 0


def _content_bytes(content: Any) -> int:
    if isinstance(content, Sequence):
        return sum(_size(part["text"]) for part in content if isinstance(part, Mapping) and "text" in part)
    return 0


def utf8_bytes(text: str) -> int:
    """UTF-8 bytes of one text; half a surrogate pair counts three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _size(text: Any) -> int:
    return utf8_bytes(text) if isinstance(text, str) else 0


def _json_bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
