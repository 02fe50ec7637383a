"""Laws of classification: whatever a server answers, there is one typed error, and it leaks nothing."""

from __future__ import annotations

import json
import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ghmodels_async.errors import FaultContext, GHModelsError, RateLimitError, classify, from_error_object

CONTEXT = FaultContext(profile_name="github", title="GitHub Models", model="openai/gpt-4o", token_kind="ghp_")
WORDS = st.sampled_from(["error", "code", "message", "type", "param", "details", "innererror", "metadata",
                         "headers", "reasons", "status", "detail", "violations", "retryDelay",
                         "content_filter_result"])  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["content_filter", "RateLimitReached", "429", "unknown_model", "5s", "api_error", "NaN", "1e400"]),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.one_of(WORDS, TEXTS), inner, max_size=5)),
    max_leaves=20,
)
BODIES = st.one_of(st.binary(max_size=200), JSON.map(lambda value: json.dumps(value).encode()))
NAMES = st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-type", "x-ratelimit-timeremaining", "date",
                         "x-ratelimit-remaining", "x-ratelimit-reset", "content-type", "x-github-sso",
                         "x-request-id", "x-ms-error-code"])  # fmt: skip
HEADERS = st.dictionaries(NAMES, st.one_of(TEXTS, st.integers().map(str), st.floats().map(str)), max_size=6)
WALLS = st.one_of(st.none(), st.floats(min_value=0, max_value=4e9))


def typed(error: Any) -> GHModelsError:
    assert isinstance(error, GHModelsError)
    assert error.why and error.checked and error.fix
    after = pickle.loads(pickle.dumps(error))
    assert str(after) == str(error)
    return error


@given(status=st.integers(100, 599), headers=HEADERS, body=BODIES, wall=WALLS)
def test_any_answer_has_a_typed_error(status: int, headers: dict[str, str], body: bytes, wall: float | None) -> None:
    error = typed(classify(status, headers, body, CONTEXT, wall=wall))
    if isinstance(error, RateLimitError) and error.retry_after is not None:
        assert 0 <= error.retry_after <= 32 * 86_400


@given(error=JSON, headers=HEADERS, wall=WALLS)
def test_any_error_object_has_a_typed_error(error: Any, headers: dict[str, str], wall: float | None) -> None:
    typed(from_error_object(error, headers, CONTEXT, wall=wall))


@given(
    prefix=st.sampled_from(["ghp_", "github_pat_", "gho_", "ghs_", "sk-", "gsk_", "Bearer "]),
    secret=st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=16, max_size=60),
    before=st.text(max_size=12),  # shorter than any secret
    status=st.integers(400, 599),
)
def test_a_key_echoed_by_the_server_is_not_shown(prefix: str, secret: str, before: str, status: int) -> None:
    body = json.dumps({"error": {"message": f"{before} {prefix}{secret} is wrong"}}).encode()
    error = classify(status, {}, body, CONTEXT)
    assert secret not in str(error) + repr(error)


@given(amount=st.integers(1, 10**6), window=st.integers(0, 10**6), wait=st.integers(0, 10**5),
       kind=st.from_regex(r"\A[A-Z][A-Za-z]{1,40}\Z"))  # fmt: skip
def test_every_sentence_of_the_grammar_is_read_back(amount: int, window: int, wait: int, kind: str) -> None:
    message = f"Rate limit of {amount} per {window}s exceeded for {kind}. Please wait {wait} seconds before retrying."
    body = json.dumps({"error": {"code": "RateLimitReached", "message": message}}).encode()
    error = classify(429, {}, body, CONTEXT)
    assert isinstance(error, RateLimitError)
    assert (error.facts.amount, error.facts.window, error.facts.wait, error.facts.type) == (amount, window, wait, kind)
