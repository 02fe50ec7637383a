"""Asking for vectors: parts come out in the order of the texts, or everything at once.

The engine is `bulk`'s: requests are pulled only when there is room, so a million texts cost as much memory as the
requests in flight.
"""

from __future__ import annotations

from typing import Any, Generic, Self

from ghmodels_async.bulk import Run
from ghmodels_async.errors import ServerError
from ghmodels_async.terms import Terms
from ghmodels_async.wire import EmbedOptions, Usage
from ghmodels_async.wiring import Wiring

from .asker import Asker, Batch, EmbeddingsPart, Form, Turn, total
from .texts import Texts, each, fit, longest_text, refused
from .vectors import Collector, Vectors, wants_array

__all__ = ["EmbeddingsRun", "embed", "embed_each"]

#: More requests than any known plan lets run at once, so that quotas decide; each may hold 256 KB of text.
_CONCURRENCY = 8

_STEERING = ("deadline", "priority", "on_exhausted", "timeouts")


class EmbeddingsRun(Generic[Form]):
    """Iterate over parts in the order of the texts. Use `async with` if you may leave early.

    An error is raised when its turn comes: every part before it was handed out, so the last part's `stop` is where to
    resume. What was sent meanwhile for later texts is spent.

    Attributes:
        usage: Sum over the parts handed out so far.
    """

    def __init__(self, asker: Asker, texts: Texts, concurrency: int) -> None:
        self.usage = Usage()
        self._run: Run[Batch, Turn] = Run(asker.batches(texts), asker.answer, concurrency=concurrency, ordered=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EmbeddingsPart[Form]:
        """Return the next part. Cancellation: safe, no part is lost and the run goes on."""
        turn = await self._run.__anext__()
        if turn.part is None:
            await self.aclose()
            assert turn.error is not None
            raise turn.error
        self.usage = total(self.usage, turn.part.usage)
        return turn.part

    async def aclose(self) -> None:
        """Cancel what is in flight and wait until it is gone. Idempotent."""
        await self._run.aclose()


def embed_each(
    wiring: Wiring, terms: Terms, model: str, texts: Texts, array: bool | None, options: EmbedOptions
) -> EmbeddingsRun[Any]:
    """Start a lazy run; see `GitHubModels.embed_each`."""
    steering: dict[str, Any] = {name: options[name] for name in _STEERING if name in options}  # type: ignore[literal-required]
    fields = {
        "dimensions": options.get("dimensions"),
        "encoding_format": options.get("encoding", "base64"),
        "user": options.get("user"),
        "extra_body": options.get("extra_body"),
        "extra_headers": options.get("extra_headers"),
    }
    asker = Asker(wiring, terms.with_options(steering), model, fields, as_array=wants_array(array))  # type: ignore[arg-type]
    return EmbeddingsRun(asker, texts, options.get("concurrency", _CONCURRENCY))


async def embed(
    wiring: Wiring, terms: Terms, model: str, texts: Texts, array: bool | None, options: EmbedOptions
) -> Vectors:
    """Ask for the vectors of all texts at once; see `GitHubModels.embed`."""
    collector = Collector(as_array=wants_array(array))
    everything = [text async for text in each(texts)]
    longest = longest_text(wiring, model)
    for position, text in enumerate(everything):
        fit(model, position, text, longest)
    if not everything:
        raise refused(model, "There is no text to embed.", "input: no text")
    async with embed_each(wiring, terms, model, everything, array, options) as run:
        async for part in run:
            try:
                collector.add(part.vectors, of=len(everything))
            except ValueError as error:
                raise ServerError(f"The answers do not fit together: {error}.", model=model) from None
    return collector.close()
