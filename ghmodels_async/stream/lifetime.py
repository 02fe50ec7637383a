"""Where a stream was made, and how a forgotten one is let go."""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Callable

__all__ = ["creation_line", "let_go"]

_PACKAGE = __name__.partition(".")[0]


def creation_line() -> str:
    """File and line, outside this package, that asked for a stream."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def let_go(close: Callable[[], None], loop: asyncio.AbstractEventLoop, created: str, owner: object) -> None:
    """Close a collected stream in the thread its connection belongs to, and tell whoever forgot it.

    Called from ``__del__``: garbage may be collected by any thread, and after the loop is gone.
    """
    try:
        if loop.is_running() and not _runs_here(loop):
            loop.call_soon_threadsafe(close)
        else:
            close()
    except Exception:
        if not loop.is_closed():  # a closed loop has no connections left to free
            raise
    finally:
        why = "was neither read to its end nor closed; use `async with`"
        warnings.warn(f"the ChatStream created at {created} {why}", ResourceWarning, 1, owner)


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
