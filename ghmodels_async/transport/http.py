"""The port between a call and the network: one request, one response head, a body of bytes.

Pure values and protocols. `SessionPool` implements `Transport` over aiohttp; a test or a simulator may implement it in
memory. Nothing here knows chat, quotas or streams of events.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

__all__ = ["PhaseTimeouts", "Request", "Response", "ResponseHead", "Transport"]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, complete: the transport adds nothing but connection headers.

    Its repr shows neither headers nor body: they hold the key and the prompt, and middleware may log what it sees.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


class ResponseHead(NamedTuple):
    """Status line and headers. `headers` has lower-case names; `received_at` is nominal monotonic seconds."""

    status: int
    headers: Mapping[str, str]
    received_at: float


@dataclass(frozen=True, slots=True)
class PhaseTimeouts:
    """Seconds each phase on the wire may take; None means no limit. Queue and total belong to the call, not here.

    Attributes:
        connect: From the call to the first bytes sent: pool, name look-up, TCP, TLS.
        head: From the first bytes sent to the response head.
        stall: Waiting for the next bytes in `Response.read`. Iterating has no limit: that is the stream's business.
    """

    connect: float | None
    head: float | None
    stall: float | None = None


@runtime_checkable
class Response(Protocol):
    """An open response. The body can be read once, either whole or as an iterator of non-empty byte chunks."""

    head: ResponseHead

    async def read(self) -> bytes:
        """Read the whole rest of the body.

        Raises:
            ConnectionFailedError: It ends early.
            RequestTimeoutError: In phase ``stall``: the next bytes do not come. The connection is closed.
        """
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives, one `bytes` per network read, no re-chunking."""
        ...

    def release(self) -> None:
        """Give the connection back if the body was read to its end, close it otherwise. Synchronous, idempotent."""
        ...


class Transport(Protocol):
    """Sends requests. Errors: ConnectionFailedError(sent=...), RequestTimeoutError(phase="connect" | "head")."""

    async def send(
        self, request: Request, *, timeouts: PhaseTimeouts, on_sent: Callable[[float], None] | None = None
    ) -> Response:
        """Send and wait for the head.

        Args:
            request: What to send.
            timeouts: Phase limits in nominal seconds.
            on_sent: Called once with nominal monotonic seconds when the request's first bytes are handed to the socket.

        Cancellation: the connection is closed; whether bytes had left is what `on_sent` told.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        ...
