"""An answer on the terminal: as it comes, and what is to be said about its end."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from .screen import tame

if TYPE_CHECKING:
    from ghmodels_async.stream import ChatReply

    from .patience import Patience

__all__ = ["note_ending", "write_answer"]


class _Step(Protocol):
    @property
    def text(self) -> str: ...


async def write_answer(steps: AsyncIterator[_Step], patience: Patience) -> None:
    """Write the text as it comes. However it ends, the line ends too.

    Args:
        steps: Deltas of a stream or steps of a turn.
        patience: Ended by the first text; until then the model is thinking.

    Cancellation: what was written stays.
    """
    last = "\n"
    patience.explain("The model is thinking")
    try:
        async for step in steps:
            if step.text:
                patience.end()
                last = step.text
                sys.stdout.write(tame(last))
                sys.stdout.flush()
    finally:
        patience.end()
        if not last.endswith("\n"):
            sys.stdout.write("\n")
            sys.stdout.flush()


def note_ending(reply: ChatReply) -> None:
    """Say on standard error if the answer is not what was asked for."""
    if reply.refusal:
        print(f"The model refused: {tame(reply.refusal, sys.stderr)}", file=sys.stderr)
    if reply.finish_reason == "length":
        print("The answer was cut: the token limit was reached.", file=sys.stderr)
    elif reply.finish_reason == "content_filter":
        print("The answer was cut by the service's content filter.", file=sys.stderr)
