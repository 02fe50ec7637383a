"""What of a long talk is sent, when not all of it may be.

The policy, in one sentence: instructions at the beginning and the newest turns are sent, as many whole turns as fit.

A *turn* is a user message with everything up to the next one: answers, tool calls and their results, which therefore
stay together. The newest turn is always sent; if it alone is too large, the request is refused with its size, because
leaving out what was just asked would be worse. The talk's own history is never shortened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..wire import Usage
from ..wire.measure import message_bytes

__all__ = ["Trimmer", "turns_of"]

Message = Mapping[str, Any]

_INSTRUCTIONS = ("system", "developer")
#: Tokens per byte before the first reply: above OpenAI's rule of thumb (0.25) because too much sent is an error.
_FIRST_RATIO = 0.3
#: Share of the limit that is used: the ratio of the next text differs a little from that of the last.
_MARGIN = 0.92


def turns_of(messages: Sequence[Message]) -> tuple[list[Message], list[list[Message]]]:
    """Instructions at the beginning, and the turns after them, oldest first."""
    start = 0
    while start < len(messages) and messages[start].get("role") in _INSTRUCTIONS:
        start += 1
    turns: list[list[Message]] = []
    for message in messages[start:]:
        if message.get("role") == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    # user messages in a row are one question
    joined: list[list[Message]] = []
    for turn in turns:
        if joined and all(message.get("role") == "user" for message in joined[-1]):
            joined[-1].extend(turn)
        else:
            joined.append(turn)
    return list(messages[:start]), joined


class Trimmer:
    """Chooses what to send and learns, from what the server counts, how many tokens a byte is.

    Attributes:
        left_out: Messages not sent the last time.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._ratio = _FIRST_RATIO
        self._sent = 0

    def fit(self, messages: Sequence[Message], limit: int | None, *, beside: int = 0) -> list[dict[str, Any]]:
        """The messages to send.

        Args:
            messages: The whole talk.
            limit: Tokens one request may have; None: send everything.
            beside: Bytes that travel beside the messages, e.g. tool schemas.
        """
        first, turns = turns_of(messages)
        fixed = beside + sum(message_bytes(message) for message in first)
        sizes = [sum(message_bytes(message) for message in turn) for turn in turns]
        start, total = 0, fixed + sum(sizes)
        while limit is not None and start < len(turns) - 1 and total * self._ratio > limit * _MARGIN:
            total -= sizes[start]
            start += 1
        self._sent = total
        kept = [*first, *(message for turn in turns[start:] for message in turn)]
        self.left_out = len(messages) - len(kept)
        return [dict(message) for message in kept]

    def learn(self, usage: Usage | None) -> None:
        """Compare what was sent last with what the server counted."""
        if usage is not None and usage.prompt_tokens and self._sent:
            self._ratio = usage.prompt_tokens / self._sent
