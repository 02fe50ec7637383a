"""Bodies of error answers: every envelope seen, and bytes that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ghmodels_async.errors.envelope import quote, read_body, read_error


def read(value: Any) -> Any:
    return read_body(json.dumps(value).encode())


def test_githubs_envelope_is_read() -> None:
    envelope = read({"error": {"code": "unknown_model", "message": "Unknown model: x", "details": "Unknown model: x"}})
    assert (envelope.shape, envelope.code, envelope.message) == ("json", "unknown_model", "Unknown model: x")


def test_openais_envelope_is_read_with_its_nulls() -> None:
    envelope = read({"error": {"message": "Bad value", "type": "invalid_request_error", "param": "n", "code": None}})
    assert (envelope.code, envelope.type, envelope.param) == (None, "invalid_request_error", "n")


@pytest.mark.parametrize("code", [429, "429"])
def test_a_number_in_the_code_is_a_status(code: object) -> None:
    envelope = read({"error": {"code": code, "message": "slow down"}})
    assert (envelope.code, envelope.status) == (None, 429)


@pytest.mark.parametrize("code", [True, 7, "040", "0429", 99999, None, {}])
def test_other_values_in_the_code_are_no_status(code: object) -> None:
    assert read({"error": {"code": code}}).status is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": "model 'x' not found"}, "model 'x' not found"),
        ({"message": "Not Found", "documentation_url": "https://docs"}, "Not Found"),
        ({"detail": "Authentication failed", "title": "Unauthorized"}, "Authentication failed"),
        ([{"error": {"message": "in a list", "status": "INVALID_ARGUMENT"}}], "in a list"),
        ("a bare string", "a bare string"),
        ({"detail": [{"msg": "field required", "input": "MY SECRET PROMPT"}]}, "field required"),
        ({"error": {"detail": [3], "title": " "}}, None),
        ({}, None), ([], None), (7, None), (None, None), ({"error": None}, None), ({"error": []}, None),
    ],
)  # fmt: skip
def test_other_envelopes_are_read(body: Any, message: str | None) -> None:
    assert read(body).message == message


def test_a_status_word_is_a_type() -> None:
    assert read([{"error": {"code": 400, "status": "INVALID_ARGUMENT"}}]).type == "INVALID_ARGUMENT"


def test_an_html_page_shows_its_title() -> None:
    envelope = read_body(b"<html><head><TITLE>502 Bad\n Gateway &amp; co</TITLE></head></html>", "text/html")
    assert (envelope.shape, envelope.message) == ("html", "502 Bad Gateway & co")
    assert read_body(b"  <!doctype html><p>no title").shape == "html"


def test_text_and_nothing_are_told_apart() -> None:
    assert (read_body(b"upstream timed out").shape, read_body(b"upstream timed out").message) == (
        "text",
        "upstream timed out",
    )
    assert read_body(b" \r\n").shape == "empty"


@pytest.mark.parametrize("body", [b"\xff\xfe\x00{", b"[" * 200_000, b'{"a": 1' + b"0" * 5_000 + b"}", b'{"error": {'])
def test_bytes_that_are_no_json_are_text_and_never_raise(body: bytes) -> None:
    envelope = read_body(body)
    assert envelope.shape in ("text", "json")
    assert len(str(envelope.message)) <= 300


def test_an_error_object_may_come_without_its_wrapper() -> None:
    assert read_error({"code": "content_filter", "message": "no"}).code == "content_filter"


@pytest.mark.parametrize(
    "secret",
    ["ghp_abcdefghijklmnop", "github_pat_11ABC_def", "gho_16charactersss", "sk-proj-1234567890", "Bearer abcdef.ghi",
     "AIzaSyABCDEFG", "gsk_ABCDEFGH", "nvapi-abcdefgh", "sk-or-v1-abcdef"],
)  # fmt: skip
def test_a_key_in_a_servers_sentence_is_cut(secret: str) -> None:
    shown = quote(f"Incorrect API key provided: {secret}. Find yours at …")
    assert secret not in shown
    assert secret[-4:] not in shown


def test_a_quote_is_one_printable_line_of_bounded_length() -> None:
    shown = quote("a\x1b[31m\r\nb\x00" + "c" * 1000)
    assert shown.startswith("a[31m bccc")
    assert len(shown) == 300
    assert shown.isprintable()
