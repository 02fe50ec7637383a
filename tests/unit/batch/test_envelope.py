"""One finished row in the OpenAI batch envelope."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ghmodels_async import errors
from ghmodels_async.batch.envelope import chat_answer, failure_line, fault_of, matches, nothing_sent, success_line
from ghmodels_async.batch.rows import CHAT_URL, Job, RowError
from ghmodels_async.batch.segments import read_head
from ghmodels_async.stream import ChatReply, ReplyMeta
from ghmodels_async.wire import ChatCompletion

JOB = Job(3, 9, 0xAB, "my-id", CHAT_URL, {})


def envelope(line: bytes) -> dict[str, Any]:
    head = read_head(line)
    assert head is not None
    assert (head.row, head.hash) == (3, 0xAB)
    found: dict[str, Any] = json.loads(b"{" + line[head.end :])
    return found


def failed(error: BaseException) -> dict[str, Any]:
    return envelope(failure_line(JOB, error, model="m", attempts=2, finished_at=0.0))


def test_a_success_has_body_usage_times_and_model() -> None:
    completion = ChatCompletion.model_validate(
        {"choices": [{"index": 0, "message": {"content": "ü"}}], "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    )
    meta = ReplyMeta(attempts=2, queue_wait=1.25, request_id="r", model="asked", duration=0.5)
    answer = chat_answer(ChatReply.from_completion(completion, meta), "m", 1_700_000_000.0)
    row = envelope(success_line(JOB, answer, model="m", finished_at=1_700_000_000.0))
    assert row["custom_id"] == "my-id"
    assert row["id"].startswith("batch_req_")
    assert (row["attempts"], row["model"], row["error"]) == (2, "asked", None)
    assert row["times"] == {"finished_at": "2023-11-14T22:13:20.000+00:00", "queue_wait": 1.25, "duration": 0.5}
    body = row["response"]["body"]
    assert (body["object"], body["created"], body["model"], body["id"]) == ("chat.completion", 1_700_000_000, "m", "")
    assert body["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "ü"},
        "finish_reason": "stop",
    }


def test_an_answer_of_400_and_above_stands_in_the_response() -> None:
    body = {"code": "unknown_parameter", "message": "No."}
    row = failed(errors.BadRequestError("No.", status=400, code="unknown_parameter", request_id="r", body=body))
    assert row["response"] == {"status_code": 400, "request_id": "r", "body": {"error": body}}
    assert row["error"] is None
    assert (row["attempts"], row["model"], row["usage"]) == (2, "m", None)


def test_a_body_that_is_whole_is_not_wrapped_again() -> None:
    body = {"error": {"message": "No."}}
    assert failed(errors.ServerError("No.", status=500, body=body))["response"]["body"] == body


def test_a_body_that_is_no_json_is_told_in_words() -> None:
    row = failed(errors.ServerError("The server failed.", status=502, body="<html>"))
    assert row["response"]["body"] == {"error": {"code": "server", "message": "The server failed."}}


def test_a_row_without_an_answer_has_an_error() -> None:
    row = failed(errors.RequestTimeoutError(phase="head", elapsed=3.0))
    assert row["response"] is None
    assert row["error"]["code"] == "timeout"
    assert row["error"]["line"] == 9


def test_a_row_that_is_no_request_says_why() -> None:
    assert failed(RowError(9, "not JSON"))["error"] == {"code": "invalid", "message": "not JSON", "line": 9}


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (errors.ContentFilterError("x", status=400), (400, "content_filter")),
        (errors.QuotaExhaustedError("x"), (0, "quota")),
        (errors.RateLimitError("x", status=429), (429, "rate_limit")),
        (errors.RequestTooLargeError(status=413), (413, "too_large")),
        (errors.ServerError("x", status=503), (503, "server")),
        (errors.ConnectionFailedError("x", sent=True), (0, "connection")),
        (errors.StreamTruncatedError("x"), (0, "stream")),
        (errors.ModelNotFoundError("x", status=404), (404, "refused")),
        (errors.PlanError(plan="free", model="m"), (0, "other")),
    ],
)
def test_every_failure_has_a_status_and_a_name(error: errors.GHModelsError, fault: tuple[int, str]) -> None:
    assert fault_of(error) == fault


@pytest.mark.parametrize(
    ("only", "status", "fault", "meant"),
    [
        ("429", 429, "rate_limit", True),
        ("429", 500, "server", False),
        ("5xx", 503, "server", True),
        ("5xx", 0, "timeout", False),
        ("timeout", 0, "timeout", True),
        ("server", 503, "server", True),
        ("xx", 503, "server", False),
    ],
)
def test_only_takes_statuses_classes_and_names(only: str, status: int, fault: str, meant: bool) -> None:
    assert matches(only, status, fault) is meant


def test_a_failure_has_what_was_checked_and_how_to_fix_it() -> None:
    known = errors.RequestTooLargeError(size=9, maximum=5, checked="9 tokens, at most 5", fix="Shorten it")
    row = failed(known)
    assert (row["checked"], row["fix"]) == ("9 tokens, at most 5", "Shorten it")
    answered = failed(errors.BadRequestError("no", status=400, body={"error": {}}, fix="Ask otherwise"))
    assert (answered["error"], answered["fix"]) == (None, "Ask otherwise")
    assert not {"checked", "fix"} & failed(RowError(9, "not JSON")).keys()


@pytest.mark.parametrize(
    ("error", "unsent", "fault"),
    [
        (RowError(9, "not JSON"), True, (0, "invalid")),
        (errors.BadRequestError("would be refused"), True, (0, "invalid")),
        (errors.BadRequestError("was refused", status=400), False, (400, "refused")),
        (errors.RequestTooLargeError(size=9, maximum=5), True, (0, "too_large")),
        (errors.RequestTooLargeError(status=413), False, (413, "too_large")),
        (errors.ServerError("broke", status=500), False, (500, "server")),
    ],
)
def test_what_was_refused_on_this_side_is_told_from_what_the_server_refused(
    error: BaseException, unsent: bool, fault: tuple[int, str]
) -> None:
    assert (nothing_sent(error), fault_of(error)) == (unsent, fault)
