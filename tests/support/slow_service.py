"""A transport that lets everything in at once and answers a minute later: what is under way is the client's affair."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from simulated import TOKEN

from ghmodels_async import Clock, GitHubModels

SECONDS = 60.0
"""How long an answer takes."""

_WORD = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}\n\n'


class SlowService:
    """Implements `Transport`. `sent`: when each request left; `most`: how many were under way at once."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.sent: list[float] = []
        self.in_flight = self.most = 0

    async def send(self, request: Any, *, timeouts: Any = None, on_sent: Any = None) -> Any:
        on_sent(self.clock.now())
        self.sent.append(self.clock.now())
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        head = SimpleNamespace(status=200, headers={"content-type": "text/event-stream"}, received_at=self.clock.now())
        return _Answer(head, self)

    async def aclose(self) -> None:
        pass

    def client(self, amount: int | None) -> GitHubModels:
        """A client of it under a limit of `amount` a minute and no other."""
        return GitHubModels(
            token=TOKEN,
            base_url="http://127.0.0.1/inference",
            transport=self,  # type: ignore[arg-type]
            clock=self.clock,
            ledger="memory",
            limits={
                "*": {"requests_per_minute": amount, "requests_per_day": None, "concurrent": None},
                "account": {"requests_per_minute": None},
            },
        )


class _Answer:
    def __init__(self, head: Any, service: SlowService) -> None:
        self.head = head
        self._service = service

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await self._service.clock.sleep(SECONDS)
        self._service.in_flight -= 1
        yield _WORD
        yield b"data: [DONE]\n\n"

    def release(self) -> None:
        pass
