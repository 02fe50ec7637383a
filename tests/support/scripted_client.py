"""A client for tests of what stands on `map`: the real `BulkRun`, answers from a script instead of a service.

What it promises is what the real one promises: requests are pulled lazily and within `concurrency`, outcomes come as
they finish, an error of ours becomes an outcome, any other ends the run. `test_scripted_client.py` holds it to that.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any

from ghmodels_async.bulk import BulkRun, Outcome
from ghmodels_async.clock import Clock
from ghmodels_async.errors import GHModelsError
from ghmodels_async.stream import ChatReply, ReplyMeta
from ghmodels_async.wire import ChatCompletion, ChatRequest

__all__ = ["Script", "ScriptedClient", "reply_to", "text_of"]

#: Makes the answer of one request: a text, or an error to raise. May be a coroutine.
Script = Callable[[ChatRequest, int], str | GHModelsError | Awaitable[str | GHModelsError]]


def text_of(request: ChatRequest) -> str:
    """The text of the last message."""
    return str(request.messages[-1]["content"])


def reply_to(request: ChatRequest, text: str) -> ChatReply:
    """A finished reply with usage."""
    completion = ChatCompletion.model_validate(
        {
            "id": "chatcmpl-1",
            "model": request.model,
            "created": 1,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        }
    )
    return ChatReply.from_completion(completion, ReplyMeta(model=request.model, request_id="r-1", duration=0.5))


class ScriptedClient:
    """Answers every request from `script(request, times this text was asked before)`.

    Args:
        script: The answers.
        seconds: How long each takes.
        clock: What that is counted in.

    Attributes:
        asked: Every call in order, as (model, text).
        flying, most: Calls in flight now, and the most there ever were.
    """

    def __init__(
        self,
        script: Script = lambda request, before: f"echo {text_of(request)}",
        *,
        seconds: float = 0.0,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.script = script
        self.seconds = seconds
        self.asked: list[tuple[str, str]] = []
        self.flying = self.most = 0

    def map(
        self, requests: AsyncIterable[Any], *, concurrency: int | None = None, **options: Any
    ) -> BulkRun[tuple[Any, ChatRequest]]:
        return BulkRun(requests, self._work, concurrency=concurrency or 64)

    async def _work(self, ordinal: int, item: tuple[Any, ChatRequest]) -> Outcome:
        key, request = item
        before = self.asked.count((request.model, text_of(request)))
        self.asked.append((request.model, text_of(request)))
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            await self.clock.sleep(self.seconds)
            answer = self.script(request, before)
            if not isinstance(answer, str | GHModelsError):
                answer = await answer
        finally:
            self.flying -= 1
        if isinstance(answer, GHModelsError):
            return Outcome(key, ordinal, None, answer, request)
        return Outcome(key, ordinal, reply_to(request, answer), None, request)
