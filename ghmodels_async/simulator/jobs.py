"""One inference request, read and judged but not yet admitted: what it costs and what it would answer.

Planning a reply is put off until somebody needs it: most refusals never do.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol

from ghmodels_async.simulator import refusals
from ghmodels_async.simulator.answer import Answer, json_answer
from ghmodels_async.simulator.chat import PROMPT_FILTERED, Manner, plan_chat
from ghmodels_async.simulator.checks import Rules, check_chat, check_embeddings
from ghmodels_async.simulator.embeddings import embed, embedding_tokens
from ghmodels_async.simulator.events import streamed, whole
from ghmodels_async.simulator.prompts import last_user_text, prompt_tokens
from ghmodels_async.simulator.reply import ChatPlan
from ghmodels_async.simulator.roster import Served

__all__ = ["ChatJob", "EmbeddingsJob", "Job"]


class Job(Protocol):
    """What the service needs to know about a request."""

    kind: str
    objection: Answer | None
    tokens_in: int

    def tokens_out(self) -> int:
        """Tokens the reply will have."""
        ...

    def answer(self) -> Answer:
        """The good answer."""
        ...

    def whole(self) -> Answer:
        """The good answer in one body, whatever was asked for."""
        ...


class ChatJob:
    """A chat request on a model that exists."""

    def __init__(
        self,
        body: Mapping[str, Any],
        served: Served,
        rules: Rules,
        manner: Manner,
        *,
        number: int,
        now: float,
        lenient: bool = False,
    ) -> None:
        self.kind = "stream" if body.get("stream") else "chat"
        self._body = body
        self._served = served
        self._manner = manner
        self._number = number
        self._now = now
        self.objection = _wrong_kind(served) if served.embeds else check_chat(body, served, rules, lenient=lenient)
        self.tokens_in = prompt_tokens(body) if self.objection is None else 0
        if self.objection is None and PROMPT_FILTERED in last_user_text(body["messages"]):
            self.objection = refusals.content_filtered()

    @cached_property
    def _plan(self) -> ChatPlan:
        return plan_chat(
            self._body, self._served, self._manner, tokens_in=self.tokens_in, number=self._number, now=self._now
        )

    def tokens_out(self) -> int:
        return self._plan.completion_tokens if self.objection is None else 0

    def answer(self) -> Answer:
        return streamed(self._plan) if self.kind == "stream" else whole(self._plan)

    def whole(self) -> Answer:
        return whole(self._plan)


class EmbeddingsJob:
    """An embeddings request on a model that exists."""

    kind = "embeddings"

    def __init__(self, body: Mapping[str, Any], served: Served, manner: Manner, most_inputs: int) -> None:
        self._body = body
        self._served = served
        self._manner = manner
        self.objection = check_embeddings(body, served, most_inputs) if served.embeds else _wrong_kind(served)
        self.tokens_in = embedding_tokens(body) if self.objection is None else 0

    def tokens_out(self) -> int:
        return 0

    def answer(self) -> Answer:
        after = 0.0 if self._manner.fast else 0.15 + 0.0005 * self.tokens_in**0.5
        return json_answer(200, embed(self._body, self._served, self._manner.seed), after=after)

    def whole(self) -> Answer:
        return self.answer()


def _wrong_kind(served: Served) -> Answer:
    operation = "chatCompletion" if served.embeds else "embeddings"
    text = f"The {operation} operation does not work with the specified model, {served.short_name}."
    return refusals.invalid(f"{text} Please choose different model and try again.", code="OperationNotSupported")
