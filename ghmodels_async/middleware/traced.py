"""OpenTelemetry: one client span per attempt and the client metrics, by the GenAI semantic conventions.

The only door to opentelemetry, and only its API: which SDK, exporter and sampling there are is the program's affair.
Prompts and replies are never recorded, nor what an error says: a server's sentence may quote the prompt.

Source: OpenTelemetry semantic conventions for generative AI, spans and metrics, "development" status (names as in
opentelemetry-semantic-conventions 0.66b2, read 2026-11-22). What they have no name for is under ``ghmodels.``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ghmodels_async._version import __version__
from ghmodels_async.errors import APIError, ConfigurationError, RequestTooLargeError
from ghmodels_async.transport import Request, Response
from ghmodels_async.wire import ChatRequest, EmbeddingsRequest

from .attempt import Attempt, current_attempt
from .layers import CallNext, Middleware

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Span, Tracer, TracerProvider

__all__ = ["trace_attempts"]

#: Profile -> well-known provider name where there is one; else the profile's own name.
_PROVIDERS = {
    "foundry": "azure.ai.inference",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "github": "github_models",
    "github-legacy": "github_models",
}
#: Request fields that have an attribute; lists become tuples.
_PARAMETERS = {
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_tokens": "gen_ai.request.max_tokens",
    "n": "gen_ai.request.choice.count",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "stop": "gen_ai.request.stop_sequences",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "dimensions": "gen_ai.embeddings.dimension.count",
}
_OUTPUT_TYPES = {"json_object": "json", "json_schema": "json", "text": "text"}
#: Bucket bounds the conventions advise, in seconds and tokens.
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(4**power for power in range(14))


def trace_attempts(
    tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
) -> Middleware:
    """Make a middleware that records a span and metrics for every attempt.

    Args:
        tracer_provider: None: the program's global one.
        meter_provider: None: the program's global one.

    Raises:
        ConfigurationError: opentelemetry-api is not installed.
    """
    try:
        from opentelemetry import metrics, trace
    except ImportError:
        raise ConfigurationError(
            "OpenTelemetry cannot be imported.",
            checked="package opentelemetry-api",
            fix="pip install 'ghmodels-async[otel]'",
        ) from None
    tracer = trace.get_tracer("ghmodels_async", __version__, tracer_provider)
    record = _Metrics(metrics.get_meter("ghmodels_async", __version__, meter_provider))

    async def middleware(request: Request, call_next: CallNext) -> Response:
        attempt = current_attempt()
        if attempt is None:
            return await call_next(request)
        span = _begin(tracer, attempt, request)

        def end(ended: Attempt) -> None:
            shared = _finish(span, ended)
            record.ended(ended, {**_identity(ended, request), **shared})

        attempt.on_end(end)
        with trace.use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
            return await call_next(request)

    return middleware


class _Metrics:
    """The client metrics of the conventions."""

    def __init__(self, meter: Meter) -> None:
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="Duration of one attempt.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._first = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="From sending to the first content of a stream.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Tokens as the server counted them.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self._queue = meter.create_histogram(
            "ghmodels.queue.wait",
            unit="s",
            description="Waiting for quota before an attempt.",
            explicit_bucket_boundaries_advisory=(0.1, 1, 5, 15, 60, 300, 3600, 86400),
        )

    def ended(self, attempt: Attempt, attributes: dict[str, Any]) -> None:
        if attempt.duration is not None:
            self._duration.record(attempt.duration, attributes)
        if attempt.first_delta_after is not None:
            self._first.record(attempt.first_delta_after, attributes)
        self._queue.record(attempt.queue_wait, attributes)
        if attempt.usage is not None:
            self._tokens.record(attempt.usage.prompt_tokens, {**attributes, "gen_ai.token.type": "input"})
            if attempt.operation == "chat":
                self._tokens.record(attempt.usage.completion_tokens, {**attributes, "gen_ai.token.type": "output"})


def _identity(attempt: Attempt, request: Request) -> dict[str, Any]:
    address = urlsplit(request.url)
    port = address.port or {"http": 80, "https": 443}.get(address.scheme, 0)
    return {
        "gen_ai.operation.name": attempt.operation,
        "gen_ai.provider.name": _PROVIDERS.get(attempt.profile, attempt.profile),
        "gen_ai.request.model": attempt.model,
        "server.address": address.hostname or "",
        "server.port": port,
    }


def _begin(tracer: Tracer, attempt: Attempt, request: Request) -> Span:
    from opentelemetry.trace import SpanKind

    attributes = _identity(attempt, request) | _asked(attempt.request)
    attributes["ghmodels.attempt"] = attempt.number
    attributes["ghmodels.queue_wait"] = attempt.queue_wait
    if attempt.streamed:
        attributes["gen_ai.request.stream"] = True
    return tracer.start_span(f"{attempt.operation} {attempt.model}", kind=SpanKind.CLIENT, attributes=attributes)


def _asked(request: ChatRequest | EmbeddingsRequest) -> dict[str, Any]:
    """The parameters of the request; never its messages or texts."""
    asked: dict[str, Any] = {}
    for field, attribute in _PARAMETERS.items():
        value = getattr(request, field, None)
        if value is not None:
            asked[attribute] = (
                value if isinstance(value, (int, float)) else tuple([value] if isinstance(value, str) else value)
            )
    if isinstance(request, EmbeddingsRequest):
        if request.encoding_format:
            asked["gen_ai.request.encoding_formats"] = (request.encoding_format,)
    elif request.response_format:
        kind = _OUTPUT_TYPES.get(str(request.response_format.get("type")))
        if kind:
            asked["gen_ai.output.type"] = kind
    return asked


def _finish(span: Span, attempt: Attempt) -> dict[str, Any]:
    """End the span; returns the attributes metrics share with it."""
    from opentelemetry.trace import StatusCode

    shared: dict[str, Any] = {}
    reply, usage = attempt.reply, attempt.usage
    if reply is not None and reply.model:
        shared["gen_ai.response.model"] = reply.model
    failure = _failure(attempt)
    if failure is not None:
        shared["error.type"] = failure
        span.set_status(StatusCode.ERROR)
    found: dict[str, Any] = {
        "http.response.status_code": attempt.status,
        "gen_ai.response.id": reply.id if reply else None,
        "gen_ai.response.time_to_first_chunk": attempt.first_delta_after,
        "gen_ai.usage.input_tokens": usage.prompt_tokens if usage else None,
        "gen_ai.usage.output_tokens": usage.completion_tokens if usage and attempt.operation == "chat" else None,
        "gen_ai.usage.cache_read.input_tokens": (usage.cached_tokens or None) if usage else None,
        "ghmodels.outcome": attempt.outcome,
        "ghmodels.request_id": attempt.request_id,
        "ghmodels.limit": getattr(attempt.error, "limit", None),
    }
    span.set_attributes({**shared, **{name: value for name, value in found.items() if value is not None}})
    reasons = tuple(choice.finish_reason for choice in reply.choices if choice.finish_reason) if reply else ()
    if reasons:
        span.set_attribute("gen_ai.response.finish_reasons", reasons)
    span.end()
    return shared


def _failure(attempt: Attempt) -> str | None:
    """A name of few: the server's code or the error's class, how a stream broke, or None."""
    error = attempt.error
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    if isinstance(error, (APIError, RequestTooLargeError)) and error.code and error.code.isidentifier():
        return error.code
    if error is not None:
        return type(error).__name__
    return None if attempt.outcome in ("completed", "abandoned") else attempt.outcome
