"""What a person sees while nothing comes: on the terminal's stderr, after a second, which limit is waited for."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.status import Status

    from ghmodels_async.client import GitHubModels

__all__ = ["Patience", "waiting"]

#: Below this, people feel no wait (Nielsen: one second keeps the flow of thought).
_FIRST_WORD = 1.0


class Patience:
    """The line that says what is waited for. `end` takes it away; afterwards it never comes back."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._status: Status | None = None
        self._ended = False

    def explain(self, reason: str) -> None:
        """Give a reason that is known better than the limits know it."""
        self.reason = reason

    def end(self) -> None:
        """The wait is over: leave the terminal as it was. Idempotent."""
        self._ended = True
        if self._status is not None:
            self._status.stop()
            self._status = None

    def say(self, text: str) -> None:
        """Show `text`, unless the wait is over."""
        if self._ended:
            return
        if self._status is None:
            from rich.console import Console

            self._status = Console(stderr=True).status(text)
            self._status.start()
        self._status.update(text)


@asynccontextmanager
async def waiting(gh: GitHubModels, model: str) -> AsyncIterator[Patience]:
    """Tell a person at a terminal what is waited for until `Patience.end`; say nothing to a pipe."""
    patience = Patience()
    teller = asyncio.create_task(_tell(gh, model, patience)) if sys.stderr.isatty() else None
    try:
        yield patience
    finally:
        patience.end()
        if teller is not None:
            teller.cancel()


async def _tell(gh: GitHubModels, model: str, patience: Patience) -> None:
    await asyncio.sleep(_FIRST_WORD)
    while True:
        patience.say(patience.reason or _reason(gh, model))
        await asyncio.sleep(1)


def _reason(gh: GitHubModels, model: str) -> str:
    try:
        states = gh.limits.explain(model)
    except RuntimeError:  # the token is still being looked for
        return "Looking for a token"
    now = gh.clock.wall()
    opens: list[tuple[datetime, str]] = []
    for state in states:
        if state.limit == "concurrent" and state.scope == "model" and state.used:
            return "Waiting for the model's first word"  # ours is under way: what the limits say is about the next one
        instants = [at for at in (state.next_free_at, state.blocked_until) if at is not None]
        opens += [(max(instants), state.limit)] if instants else []
    if not opens:
        return "Waiting for the model's first word"
    instant, limit = max(opens)
    return f"Waiting for quota: {limit} opens in {max(0.0, instant.timestamp() - now):.0f} s"
