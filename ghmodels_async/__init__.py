"""Asynchronous streaming client for quota-bound LLM APIs, with a rate limiter that waits.

Everything a program needs is here; `errors`, `limits`, `stream`, `wire`, `profiles` and `simulator` have the rest.
"""

from ._version import __version__
from .bulk import BulkRun, Outcome
from .client import GitHubModels
from .clock import Clock
from .limits import GateOptions
from .stream import ChatDelta, ChatReply, ChatStream, ReplyMeta
from .tally import Tally
from .terms import Timeouts
from .transport import RetryPolicy

__all__ = [
    "BulkRun",
    "ChatDelta",
    "ChatReply",
    "ChatStream",
    "Clock",
    "GateOptions",
    "GitHubModels",
    "Outcome",
    "ReplyMeta",
    "RetryPolicy",
    "Tally",
    "Timeouts",
    "__version__",
]
