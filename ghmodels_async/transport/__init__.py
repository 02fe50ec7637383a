"""Requests on the wire: the port, the pool behind it, tokens, and when to try again."""

from .auth import Token, TokenProvider, TokenSource, check_scope, credential_headers, discover_token
from .http import PhaseTimeouts, Request, Response, ResponseHead, Transport
from .policy import Decision, GiveUp, Retry, RetryBudget, RetryPolicy, decide
from .pool import SessionPool
from .retry import FailedAttempt, with_retries

__all__ = [
    "Decision",
    "FailedAttempt",
    "GiveUp",
    "PhaseTimeouts",
    "Request",
    "Response",
    "ResponseHead",
    "Retry",
    "RetryBudget",
    "RetryPolicy",
    "SessionPool",
    "Token",
    "TokenProvider",
    "TokenSource",
    "Transport",
    "check_scope",
    "credential_headers",
    "decide",
    "discover_token",
    "with_retries",
]
