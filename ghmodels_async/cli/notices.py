"""What the library has to say goes to stderr as one plain line, once."""

from __future__ import annotations

import logging
import sys

from .screen import tame
from .wording import reworded

__all__ = ["show_notices"]

#: Distinct notices remembered; a long batch must not collect them without end.
_REMEMBERED = 1_000


class _Notices(logging.Handler):
    """Prints each distinct message once: a limit that is refused again and again is told of once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = reworded(record.getMessage())
        if text in self._told:
            return
        if len(self._told) < _REMEMBERED:
            self._told.add(text)
        try:
            print(f"{record.levelname.capitalize()}: {tame(text, sys.stderr)}", file=sys.stderr, flush=True)
        except (OSError, ValueError):  # stderr is closed
            pass


def show_notices() -> None:
    """Let warnings of this package appear on stderr. Idempotent."""
    log = logging.getLogger("ghmodels_async")
    if not any(isinstance(handler, _Notices) for handler in log.handlers):
        log.addHandler(_Notices())
        log.propagate = False
