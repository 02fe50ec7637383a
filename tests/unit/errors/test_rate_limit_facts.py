"""The grammar of 429s: every sentence and header seen in the wild, and what a liar may not do to us."""

from __future__ import annotations

from typing import Any

import pytest

from ghmodels_async.errors import RateLimitFacts, rate_limit_facts
from ghmodels_async.errors.ratelimits import retry_after

SAID = "Rate limit of {} per {}s exceeded for {}. Please wait {} seconds before retrying."


def facts(message: str = "", headers: dict[str, str] | None = None, body: Any = None, wall: float | None = None) -> Any:
    return rate_limit_facts(headers or {}, body, message, wall=wall)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (SAID.format(10, 60, "UserByModelByMinute", 46), RateLimitFacts("UserByModelByMinute", 10, 60, 46)),
        (SAID.format(1, 60, "UserByModelByMinute", 0), RateLimitFacts("UserByModelByMinute", 1, 60, 0)),
        (SAID.format(50, 86400, "UserByModelByDay", 57829), RateLimitFacts("UserByModelByDay", 50, 86400, 57829)),
        (SAID.format(8, 86400, "UserByModelByDay", 4), RateLimitFacts("UserByModelByDay", 8, 86400, 4)),
        (SAID.format(24, 60, "UserByMinute", 9), RateLimitFacts("UserByMinute", 24, 60, 9, scope="account")),
        (
            SAID.format(2, 0, "UserConcurrentRequests", 0),
            RateLimitFacts("UserConcurrentRequests", 2, 0, 0, scope="account", concurrency=True),
        ),
        (
            "Rate limit of 40000 per 60s exceeded for UserByModelByMinuteTokens",
            RateLimitFacts("UserByModelByMinuteTokens", 40000, 60, None, unit="tokens"),
        ),
        (
            SAID.format(50000, 60, "UserByModelByMinuteUncachedInputTokens", 56),
            RateLimitFacts("UserByModelByMinuteUncachedInputTokens", 50000, 60, 56, unit="input_tokens"),
        ),
        (
            "Rate limit of 10 per 60s exceeded for UserByModelByMinute. Please wait 1 second before retrying.",
            RateLimitFacts("UserByModelByMinute", 10, 60, 1),
        ),
        (SAID.format(3, 5, "BrandNewThing", 2), RateLimitFacts("BrandNewThing", 3, 5, 2, scope="account")),
    ],
)
def test_every_sentence_of_github_is_read(sentence: str, expected: RateLimitFacts) -> None:
    assert facts(sentence) == expected


@pytest.mark.parametrize(
    ("sentence", "kind", "amount", "window", "unit", "wait"),
    [
        ("Rate limit reached for gpt-4o in organization org-x on requests per min (RPM): Limit 3, Used 3, Requested 1. "
         "Please try again in 20s.", "RPM", 3, 60, "requests", 20),
        ("Rate limit reached for model `llama-3.1-8b-instant` in organization `o` on tokens per day (TPD): Limit "
         "500000, Used 499000, Requested 2000. Please try again in 2m52.8s.", "TPD", 500000, 86400, "tokens", 172.8),
        ("… on tokens per minute (TPM): Limit 6000, Used 5900, Requested 300. Please try again in 350ms.",
         "TPM", 6000, 60, "tokens", 0.35),
        ("… on requests per hour (RPH): Limit 900, Used 900, Requested 1. Please try again in 1h0m3s.",
         "RPH", 900, 3600, "requests", 3603),
    ],
)  # fmt: skip
def test_openai_and_groq_sentences_are_read(
    sentence: str, kind: str, amount: int, window: float, unit: str, wait: float
) -> None:
    read = facts(sentence)
    assert (read.type, read.amount, read.window, read.unit) == (kind, amount, window, unit)
    assert read.wait == pytest.approx(wait)
    assert read.scope == "model"


def test_azures_plain_request_to_retry_is_read() -> None:
    assert facts("… exceeded token rate limit of your current tier. Please retry after 7 seconds.").wait == 7


