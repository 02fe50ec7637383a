"""Answers as they were recorded, through pool and classification: status, headers, body in; one typed error out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses

from ghmodels_async import errors
from ghmodels_async.errors import FaultContext, GHModelsError, classify
from ghmodels_async.transport import PhaseTimeouts, Request, SessionPool

URL = "https://models.github.ai/inference/chat/completions"
CONTEXT = FaultContext(profile_name="github", title="GitHub Models", model="openai/gpt-4o", request_url=URL)
WALL = 1_795_348_800.0


class RecordedResponse(aiohttp.ClientResponse):
    """aiohttp 3.14 wants the writer of the request's stream, which aioresponses 0.7.9 does not have."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


@pytest.fixture
def service() -> Iterator[aioresponses]:
    with aioresponses() as made:
        yield made


@pytest.fixture
async def pool() -> AsyncIterator[SessionPool]:
    async with SessionPool() as made:
        yield made


async def ask(pool: SessionPool) -> GHModelsError | bytes:
    response = await pool.send(Request("POST", URL, {}, b"{}"), timeouts=PhaseTimeouts(1.0, 1.0))
    body = await response.read()
    response.release()
    if response.head.status == 200:
        return body
    return classify(response.head.status, response.head.headers, body, CONTEXT, wall=WALL)


def record(service: aioresponses, status: int, body: Any, **headers: str) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    service.post(URL, status=status, body=text, headers=names, response_class=RecordedResponse)


def limited(kind: str, amount: int, window: int, wait: int) -> dict[str, Any]:
    said = f"Rate limit of {amount} per {window}s exceeded for {kind}. Please wait {wait} seconds before retrying."
    return {"error": {"code": "RateLimitReached", "message": said, "details": said}}


async def test_a_whole_answer_comes_back(service: aioresponses, pool: SessionPool) -> None:
    record(service, 200, {"choices": []}, Content_Type="application/json")
    assert await ask(pool) == b'{"choices": []}'


@pytest.mark.parametrize(
    ("kind", "amount", "window", "wait"),
    [("UserByModelByMinute", 10, 60, 46), ("UserByMinute", 24, 60, 55), ("UserConcurrentRequests", 2, 0, 0)],
)
async def test_a_429_with_headers_in_any_case(
    service: aioresponses, pool: SessionPool, kind: str, amount: int, window: int, wait: int
) -> None:
    headers = {"Retry_After": str(wait), "X_RateLimit_Type": kind, "x_ratelimit_timeremaining": str(wait)}
    record(service, 429, limited(kind, amount, window, wait), x_ms_error_code="RateLimitReached", **headers)
    error = await ask(pool)
    assert isinstance(error, errors.RateLimitError)
    assert (error.limit, error.retry_after, error.facts.amount) == (kind, wait, amount)
    assert error.headers["x-ms-error-code"] == "RateLimitReached"


async def test_a_day_limit_says_when_it_opens(service: aioresponses, pool: SessionPool) -> None:
    record(service, 429, limited("UserByModelByDay", 8, 86_400, 83_652), Retry_After="83652")
    error = await ask(pool)
    assert isinstance(error, errors.QuotaExhaustedError)
    assert error.reset_at is not None
    assert error.reset_at.timestamp() == WALL + 83_652


async def test_a_day_limit_with_a_date_for_retry_after(service: aioresponses, pool: SessionPool) -> None:
    dates = {"Retry_After": "Mon, 23 Nov 2026 00:00:00 GMT", "Date": "Sun, 22 Nov 2026 00:00:00 GMT"}
    record(service, 429, "", X_RateLimit_Type="UserByModelByDay", **dates)
    error = await ask(pool)
    assert isinstance(error, errors.QuotaExhaustedError)
    assert error.retry_after == 86_400


async def test_the_retirement(service: aioresponses, pool: SessionPool) -> None:
    body = {
        "error": {
            "code": "github_models_retirement_brownout",
            "message": "GitHub Models is temporarily unavailable as part of a scheduled retirement brownout.",
        }
    }
    record(service, 410, body)
    error = await ask(pool)
    assert isinstance(error, errors.ServiceRetiredError)
    assert "GitHub Models is retired" in str(error)


async def test_a_gateways_page(service: aioresponses, pool: SessionPool) -> None:
    record(service, 502, "<html><title>502 Bad Gateway</title></html>", Content_Type="text/html")
    error = await ask(pool)
    assert isinstance(error, errors.ServerError)
    assert "502 Bad Gateway" in str(error)


async def test_what_was_sent_is_recorded(service: aioresponses, pool: SessionPool) -> None:
    record(service, 200, {})
    await ask(pool)
    [[call]] = service.requests.values()
    assert call.kwargs["data"].decode() == "{}"


async def test_a_recorded_failure_to_connect(service: aioresponses, pool: SessionPool) -> None:
    service.post(URL, exception=aiohttp.ClientConnectionResetError("gone"))
    with pytest.raises(errors.ConnectionFailedError):
        await ask(pool)
