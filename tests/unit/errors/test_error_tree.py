"""The tree: every class is reachable, says what, why and how, and survives a process boundary whole."""

from __future__ import annotations

import copy
import inspect
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from ghmodels_async import errors
from ghmodels_async.errors import GHModelsError, RateLimitFacts

FACTS = RateLimitFacts("UserByModelByMinute", 10, 60.0, 46.0)
ANSWER: dict[str, Any] = {
    "status": 429,
    "code": "RateLimitReached",
    "request_id": "ABC:123",
    "retry_after": 46.0,
    "body": {"error": {"code": "RateLimitReached"}},
    "model": "openai/gpt-4o",
    "headers": {"retry-after": "46"},
}
# What each class needs beside why, checked and fix. A class that is missing here fails the first test.
NEEDED: dict[str, dict[str, Any]] = {
    "GHModelsError": {},
    "ConfigurationError": {},
    "TokenNotFoundError": {},
    "AdmissionError": {"model": "m"},
    "WouldExceedDeadlineError": {"eta": 43.0, "limit": "UserByModelByMinute", "retry_at": 1.0e9, "model": "m"},
    "QueueFullError": {"queued": 7, "maximum": 5, "limit": "L", "retry_after": 2.0, "model": "m"},
    "RequestTooLargeError": {
        "size": 9_000,
        "maximum": 8_000,
        "status": 413,
        "code": "c",
        "body": {"a": 1},
        "model": "m",
    },
    "PlanError": {"plan": "free", "plans": ("pro", "business"), "model": "m"},
    "ContentError": {"model": "m"},
    "APIError": ANSWER,
    "BadRequestError": {**ANSWER, "param": "temperature"},
    "ContentFilterError": {**ANSWER, "categories": {"violence": "medium"}},
    "ModelUnavailableError": ANSWER,
    "TokenInvalidError": ANSWER,
    "TokenPermissionError": ANSWER,
    "ModelsDisabledError": {**ANSWER, "settings_url": "https://github.com/settings/models"},
    "ModelAccessError": ANSWER,
    "BudgetExceededError": ANSWER,
    "ModelNotFoundError": {**ANSWER, "nearest": ("openai/gpt-4o",)},
    "ServiceRetiredError": {**ANSWER, "alternatives": ("foundry",)},
    "ServerError": ANSWER,
    "RateLimitError": {**ANSWER, "facts": FACTS},
    "QuotaExhaustedError": {**ANSWER, "facts": FACTS, "reset_at": datetime(2026, 11, 23, tzinfo=UTC)},
    "ConnectionFailedError": {"sent": True},
    "RequestTimeoutError": {"phase": "stall", "elapsed": 30.5, "sent": True, "partial": {"text": "half"}},
    "ReplyError": {"partial": {"text": "half"}, "model": "m"},
    "RefusalError": {"partial": {"text": "half"}},
    "LengthLimitError": {"partial": {"text": "half"}},
    "FilteredReplyError": {"partial": {"text": "half"}},
    "InvalidReplyError": {"partial": {"text": "half"}, "problems": ("a: b",), "attempts": 2},
    "ToolError": {"tool": "t", "call_id": "c", "run": {"spent": 1}},
    "ToolRoundsError": {"run": {"spent": 1}},
    "StreamError": {"partial": {"text": "half"}},
    "StreamInterruptedError": {"partial": {"text": "half"}},
    "StreamTruncatedError": {"partial": None},
    "StreamDecodeError": {"partial": {"text": "half"}},
}
CLASSES = {
    name: value for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, GHModelsError)
}


def make(name: str) -> GHModelsError:
    error: GHModelsError = CLASSES[name]("It failed.", checked="one\ntwo", fix="do this", **NEEDED[name])
    return error


def test_every_exported_error_is_covered_here() -> None:
    assert set(CLASSES) == set(NEEDED)


def test_every_error_is_drawn_in_the_tree() -> None:
    drawing = errors.tree.__doc__ or ""
    assert [name for name in CLASSES if name not in drawing] == []


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_an_error_survives_pickling_whole(name: str) -> None:
    before = make(name)
    before.add_note("seen by worker 3")
    try:
        raise before from OSError("a socket that cannot travel")
    except GHModelsError:
        after = pickle.loads(pickle.dumps(before))
    assert type(after) is type(before)
    assert after.__dict__ == before.__dict__
    assert str(after) == str(before)
    assert repr(after) == repr(before)
    assert after.args == before.args
    assert after.__cause__ is None


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_an_error_can_be_copied(name: str) -> None:
    before = make(name)
    for after in (copy.copy(before), copy.deepcopy(before)):
        assert type(after) is type(before)
        assert after.__dict__ == before.__dict__


def test_a_subclass_with_its_own_signature_pickles_too() -> None:
    after = pickle.loads(pickle.dumps(Odd(3)))
    assert (after.number, str(after)) == (3, "odd")


class Odd(GHModelsError):
    def __init__(self, number: int) -> None:
        super().__init__("odd")
        self.number = number


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_the_message_has_why_checked_and_fix(name: str) -> None:
    assert str(make(name)) == "It failed.\nChecked:\n  one\n  two\nTo fix: do this"


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_neither_message_nor_repr_holds_bodies_or_partial_replies(name: str) -> None:
    shown = str(make(name)) + repr(make(name))
    assert "half" not in shown
    assert "'error': {" not in shown


def test_an_error_without_words_still_says_its_name() -> None:
    assert str(GHModelsError()) == "GHModelsError"


def test_parts_that_are_empty_leave_no_line() -> None:
    assert str(GHModelsError("Why.", fix="fix")) == "Why.\nTo fix: fix"


def test_errors_without_a_sentence_make_one_from_their_facts() -> None:
    assert str(errors.WouldExceedDeadlineError(eta=43.0, limit="ByMinute")) == (
        "The deadline would pass first: quota (ByMinute) opens in 43.0 s."
    )
    assert "about 9000 tokens; at most 8000" in str(errors.RequestTooLargeError(size=9000, maximum=8000))
    assert str(errors.RequestTooLargeError()) == "The request is too large."
    assert "'free'" in str(errors.PlanError(plan="free", model="openai/o1"))
    assert "7 calls wait" in str(errors.QueueFullError(queued=7))
    assert "'head' after 2.0 s" in str(errors.RequestTimeoutError(phase="head", elapsed=2.0))


def test_a_timeout_is_a_builtin_timeout_too() -> None:
    assert isinstance(errors.RequestTimeoutError(phase="total", elapsed=1.0), TimeoutError)


def test_a_rate_limit_error_knows_its_limit_either_way() -> None:
    assert errors.RateLimitError(facts=FACTS).limit == "UserByModelByMinute"
    assert errors.RateLimitError(limit="UserByMinute").facts.type == "UserByMinute"


def test_a_reset_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        errors.QuotaExhaustedError(reset_at=datetime(2026, 1, 1))


def test_the_family_relations_are_as_drawn() -> None:
    assert issubclass(errors.TokenNotFoundError, errors.ConfigurationError)
    assert issubclass(errors.QuotaExhaustedError, errors.RateLimitError)
    assert issubclass(errors.ContentFilterError, errors.BadRequestError)
    assert not issubclass(errors.RequestTooLargeError, errors.APIError)
    assert not issubclass(errors.ModelNotFoundError, errors.BadRequestError)
