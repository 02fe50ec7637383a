"""Every error this library raises, as one tree.

GHModelsError
├── ConfigurationError ── TokenNotFoundError
├── AdmissionError (nothing sent) ── WouldExceedDeadlineError · QueueFullError · RequestTooLargeError (also 413) · PlanError · ContentError
├── APIError (an answer >= 400)
│   ├── BadRequestError ── ContentFilterError · ModelUnavailableError
│   ├── TokenInvalidError · TokenPermissionError · ModelsDisabledError · ModelAccessError · BudgetExceededError
│   ├── ModelNotFoundError · ServiceRetiredError (410, terminal) · ServerError
│   └── RateLimitError ── QuotaExhaustedError
├── ConnectionFailedError · RequestTimeoutError (also a builtin TimeoutError)
├── ReplyError(partial) ── RefusalError · LengthLimitError · FilteredReplyError · InvalidReplyError
├── ToolError ── ToolRoundsError
└── StreamError ── StreamInterruptedError · StreamTruncatedError · StreamDecodeError

Each carries `why` it failed, what was `checked` and how to `fix` it (the message is composed of the three), pickles with
all its attributes, and holds facts only: whether to try again is the retry policy's judgement.
"""  # noqa: E501 - the tree is one drawing

from __future__ import annotations

from .answers import (
    APIError,
    BadRequestError,
    BudgetExceededError,
    ContentFilterError,
    ModelAccessError,
    ModelNotFoundError,
    ModelsDisabledError,
    ModelUnavailableError,
    QuotaExhaustedError,
    RateLimitError,
    ServerError,
    ServiceRetiredError,
    TokenInvalidError,
    TokenPermissionError,
)
from .local import (
    AdmissionError,
    ConfigurationError,
    ConnectionFailedError,
    ContentError,
    PlanError,
    QueueFullError,
    RequestTimeoutError,
    RequestTooLargeError,
    StreamDecodeError,
    StreamError,
    StreamInterruptedError,
    StreamTruncatedError,
    TimeoutPhase,
    TokenNotFoundError,
    WouldExceedDeadlineError,
)
from .replies import (
    FilteredReplyError,
    InvalidReplyError,
    LengthLimitError,
    RefusalError,
    ReplyError,
    ToolError,
    ToolRoundsError,
)
from .root import GHModelsError

__all__ = [
    "APIError",
    "AdmissionError",
    "BadRequestError",
    "BudgetExceededError",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContentError",
    "ContentFilterError",
    "FilteredReplyError",
    "GHModelsError",
    "InvalidReplyError",
    "LengthLimitError",
    "ModelAccessError",
    "ModelNotFoundError",
    "ModelUnavailableError",
    "ModelsDisabledError",
    "PlanError",
    "QueueFullError",
    "QuotaExhaustedError",
    "RateLimitError",
    "RefusalError",
    "ReplyError",
    "RequestTimeoutError",
    "RequestTooLargeError",
    "ServerError",
    "ServiceRetiredError",
    "StreamDecodeError",
    "StreamError",
    "StreamInterruptedError",
    "StreamTruncatedError",
    "TimeoutPhase",
    "TokenInvalidError",
    "TokenNotFoundError",
    "TokenPermissionError",
    "ToolError",
    "ToolRoundsError",
    "WouldExceedDeadlineError",
]
