"""The body of an error answer, whatever shape it has: one small value out of every envelope seen.

Shapes, in the order they are tried: GitHub's and OpenAI's ``{"error": {...}}``, the same inside a list (Google),
``{"error": "text"}`` (Ollama), ``{"message": ...}`` (api.github.com, Mistral, vLLM), ``{"detail": ...}`` (FastAPI), an
HTML page of a proxy, plain text, nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Envelope", "quote", "read_body", "read_error"]

_KEEP_TEXT = 2_000
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
# Shapes of keys that a server may echo in its message. Longest prefixes first.
_SECRET = re.compile(
    r"(github_pat_|gh[pousr]_|sk-or-|sk-|gsk_|csk-|nvapi-|AIza|hf_|Bearer\s+)[A-Za-z0-9_.*\-]{4,}", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an error body says. Every field may be missing; `raw` is what the error keeps as `body`."""

    shape: Literal["json", "html", "text", "empty"]
    raw: Any = None
    error: Mapping[str, Any] | None = None
    code: str | None = None
    message: str | None = None
    type: str | None = None
    param: str | None = None
    status: int | None = None


def read_body(body: bytes, content_type: str = "") -> Envelope:
    """Read an error body. Never raises, whatever the bytes."""
    if not body.strip():
        return Envelope("empty")
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        text = body[: 4 * _KEEP_TEXT].decode("utf-8", "replace").strip()
        if "html" in content_type.lower() or text[:1] == "<":
            import html  # here, because of its table of entities: error pages are rare

            title = _TITLE.search(text)
            return Envelope("html", text[:_KEEP_TEXT], message=quote(html.unescape(title[1])) if title else None)
        return Envelope("text", text[:_KEEP_TEXT], message=quote(text))
    return read_error(parsed)


def read_error(parsed: Any) -> Envelope:
    """Read parsed JSON that is, or holds, an error object."""
    raw = parsed
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    if isinstance(parsed, Mapping) and parsed.get("error"):
        inner = parsed["error"]
        parsed = inner if isinstance(inner, Mapping) else {"message": inner}
    if not isinstance(parsed, Mapping):
        return Envelope("json", raw, message=quote(parsed) if isinstance(parsed, str) else None)
    code = parsed.get("code")
    status = _status(code) or _status(parsed.get("status"))
    return Envelope(
        "json",
        raw,
        error=parsed,
        code=_text(code) if _status(code) is None else None,
        message=_message(parsed),
        type=_text(parsed.get("type"))
        or (_text(parsed.get("status")) if _status(parsed.get("status")) is None else None),
        param=_text(parsed.get("param")),
        status=status,
    )


def quote(text: Any, limit: int = 300) -> str:
    """One line of a server's text, safe to print: no control characters, no keys, at most `limit` characters."""
    line = " ".join(str(text).split())
    line = _SECRET.sub(lambda match: match[1] + "…", "".join(c for c in line if c.isprintable()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _message(error: Mapping[str, Any]) -> str | None:
    for key in ("message", "detail", "error_description", "title"):
        value = error.get(key)
        if isinstance(value, str) and value.strip():
            return quote(value)
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            # FastAPI: each entry also quotes the offending input, which may be the prompt: take `msg` only.
            return quote("; ".join(str(entry.get("msg", "")) for entry in value[:3] if isinstance(entry, Mapping)))
    return None


def _status(value: Any) -> int | None:
    """An HTTP error status written as a number or digits; anything else is a code, not a status."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    return value if isinstance(value, int) and 400 <= value <= 599 else None


def _text(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) and value else None
