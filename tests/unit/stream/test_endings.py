"""`verdict`: one row per way a stream can end."""

from __future__ import annotations

from typing import Any

import pytest
from chat_events import DONE, chunk, event, text

from ghmodels_async.errors import (
    ConnectionFailedError,
    RequestTimeoutError,
    ServerError,
    StreamDecodeError,
    StreamInterruptedError,
    StreamTruncatedError,
)
from ghmodels_async.stream import DeltaDecoder, Fold, StreamOutcome
from ghmodels_async.stream.endings import closed_early, outcome_of, verdict

STOP = chunk(finish="stop")
OPEN_CALL = chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{"}}]})
SLOW = RequestTimeoutError(phase="stall", elapsed=5)
RESET = ConnectionFailedError("reset", sent=True)
WHOLE = b'{"choices": [{"message": {"content": "a"}}]}'

# body, cause, is [DONE] enough, expected error, expected outcome
ROWS: list[tuple[str, bytes, Exception | None, bool, type[Exception] | None, StreamOutcome]] = [
    ("finish reason and [DONE]", text("a") + STOP + DONE, None, False, None, StreamOutcome.COMPLETED),
    ("finish reason only", text("a") + STOP, None, False, None, StreamOutcome.COMPLETED),
    ("finish reason, then reset", text("a") + STOP, RESET, False, None, StreamOutcome.COMPLETED),
    ("finish reason, then stall", text("a") + STOP, SLOW, False, None, StreamOutcome.COMPLETED),
    ("one document", WHOLE, None, False, None, StreamOutcome.COMPLETED),
    ("one document, then reset", WHOLE, RESET, False, None, StreamOutcome.COMPLETED),
    ("[DONE], lenient", text("a") + DONE, None, True, None, StreamOutcome.COMPLETED),
    ("[DONE], strict", text("a") + DONE, None, False, StreamTruncatedError, StreamOutcome.TRUNCATED),
    ("[DONE] alone, lenient", DONE, None, True, StreamTruncatedError, StreamOutcome.TRUNCATED),
    ("nothing", b"", None, True, StreamTruncatedError, StreamOutcome.TRUNCATED),
    ("text only", text("a"), None, True, StreamTruncatedError, StreamOutcome.TRUNCATED),
    ("open call", OPEN_CALL + STOP + DONE, None, True, StreamTruncatedError, StreamOutcome.TRUNCATED),
    ("reset", text("a"), RESET, True, StreamInterruptedError, StreamOutcome.INTERRUPTED),
    ("foreign", text("a"), KeyError("x"), True, StreamInterruptedError, StreamOutcome.INTERRUPTED),
    ("stall", text("a"), SLOW, True, RequestTimeoutError, StreamOutcome.TIMED_OUT),
    ("half a document, stall", WHOLE[:9], SLOW, True, RequestTimeoutError, StreamOutcome.TIMED_OUT),
    ("half a document", WHOLE[:9], None, True, StreamDecodeError, StreamOutcome.FAILED),
    ("no chunk", text("a") + b"data: x\n\n", None, True, StreamDecodeError, StreamOutcome.FAILED),
    ("error frame", text("a") + event({"error": {"x": 1}}), None, True, ServerError, StreamOutcome.FAILED),
    ("error behind the finish", STOP + event({"error": {"x": 1}}), None, True, ServerError, StreamOutcome.FAILED),
]


@pytest.mark.parametrize(("_name", "body", "cause", "lenient", "kind", "outcome"), ROWS, ids=[row[0] for row in ROWS])
def test_each_ending_has_its_verdict(
    _name: str, body: bytes, cause: Any, lenient: bool, kind: type[Exception] | None, outcome: StreamOutcome
) -> None:
    decoder, fold = DeltaDecoder(lambda error: ServerError("reported", body=error)), Fold()
    for delta in [*decoder.feed(body), *decoder.close()]:
        fold.add(delta)
    error = verdict(decoder, cause, fold, done_suffices=lenient)
    assert type(error) is (kind or type(None))
    assert outcome_of(error) is outcome
    if isinstance(error, StreamInterruptedError):
        assert error.__cause__ is cause


def test_each_message_says_what_was_checked_and_what_to_do() -> None:
    decoder, fold = DeltaDecoder(RuntimeError), Fold()
    error = verdict(decoder, None, fold, done_suffices=False)
    assert isinstance(error, StreamTruncatedError)
    assert "without sending anything" in error.why and error.checked and error.fix
    closed = closed_early()
    assert closed.why and closed.checked and closed.fix


def test_a_call_cut_by_the_token_limit_says_how_to_get_it_whole() -> None:
    decoder, fold = DeltaDecoder(RuntimeError), Fold()
    for delta in decoder.feed(OPEN_CALL + chunk(finish="length") + DONE):
        fold.add(delta)
    error = verdict(decoder, None, fold, done_suffices=False)
    assert isinstance(error, StreamTruncatedError) and "output tokens" in error.fix
