"""A body that is one JSON document although a stream was asked for, read as the chunk that says the same.

Gateways answer so when a model cannot stream, and with an error under status 200; one was seen to send the document as
a JSON string. Also here: values of JSON that no strict parser takes.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json

from ..wire import ChatCompletion, validate_completion

__all__ = ["BadStreamError", "chunk_text", "mended", "read_completion", "read_document"]


class BadStreamError(ValueError):
    """The bytes are not a chat stream. The message says what was wrong, and never quotes what a model wrote."""


def read_document(body: bytes) -> Any:
    """Parse a whole body.

    Raises:
        BadStreamError: It is not JSON.
    """
    text = body.decode("utf-8", "replace")
    if text.startswith("<"):
        raise BadStreamError("the body is an HTML or XML page, not a reply")
    try:
        document = from_json(text)
        return from_json(document) if isinstance(document, str) else document
    except ValueError as error:
        raise BadStreamError(f"the body is neither a stream of events nor JSON ({error})") from None


def read_completion(body: bytes) -> ChatCompletion:
    """Parse a whole reply that was asked for as one: the same oddities pass as in a stream.

    Raises:
        ValueError: It is not one.
    """
    try:
        return validate_completion(body)
    except ValueError:
        text = body.decode("utf-8", "replace")
        document = from_json(mended(text) or text)
        if isinstance(document, str):
            return ChatCompletion.model_validate_json(document)
        return ChatCompletion.model_validate(document)


def chunk_text(completion: dict[str, Any]) -> str:
    """JSON text of the one chunk that says what a whole completion says."""
    choices = []
    for choice in completion["choices"]:
        if isinstance(choice, dict) and isinstance(choice.get("message"), dict):
            message = dict(choice["message"])
            calls = message.get("tool_calls")
            if isinstance(calls, list):
                message["tool_calls"] = [
                    {"index": at, **call} if isinstance(call, dict) else call for at, call in enumerate(calls)
                ]
            choice = {key: value for key, value in choice.items() if key != "message"} | {"delta": message}
        choices.append(choice)
    return json.dumps(completion | {"choices": choices}, ensure_ascii=False)


def mended(text: str) -> str | None:
    r"""JSON text with unpaired surrogate escapes replaced by U+FFFD; None if that is not what is wrong with it.

    A server that escapes to ASCII and cuts between the two halves of a pair (``\ud83d`` ends one chunk, ``\ude00``
    begins the next) writes what the stdlib parser takes and strict ones do not.
    """
    if "\\ud" not in text and "\\uD" not in text:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    flat = json.dumps(value, ensure_ascii=False)
    return flat.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
