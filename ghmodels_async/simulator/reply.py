"""A finished reply before it is sent: choices with text or tool calls, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["ChatPlan", "ChoicePlan", "PlannedCall"]


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One tool call; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class ChoicePlan:
    """One choice, cut into the pieces a stream would send."""

    pieces: list[str] = field(default_factory=list)
    calls: list[PlannedCall] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusal: str | None = None
    finish_reason: str = "stop"

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(slots=True)
class ChatPlan:
    """Everything a chat answer says, stream or not."""

    id: str
    model: str
    created: int
    choices: list[ChoicePlan]
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int = 0
    filtered: bool = False
    """Whether content-filter results ride along."""
    usage_in_stream: bool = False
    first_token: float = 0.0
    """Seconds from arrival to the first token."""
    per_token: float = 0.0
    """Seconds between tokens."""

    @property
    def duration(self) -> float:
        """Seconds from arrival to the last token."""
        return self.first_token + self.per_token * max(self.completion_tokens - self.reasoning_tokens, 1)

    def usage(self) -> dict[str, Any]:
        """The usage object, as upstream writes it."""
        return {
            "completion_tokens": self.completion_tokens,
            "completion_tokens_details": {
                "accepted_prediction_tokens": 0,
                "audio_tokens": 0,
                "reasoning_tokens": self.reasoning_tokens,
                "rejected_prediction_tokens": 0,
            },
            "prompt_tokens": self.prompt_tokens,
            "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 0},
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }
