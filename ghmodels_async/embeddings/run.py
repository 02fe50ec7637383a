"""Asking for vectors: texts are packed into requests, requests go through the limiter, parts come out in order.

The engine is `bulk`'s: requests are pulled only when there is room, so a million texts cost as much memory as the
requests in flight. The first request of a model nobody has measured goes alone: its usage tells how many tokens a byte
costs, and that fills all the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

from ghmodels_async import catalog
from ghmodels_async.bulk import Run
from ghmodels_async.call import Call, refuse_locally
from ghmodels_async.deadline import Deadline
from ghmodels_async.errors import BadRequestError, GHModelsError, RequestTooLargeError, ServerError
from ghmodels_async.profiles import embeddings_body
from ghmodels_async.stream import ReplyMeta
from ghmodels_async.terms import Terms
from ghmodels_async.wire import EmbeddingsReply, EmbeddingsRequest, EmbedOptions, Usage
from ghmodels_async.wire.measure import utf8_bytes
from ghmodels_async.wiring import Wiring

from .packing import DENSEST, Packer, tokens_of
from .vectors import Collector, Vectors, decoded, wants_array

__all__ = ["EmbeddingsPart", "EmbeddingsRun", "Texts", "embed", "embed_each"]

Texts: TypeAlias = str | Iterable[str] | AsyncIterable[str]

#: More requests than any known plan lets run at once, so that quotas decide; each may hold 256 KB of text.
_CONCURRENCY = 8


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingsPart:
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
    vectors: Vectors
    usage: Usage | None
    meta: ReplyMeta

    @property
    def stop(self) -> int:
        """Position after its last text: where to resume after an error."""
        return self.start + len(self.vectors)


class _Batch(NamedTuple):
    """Texts of one request, or why they cannot be sent."""

    start: int
    texts: list[str]
    refusal: Exception | None = None


class _Turn(NamedTuple):
    """A part or an error whose turn comes."""

    ordinal: int
    part: EmbeddingsPart | None
    error: Exception | None


class EmbeddingsRun:
    """Iterate over parts in the order of the texts. Use `async with` if you may leave early.

    An error is raised when its turn comes: every part before it was handed out, so the last part's `stop` is where to
    resume. What was sent meanwhile for later texts is spent.

    Attributes:
        usage: Sum over the parts handed out so far.
    """

    def __init__(self, asker: _Asker, texts: Texts, concurrency: int) -> None:
        self.usage = Usage()
        self._run: Run[_Batch, _Turn] = Run(asker.batches(texts), asker.answer, concurrency=concurrency, ordered=True)

    async def __aenter__(self) -> EmbeddingsRun:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> EmbeddingsRun:
        return self

    async def __anext__(self) -> EmbeddingsPart:
        """Return the next part. Cancellation: safe, no part is lost and the run goes on."""
        turn = await self._run.__anext__()
        if turn.part is None:
            await self.aclose()
            assert turn.error is not None
            raise turn.error
        self.usage = _sum(self.usage, turn.part.usage)
        return turn.part

    async def aclose(self) -> None:
        """Cancel what is in flight and wait until it is gone. Idempotent."""
        await self._run.aclose()


def embed_each(
    wiring: Wiring, terms: Terms, model: str, texts: Texts, array: bool | None, options: EmbedOptions
) -> EmbeddingsRun:
    """Start a lazy run; see `GitHubModels.embed_each`."""
    steering: dict[str, Any] = {name: options[name] for name in _STEERING if name in options}  # type: ignore[literal-required]
    fields = {
        "dimensions": options.get("dimensions"),
        "encoding_format": options.get("encoding", "base64"),
        "user": options.get("user"),
        "extra_body": options.get("extra_body"),
        "extra_headers": options.get("extra_headers"),
    }
    asker = _Asker(wiring, terms.with_options(steering), model, fields, as_array=wants_array(array))  # type: ignore[arg-type]
    return EmbeddingsRun(asker, texts, options.get("concurrency", _CONCURRENCY))


async def embed(
    wiring: Wiring, terms: Terms, model: str, texts: Texts, array: bool | None, options: EmbedOptions
) -> Vectors:
    """Ask for the vectors of all texts at once; see `GitHubModels.embed`."""
    collector = Collector(as_array=wants_array(array))
    everything = [text async for text in _each(texts)]
    longest = _longest(wiring, model)
    for position, text in enumerate(everything):
        _fit(model, position, text, longest)
    if not everything:
        raise _refused(model, "There is no text to embed.", "input: no text")
    async with embed_each(wiring, terms, model, everything, array, options) as run:
        async for part in run:
            try:
                collector.add(part.vectors, of=len(everything))
            except ValueError as error:
                raise ServerError(f"The answers do not fit together: {error}.", model=model) from None
    return collector.close()


class _Asker:
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
        self._longest = _longest(wiring, model)

    async def batches(self, texts: Texts) -> AsyncIterator[_Batch]:
        """Pack texts as they are pulled. A text that cannot be sent ends the run, after what stands before it."""
        estimates, model = self._wiring.estimates, self._model
        most_texts, most_tokens = await self._caps()
        packer = Packer(most_texts, most_tokens, lambda text: tokens_of(text, estimates.ratio(model)))
        start = position = 0
        refusal: Exception | None = None
        async for text in _each(texts):
            try:
                _fit(model, position, text, self._longest)
            except (GHModelsError, TypeError) as error:
                refusal = error
                break
            position += 1
            full = packer.feed(text)
            if full is not None:
                yield _Batch(start, full)
                start += len(full)
                if estimates.ratio(model) is None:
                    await self._measured.wait()
                if self._failed:
                    return
        last = packer.close()
        if last is not None:
            yield _Batch(start, last)
        if refusal is not None:
            yield _Batch(position, [], refusal)

    async def answer(self, ordinal: int, batch: _Batch) -> _Turn:
        """Ask for one batch. Cancellation: safe, the request in flight is settled."""
        try:
            if batch.refusal is not None:
                raise batch.refusal
            return _Turn(ordinal, await self._ask(ordinal, batch.start, batch.texts), None)
        except (GHModelsError, TypeError) as error:
            self._failed = True
            return _Turn(ordinal, None, error)
        finally:
            self._measured.set()

    async def _ask(self, ordinal: int, start: int, texts: list[str]) -> EmbeddingsPart:
        try:
            return await self._ask_once(ordinal, start, texts)
        except RequestTooLargeError as error:
            if error.status is None or len(texts) == 1:
                error.add_note(f"text number {start}" if len(texts) == 1 else f"texts number {start} and following")
                raise
        half = len(texts) // 2
        first = await self._ask(ordinal, start, texts[:half])
        second = await self._ask(ordinal, start + half, texts[half:])
        collector = Collector(as_array=self._as_array)
        collector.add(first.vectors, of=len(texts))
        collector.add(second.vectors, of=len(texts))
        usage = None if first.usage is None or second.usage is None else _sum(first.usage, second.usage)
        return replace(second, start=start, vectors=collector.close(), usage=usage)

    async def _ask_once(self, ordinal: int, start: int, texts: list[str]) -> EmbeddingsPart:
        wiring = self._wiring
        request = EmbeddingsRequest(model=self._model, input=texts, **self._fields)
        refuse_locally(wiring, request)
        terms, url = self._within_deadline(), wiring.settings.endpoint.embeddings_url
        call = Call(wiring, request, terms, url=url, body=embeddings_body(request, wiring.profile))
        usage: Usage | None = None

        def read(body: bytes, meta: ReplyMeta) -> EmbeddingsPart:
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


def _longest(wiring: Wiring, model: str) -> int | None:
    """The most tokens of one text, where the catalog says."""
    entry = catalog.find(model, wiring.profile.catalog) if wiring.profile.catalog else None
    return entry.limits.max_input_tokens if entry and entry.limits else None


def _fit(model: str, position: int, text: object, longest: int | None) -> None:
    """Refuse a text the endpoint would refuse, before anything is spent for it."""
    if not isinstance(text, str):
        raise TypeError(f"text number {position} is no str but {type(text).__name__}")
    if not text:
        raise _refused(model, f"Text number {position} is empty.", f"input[{position}]")
    least = utf8_bytes(text) // DENSEST
    if longest is not None and least > longest:
        raise RequestTooLargeError(
            f"Text number {position} has at least {least:,} tokens; {model} reads at most {longest:,} of one text.",
            size=least,
            maximum=longest,
            model=model,
            checked=f"input[{position}]: {utf8_bytes(text):,} bytes",
            fix="Split the text, embed the pieces",
        )


def _refused(model: str, why: str, checked: str) -> BadRequestError:
    return BadRequestError(why, param="input", model=model, checked=checked, fix="Give texts of at least one character")


async def _each(texts: Texts) -> AsyncIterator[str]:
    if isinstance(texts, str):
        yield texts
    elif isinstance(texts, AsyncIterable):
        async for text in texts:
            yield text
    else:
        for text in texts:
            yield text


def _sum(one: Usage, other: Usage | None) -> Usage:
    if other is None:
        return one
    return Usage(
        prompt_tokens=one.prompt_tokens + other.prompt_tokens, total_tokens=one.total_tokens + other.total_tokens
    )


_STEERING = ("deadline", "priority", "on_exhausted", "timeouts")
