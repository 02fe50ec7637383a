"""A talk on paper."""

import json
from pathlib import Path
from typing import Any

import pytest

from ghmodels_async.conversation import TalkRecord, inconsistency
from ghmodels_async.errors import ConfigurationError
from ghmodels_async.tally import ModelUsage

MESSAGES: list[dict[str, Any]] = [
    {"role": "user", "content": "hi \ud83d é"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "1", "content": "ok"},
    {"role": "assistant", "content": "done"},
]


def record() -> TalkRecord:
    return TalkRecord("openai/gpt-4o", "Be brief.", MESSAGES, ModelUsage(replies=2, prompt_tokens=9))


def test_a_record_survives_a_file_a_text_and_a_dict(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    record().write(path)
    assert TalkRecord.read(path) == record()
    assert TalkRecord.read(str(path)) == record()
    assert TalkRecord.read(record().as_dict()) == record()
    assert TalkRecord.read(json.dumps(record().as_dict())) == record()
    assert [one.name for one in tmp_path.iterdir()] == ["talk.json"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    record().write(path)
    broken = TalkRecord("m", None, [{"role": "user", "content": object()}])
    with pytest.raises(TypeError):
        broken.write(path)
    assert TalkRecord.read(path) == record()
    assert len(list(tmp_path.iterdir())) == 1


def test_unknown_sums_of_a_newer_writer_are_ignored() -> None:
    saved = record().as_dict()
    saved["usage"]["stars"] = 5
    assert TalkRecord.read(saved).usage.prompt_tokens == 9


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": "x"}, "not a saved conversation"),
        ({"version": 2}, "version 2"),
        ({"model": None}, "model or messages"),
        ({"messages": "hi"}, "model or messages"),
        ({"messages": MESSAGES[:2]}, "no results"),
        ({"messages": MESSAGES[2:]}, "result of no call"),
        ({"messages": [MESSAGES[1], MESSAGES[0]]}, r"messages\[1\] comes before all results"),
        ({"messages": [{"content": "hi"}]}, "no known role"),
        ({"messages": ["hi"]}, "no known role"),
    ],
)
def test_what_is_no_talk_is_refused_with_the_reason(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        TalkRecord.read(record().as_dict() | change)


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    for name, data, why in (
        ("gone", None, "No such file"),
        ("bin", b"\xff\xfe", "not text"),
        ("txt", b"hi", "not JSON"),
    ):
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(ConfigurationError, match=why) as caught:
            TalkRecord.read(path)
        assert str(path) in caught.value.checked
    (tmp_path / "list").write_text("[]")
    with pytest.raises(ConfigurationError, match="not a saved conversation"):
        TalkRecord.read(tmp_path / "list")


def test_a_consistent_talk_has_nothing_against_it() -> None:
    assert inconsistency(MESSAGES) is None
    assert inconsistency([]) is None
