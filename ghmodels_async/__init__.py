"""Asynchronous streaming client for quota-bound LLM APIs, with a rate limiter that waits.

Everything a program needs is here; `errors`, `limits`, `stream`, `wire`, `profiles` and `simulator` have the rest.

Names are loaded at their first use (PEP 562): the command line answers `--help` before aiohttp and pydantic wake up.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .bulk import BulkRun, Outcome
    from .client import GitHubModels
    from .clock import Clock
    from .embeddings import EmbeddingsPart, EmbeddingsRun
    from .limits import GateOptions
    from .stream import ChatDelta, ChatReply, ChatStream, ReplyMeta
    from .tally import Tally
    from .terms import Timeouts
    from .transport import RetryPolicy
    from .verification import Check, Verification

__all__ = [
    "BulkRun",
    "ChatDelta",
    "ChatReply",
    "ChatStream",
    "Check",
    "Clock",
    "EmbeddingsPart",
    "EmbeddingsRun",
    "GateOptions",
    "GitHubModels",
    "Outcome",
    "ReplyMeta",
    "RetryPolicy",
    "Tally",
    "Timeouts",
    "Verification",
    "__version__",
]

#: Where each name lives; the imports above, for machines that run. A test compares the two.
_HOMES = {
    "BulkRun": "bulk",
    "ChatDelta": "stream",
    "ChatReply": "stream",
    "ChatStream": "stream",
    "Check": "verification",
    "Clock": "clock",
    "EmbeddingsPart": "embeddings",
    "EmbeddingsRun": "embeddings",
    "GateOptions": "limits",
    "GitHubModels": "client",
    "Outcome": "bulk",
    "ReplyMeta": "stream",
    "RetryPolicy": "transport",
    "Tally": "tally",
    "Timeouts": "terms",
    "Verification": "verification",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
