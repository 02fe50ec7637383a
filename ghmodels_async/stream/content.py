"""What a content says: reasoning and answer, told apart wherever they were written into one field.

Inline: a leading ``<think>...</think>``. Models of the DeepSeek-R1 family put their reasoning into the content itself
where the server does not separate it (GitHub's own documentation shows such a reply; read 2026-11-22). Only a leading
tag counts: an answer that mentions ``<think>`` later is an answer. A tag that is never closed (the token limit struck)
makes everything reasoning. White space around the tags is markup and is dropped; the reasoning and the answer are
otherwise exact.

In parts: Mistral's reasoning models send a list, ``[{"type": "thinking", "thinking": [{"type": "text", ...}]}, ...]``
(docs.mistral.ai, "Reasoning", read 2026-11-22).
"""

from __future__ import annotations

from typing import Any

__all__ = ["ThinkSplitter", "split_parts", "split_thinking"]

_OPEN = "<think>"
_CLOSE = "</think>"
#: So much white space in front is content, not layout of a tag.
_LEADING = 64


class ThinkSplitter:
    """Split one choice's content into (reasoning, text), incrementally: `feed`, then `close`.

    States: *leading* (only white space or part of a tag so far) -> *inside* the tag -> *after* it (white space only)
    -> *answer*; from *leading* straight to *answer* when there is no tag. `answering` tells the last state: from then
    on the content is the text and nobody needs to ask.
    """

    __slots__ = ("_held", "_inside", "_leading", "answering")

    def __init__(self) -> None:
        self._held = ""  # what may yet turn out to be part of a tag, and layout before it
        self._leading = True
        self._inside = False
        self.answering = False

    def feed(self, content: str) -> tuple[str, str]:
        """Return (reasoning, text) that `content` settles; either may be empty."""
        if self.answering:
            return "", content
        content = self._held + content
        self._held = ""
        if self._leading:
            stripped = content.lstrip()
            layout = len(content) - len(stripped) < _LEADING
            if layout and stripped != _OPEN and _OPEN.startswith(stripped):
                self._held = content
                return "", ""
            if not (layout and stripped.startswith(_OPEN)):
                self.answering = True
                return "", content
            self._leading, self._inside = False, True
            content = stripped[len(_OPEN) :]
        return self._think(content)

    def close(self) -> tuple[str, str]:
        """End the content; return what was held back because it might have become a tag."""
        held, self._held = self._held, ""
        self.answering = True
        return (held, "") if self._inside else ("", held)

    def _think(self, content: str) -> tuple[str, str]:
        reasoning = ""
        if self._inside:
            end = content.find(_CLOSE)
            if end < 0:
                keep = _tag_start(content)
                self._held = content[keep:]
                return content[:keep], ""
            self._inside = False
            reasoning, content = content[:end], content[end + len(_CLOSE) :]
        text = content.lstrip()
        self.answering = bool(text)
        return reasoning, text


def _tag_start(content: str) -> int:
    """Where a closing tag may begin that the end of `content` cuts off; its length if nowhere."""
    at = content.rfind("<", max(0, len(content) - len(_CLOSE) + 1))  # the tag has one "<": only the last can begin it
    return at if at >= 0 and _CLOSE.startswith(content[at:]) else len(content)


def split_thinking(content: str) -> tuple[str, str]:
    """Split a whole content into (reasoning, text)."""
    if _OPEN not in content:  # nearly always
        return "", content
    splitter = ThinkSplitter()
    reasoning, text = splitter.feed(content)
    more_reasoning, more_text = splitter.close()
    return reasoning + more_reasoning, text + more_text


def split_parts(parts: list[Any]) -> tuple[str, str]:
    """Join the text of content parts as (reasoning, text). Parts of other kinds stay in the chunk or the completion."""
    reasoning, text = [], []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            text.append(part["text"])
        elif kind == "thinking":
            inner = part.get("thinking")
            if isinstance(inner, list):
                inner = "".join(split_parts(inner))
            reasoning.append(inner if isinstance(inner, str) else "")
    return "".join(reasoning), "".join(text)