def test_googles_details_are_read() -> None:
    body = {
        "code": 429,
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "20"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"},
        ],
    }
    read = facts("You exceeded your current quota", body=body)
    assert (read.type, read.amount, read.wait) == ("GenerateRequestsPerDayPerProjectPerModel-FreeTier", 20, 37)
    assert (read.window, read.scope) == (86400, "model")


def test_openrouters_headers_inside_the_body_are_read() -> None:
    told = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1741305600000"}
    read = facts("Rate limit exceeded: free-models-per-day", body={"metadata": {"headers": told}}, wall=1741305540.0)
    assert (read.amount, read.wait) == (50, 60)


@pytest.mark.parametrize("name", ["UserByModelByDay", "UserByMinute", "UserConcurrentRequests"])
def test_headers_alone_are_enough(name: str) -> None:
    read = facts(headers={"x-ratelimit-type": name, "retry-after": "5", "x-ratelimit-timeremaining": "7"})
    assert (read.type, read.wait) == (name, 5)
    assert read.window == {"UserByModelByDay": 86400, "UserByMinute": 60, "UserConcurrentRequests": 0}[name]
    assert read.concurrency is (name == "UserConcurrentRequests")


def test_the_header_counts_before_the_sentence() -> None:
    read = facts(SAID.format(10, 60, "UserByModelByMinute", 46), {"retry-after": "12", "x-ratelimit-type": "Other"})
    assert (read.type, read.wait, read.amount) == ("Other", 12, 10)


def test_a_wait_of_zero_is_a_fact_and_not_an_absence() -> None:
    assert facts(SAID.format(1, 60, "UserByModelByMinute", 9), {"retry-after": "0"}).wait == 0
    assert retry_after({"retry-after": "0", "x-ratelimit-timeremaining": "60"}) == 0


def test_nothing_said_is_nothing_known() -> None:
    assert facts() == RateLimitFacts()


DATE, LATER = "Sun, 22 Nov 2026 12:00:00 GMT", "Sun, 22 Nov 2026 12:01:30 GMT"


def test_a_date_counts_from_the_servers_own_date_not_from_a_skewed_clock() -> None:
    assert retry_after({"retry-after": LATER, "date": DATE}, wall=0.0) == 90


def test_a_date_counts_from_the_wall_clock_when_the_server_sends_none() -> None:
    assert retry_after({"retry-after": LATER}, wall=1795348800.0) == 90
    assert retry_after({"retry-after": LATER}) is None


def test_a_date_in_the_past_means_now() -> None:
    assert retry_after({"retry-after": DATE, "date": LATER}) == 0


def test_milliseconds_are_read_first() -> None:
    assert retry_after({"retry-after-ms": "1500", "retry-after": "2"}) == 1.5


def test_an_epoch_reset_counts_only_when_nothing_remains() -> None:
    told = {"x-ratelimit-reset": "1795348860", "date": DATE}
    assert retry_after({**told, "x-ratelimit-remaining": "0"}) == 60
    assert retry_after({**told, "x-ratelimit-remaining": "5"}) is None


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e300", "4102444800", "soon", "", "12 apples", "Sun, 99 Nov"])
def test_an_absurd_wait_says_nothing(value: str) -> None:
    assert retry_after({"retry-after": value}, wall=0.0) is None


def test_an_absurd_header_leaves_the_floor_to_the_sentence() -> None:
    assert facts(SAID.format(10, 60, "UserByModelByMinute", 46), {"retry-after": "-5"}).wait == 46


@pytest.mark.parametrize(
    "body",
    [
        {"details": "text"},
        {"details": [None, 3, {"violations": []}, {"violations": [7]}, {"retryDelay": 5}, {"retryDelay": "x"}]},
        {"metadata": {"headers": {"X-RateLimit-Limit": "many", "X-RateLimit-Reset": None, 7: 8}}},
        {"metadata": []},
        [],
        "text",
    ],
)
def test_malformed_bodies_are_ignored(body: object) -> None:
    assert facts("", body=body, wall=0.0).amount is None
