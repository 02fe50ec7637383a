"""The user's own code around every attempt, and two pieces of it that come with the package: a log and traces."""

from .attempt import Attempt, current_attempt
from .layers import CallNext, Middleware, chain
from .logged import LOGGED_HEADERS, log_attempts
from .traced import trace_attempts

__all__ = [
    "LOGGED_HEADERS",
    "Attempt",
    "CallNext",
    "Middleware",
    "chain",
    "current_attempt",
    "log_attempts",
    "trace_attempts",
]
