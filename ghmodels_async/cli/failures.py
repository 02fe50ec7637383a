"""An error as a person reads it on stderr, and the exit code that a script reads."""

from __future__ import annotations

import sys

from ghmodels_async import errors

from .screen import tame
from .wording import reworded

__all__ = ["exit_code", "report"]

#: First match wins, so the special stands before the general.
_CODES: tuple[tuple[type[BaseException], int], ...] = (
    # out of quota: try again later, nothing is wrong
    (errors.QuotaExhaustedError, 4),
    (errors.RateLimitError, 4),
    (errors.WouldExceedDeadlineError, 4),
    (errors.QueueFullError, 4),
    # usage or refused plan: the same command can never work
    (errors.ConfigurationError, 2),
    (errors.PlanError, 2),
    (errors.RequestTooLargeError, 2),
    # the server broke down: the work failed, the caller was not refused
    (errors.ServerError, 1),
    # refused by the service
    (errors.APIError, 3),
    (errors.GHModelsError, 1),
)


def exit_code(error: BaseException) -> int:
    """0 well, 1 the work failed, 2 usage or refused plan, 3 refused by the service, 4 out of quota."""
    if isinstance(error, errors.BadRequestError) and error.status is None:
        return 2  # refused on this side, before anything was sent
    return next((code for kind, code in _CODES if isinstance(error, kind)), 1)


def report(error: Exception) -> int:
    """Print why, what was checked and how to fix it on stderr, without a traceback; return the exit code.

    Anything that is not one of our errors is a defect or the operating system: it gets its type and message, and the
    way to see the traceback.
    """
    if isinstance(error, (errors.GHModelsError, OSError)):
        print(tame(f"Error: {reworded(str(error))}", sys.stderr), file=sys.stderr)
    else:
        print(tame(f"Error: {type(error).__name__}: {error}", sys.stderr), file=sys.stderr)
        print("To fix: this is a defect; GHMODELS_TRACEBACK=1 shows where.", file=sys.stderr)
        _show_traceback(error)
    return exit_code(error)


def _show_traceback(error: Exception) -> None:
    import os
    import traceback

    if os.environ.get("GHMODELS_TRACEBACK"):
        traceback.print_exception(error)
