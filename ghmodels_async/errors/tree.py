"""Every error this library raises, as one tree.

GHModelsError
├── ConfigurationError ── TokenNotFoundError
├── AdmissionError (nothing sent) ── WouldExceedDeadlineError · QueueFullError · RequestTooLargeError (also 413) · PlanError
├── APIError (an answer >= 400)
│   ├── BadRequestError ── ContentFilterError · ModelUnavailableError
│   ├── TokenInvalidError · TokenPermissionError · ModelsDisabledError · ModelAccessError · BudgetExceededError
│   ├── ModelNotFoundError · ServiceRetiredError (410, terminal) · ServerError
│   └── RateLimitError ── QuotaExhaustedError
├── ConnectionFailedError · RequestTimeoutError (also a builtin TimeoutError)
└── StreamError ── StreamInterruptedError · StreamTruncatedError · StreamDecodeError
"""
