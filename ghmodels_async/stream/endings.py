"""How a stream ended: one judgement, in one place, from what was decoded and what went wrong.

In this order:
  an error frame, or bytes that are no chat stream -> the classified error, or StreamDecodeError
  every choice has its finish reason, or the body was one complete JSON document -> finished, whatever the connection
      did afterwards; so is ``[DONE]`` after something was said, where the endpoint is lenient
  a phase took too long -> RequestTimeoutError; the source raised -> StreamInterruptedError
  anything else -> StreamTruncatedError
and a finished reply with a tool call whose JSON is still open is truncated after all: nobody can use that call.
"""

from __future__ import annotations

from ..errors import (
    GHModelsError,
    RequestTimeoutError,
    StreamDecodeError,
    StreamInterruptedError,
    StreamTruncatedError,
)
from .deltas import DeltaDecoder
from .document import BadStreamError
from .fold import Fold
from .source import StreamOutcome

__all__ = ["closed_early", "outcome_of", "verdict"]

_READ = "the whole body of the response"
_AGAIN = "Repeat the request, or use what arrived (`error.partial`)."


def verdict(decoder: DeltaDecoder, cause: Exception | None, fold: Fold, *, done_suffices: bool) -> Exception | None:
    """Judge a stream of which nothing more will come. None means that it ended well; `partial` is the caller's to set.

    Args:
        decoder: What the bytes said.
        cause: What ended the reading, when it was neither the body's end nor its content.
        fold: Everything that was decoded.
        done_suffices: Whether ``[DONE]`` without a finish reason ends a stream well here.
    """
    failure = decoder.failure
    if failure is not None and cause is None:  # with a cause, it is only that the document is not whole
        if not isinstance(failure, BadStreamError):
            return failure
        why = f"The response is not a chat stream: {failure}."
        return StreamDecodeError(why, checked=_READ, fix=_AGAIN)
    if fold.finished or decoder.whole or (decoder.done and done_suffices and fold.begun):
        return _open_call(fold)
    if isinstance(cause, RequestTimeoutError):
        return cause
    if cause is not None:
        return _interrupted(cause)
    if decoder.done:
        why = "The stream ended with [DONE] but without a finish reason."
    elif not fold.begun:
        why = "The server closed the stream without sending anything."
    else:
        why = "The server closed the stream before the reply was finished."
    return StreamTruncatedError(why, checked=_READ, fix=_AGAIN)


def _open_call(fold: Fold) -> StreamTruncatedError | None:
    call = fold.open_call
    if call is None:
        return None
    name, reason = call
    why = f"The reply ended (finish reason {reason!r}) in the middle of the arguments of tool call {name!r}."
    fix = "Allow more output tokens, or repeat the request." if reason == "length" else _AGAIN
    return StreamTruncatedError(why, checked="that every tool call's arguments are whole JSON", fix=fix)


def _interrupted(cause: Exception) -> StreamInterruptedError:
    # The text of a foreign exception may hold anything; its type says enough.
    what = cause.why if isinstance(cause, GHModelsError) else type(cause).__name__
    error = StreamInterruptedError(
        f"The connection broke before the reply was finished: {what}", checked=_READ, fix=_AGAIN
    )
    error.__cause__ = cause
    return error


def closed_early() -> StreamInterruptedError:
    """The error of reading on after this side has let go."""
    return StreamInterruptedError(
        "The stream was closed on this side before the reply was finished.",
        checked="whether the stream is still open",
        fix="Read to the end before closing, or use what arrived (`stream.reply`).",
    )


def outcome_of(error: Exception | None) -> StreamOutcome:
    """What to settle with, given the verdict."""
    if error is None:
        return StreamOutcome.COMPLETED
    if isinstance(error, RequestTimeoutError):
        return StreamOutcome.TIMED_OUT
    if isinstance(error, StreamTruncatedError):
        return StreamOutcome.TRUNCATED
    if isinstance(error, StreamInterruptedError):
        return StreamOutcome.INTERRUPTED
    return StreamOutcome.FAILED
