"""The requests of one run: which texts each carries, and what comes of it.

The first request of a model nobody has measured goes alone: its usage tells how many tokens a byte costs, and that
fills all the others. A request the server finds too large all the same is cut in two.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Generic, NamedTuple, TypeVar, cast

from ghmodels_async.asking import embeddings_request, refuse_locally
from ghmodels_async.call import Call
from ghmodels_async.catalog import Cost
from ghmodels_async.deadline import Deadline
from ghmodels_async.errors import GHModelsError, RequestTooLargeError, ServerError
from ghmodels_async.profiles import embeddings_body
from ghmodels_async.stream import ReplyMeta
from ghmodels_async.terms import Terms
from ghmodels_async.wire import EmbeddingsReply, Usage
from ghmodels_async.wiring import Wiring

from .packing import Packer, tokens_of
from .texts import Texts, each, fit, longest_text
from .vectors import Collector, Vectors, decoded

__all__ = ["Asker", "Batch", "EmbeddingsPart", "Form", "Turn", "total"]


#: How vectors come: `Array`, `Lists`, or `Vectors` where only the machine decides.
Form = TypeVar("Form", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingsPart(Generic[Form]):
    """The vectors of one request.

    Attributes:
        ordinal: Number of the part, from 0.
        start: Position of its first text in the input, from 0.
        vectors: One row per text, in the order of the texts: a numpy array or lists of floats.
        usage: Tokens as the server counted them; None if it did not say.
        meta: How the request went; where one had to be cut in two, how the last went.
    """

    ordinal: int
    start: int
    vectors: Form
    usage: Usage | None
    meta: ReplyMeta

    @property
    def stop(self) -> int:
        """Position after its last text: where to resume after an error."""
        return self.start + len(cast("Vectors", self.vectors))

    @property
    def cost(self) -> Cost:
        """What it cost in token units; unknown without usage or without a row in the price list."""
        return self.meta.cost(self.usage)


class Batch(NamedTuple):
    """Texts of one request, or why they cannot be sent."""

    start: int
    texts: list[str]
    refusal: Exception | None = None


class Turn(NamedTuple):
    """A part or an error whose turn comes."""

    ordinal: int
    part: EmbeddingsPart[Any] | None
    error: Exception | None


class Asker:
    """Everything the requests of one run have in common."""

    def __init__(self, wiring: Wiring, terms: Terms, model: str, fields: Mapping[str, Any], *, as_array: bool) -> None:
        self._wiring = wiring
        self._terms = terms
        self._model = model
        self._fields = fields
        self._as_array = as_array
        self._deadline: Deadline | None = None
        self._measured = asyncio.Event()
        self._failed = False
        self._longest = longest_text(wiring, model)

    async def batches(self, texts: Texts) -> AsyncGenerator[Batch]:
        """Pack texts as they are pulled. A text that cannot be sent ends the run, after what stands before it."""
        estimates, model = self._wiring.estimates, self._model
        most_texts, most_tokens = await self._caps()
        packer = Packer(most_texts, most_tokens, lambda text: tokens_of(text, estimates.ratio(model)))
        start = position = 0
        refusal: Exception | None = None
        async with aclosing(each(texts)) as pulled:
            async for text in pulled:
                try:
                    fit(model, position, text, self._longest)
                except (GHModelsError, TypeError) as error:
                    refusal = error
                    break
                position += 1
                full = packer.feed(text)
                if full is not None:
                    yield Batch(start, full)
                    start += len(full)
                    if estimates.ratio(model) is None:
                        await self._measured.wait()
                    if self._failed:
                        return
        last = packer.close()
        if last is not None:
            yield Batch(start, last)
        if refusal is not None:
            yield Batch(position, [], refusal)

    async def answer(self, ordinal: int, batch: Batch) -> Turn:
        """Ask for one batch. Cancellation: safe, the request in flight is settled."""
        try:
            if batch.refusal is not None:
                raise batch.refusal
            return Turn(ordinal, await self._ask(ordinal, batch.start, batch.texts), None)
        except (GHModelsError, TypeError) as error:
            self._failed = True
            return Turn(ordinal, None, error)
        finally:
            self._measured.set()

    async def _ask(self, ordinal: int, start: int, texts: list[str]) -> EmbeddingsPart[Any]:
        try:
            return await self._ask_once(ordinal, start, texts)
        except RequestTooLargeError as error:
            if len(texts) == 1:
                error.add_note(f"text number {start}")
                raise
        half = len(texts) // 2
        first = await self._ask(ordinal, start, texts[:half])
        second = await self._ask(ordinal, start + half, texts[half:])
        collector = Collector(as_array=self._as_array)
        collector.add(first.vectors, of=len(texts))
        collector.add(second.vectors, of=len(texts))
        usage = None if first.usage is None or second.usage is None else total(first.usage, second.usage)
        return replace(second, start=start, vectors=collector.close(), usage=usage)

    async def _ask_once(self, ordinal: int, start: int, texts: list[str]) -> EmbeddingsPart[Any]:
        wiring = self._wiring
        request = embeddings_request(self._model, texts, self._fields)
        refuse_locally(wiring.profile, request)
        terms, url = self._within_deadline(), wiring.settings.endpoint.embeddings_url
        call = Call(wiring, request, terms, url=url, body=embeddings_body(request, wiring.profile))
        usage: Usage | None = None

        def read(body: bytes, meta: ReplyMeta) -> EmbeddingsPart[Any]:
            nonlocal usage
            try:
                reply = EmbeddingsReply.model_validate_json(body)
            except ValueError:
                raise call.classify_body(body) from None
            try:
                vectors = decoded(reply.data, len(texts), as_array=self._as_array)
            except ValueError as error:
                raise ServerError(f"The answer is not what was asked for: {error}.", model=self._model) from None
            usage = reply.usage
            return EmbeddingsPart(ordinal, start, vectors, usage, meta)

        return await call.whole(read, lambda part: part.usage)

    def _within_deadline(self) -> Terms:
        """The terms of the next request: of the run's deadline, what is left."""
        whole = self._terms.whole_call
        if whole is None:
            return self._terms
        if self._deadline is None:
            self._deadline = Deadline(whole, self._wiring.clock)
        return replace(self._terms, deadline=self._deadline.left())

    async def _caps(self) -> tuple[int, int | None]:
        """Most texts and most tokens of one request: the endpoint's, and what the account's limits allow."""
        wiring, dialect = self._wiring, self._wiring.profile.dialect
        gate = wiring.gate_for(await wiring.tokens.current())
        await gate.open()
        sizes = [state.amount for state in gate.explain(self._model) if state.limit == "tokens_in"]
        known = [cap for cap in (*sizes, dialect.max_embedding_tokens) if cap is not None]
        return dialect.max_embedding_inputs, min(known, default=None)


def total(one: Usage, other: Usage | None) -> Usage:
    if other is None:
        return one
    return Usage(
        prompt_tokens=one.prompt_tokens + other.prompt_tokens, total_tokens=one.total_tokens + other.total_tokens
    )
