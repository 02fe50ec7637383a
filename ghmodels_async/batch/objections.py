"""What the endpoint is known to have against one request, as `batch check` says it and a failed row's record has it."""

from __future__ import annotations

from typing import Any

from ghmodels_async import profiles
from ghmodels_async.profiles import Profile
from ghmodels_async.wire import ChatRequest, EmbeddingsRequest

__all__ = ["objections"]


def objections(profile: Profile, request: ChatRequest | EmbeddingsRequest) -> list[str]:
    """A sentence for each field it would refuse: where, what was given, what is allowed. Pure."""
    found = profiles.check(profile, request)
    return [f"{problem.field} = {_short(problem.value)}: {problem.allowed}" for problem in found]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
