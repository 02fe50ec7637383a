"""A reply that was asked for whole: what servers get slightly wrong passes, as in a stream."""

import json
from typing import Any

import pytest

from ghmodels_async.stream import read_completion


def reply(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (json.dumps(reply("Straße")).encode(), "Straße"),
        (json.dumps(json.dumps(reply("as a JSON string"))).encode(), "as a JSON string"),
        (json.dumps(reply("cut \ud83d")).encode(), "cut \ufffd"),
        (json.dumps(reply("a\tb"), ensure_ascii=False).encode().replace(b"a\\tb", b"a \xff b"), "a \ufffd b"),
    ],
    ids=["well", "a document inside a string", "half a surrogate pair", "invalid UTF-8"],
)
def test_a_whole_reply_is_read(body: bytes, text: str) -> None:
    assert read_completion(body).choices[0].message.content == text


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"text"', b'{"choices": 5}', b"nul", b"{" * 50_000])
def test_what_is_no_reply_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_completion(body)
