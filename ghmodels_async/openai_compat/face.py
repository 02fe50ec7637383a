"""`gh.as_openai()`: the calls of `openai.AsyncOpenAI` for chat completions, embeddings and models.

Everything goes through the same limiter, retries and settlement as the client's own calls. What differs from `openai`:
errors are this library's; `timeout` counts the whole call, waiting for quota included.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NoReturn, Self

from ..chats import Backend
from ..errors import ModelNotFoundError
from ..transport import RetryPolicy
from .completions import Completions
from .options import embed_options, seconds_of
from .shapes import EmbeddingItem, EmbeddingList, Model
from .streams import ModelList
from .twins import (
    RawChat,
    RawEmbeddings,
    RawFace,
    RawModels,
    StreamedChat,
    StreamedEmbeddings,
    StreamedFace,
    StreamedModels,
)

__all__ = ["Chat", "Embeddings", "Models", "OpenAIFace"]


class OpenAIFace:
    """The drop-in. Closing it closes the client it was made of.

    Args:
        backend: The client.
        timeout: Nominal seconds a call may take where it does not say itself; None: no limit.
        max_retries: How often a failed attempt is made again; None: as the client does.
    """

    def __init__(self, backend: Backend, *, timeout: float | None = None, max_retries: int | None = None) -> None:
        retry = RetryPolicy(attempts=max_retries + 1) if max_retries is not None else None
        self._backend = backend
        self.timeout = timeout
        self.max_retries = max_retries
        self.chat = Chat(backend, timeout, retry)
        self.embeddings = Embeddings(backend, timeout, retry)
        self.models = Models(backend)

    @property
    def beta(self) -> Self:
        """Older code says ``client.beta.chat.completions.parse``."""
        return self

    def with_options(self, *, timeout: Any = None, max_retries: int | None = None) -> OpenAIFace:
        """The same client with other defaults: seconds or an httpx timeout, and how often to try again."""
        return OpenAIFace(
            self._backend,
            timeout=seconds_of(timeout) if timeout is not None else self.timeout,
            max_retries=max_retries if max_retries is not None else self.max_retries,
        )

    @property
    def with_raw_response(self) -> RawFace:
        """The same methods, returning status and headers too; what they returned is in `parse()`."""
        return RawFace(self)

    @property
    def with_streaming_response(self) -> StreamedFace:
        """The same methods as contexts: ``async with ...create(...) as response``."""
        return StreamedFace(self)

    copy = with_options

    async def close(self) -> None:
        """Close the client. Idempotent. Cancellation: safe to call again."""
        await self._backend.aclose()

    aclose = close

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"the OpenAI face has no {name!r}: it speaks chat.completions, embeddings and models, which is what "
            "quota-bound endpoints have in common"
        )


class Chat:
    """``client.chat``."""

    def __init__(self, backend: Backend, timeout: float | None, retry: RetryPolicy | None) -> None:
        self.completions = Completions(backend, timeout, retry)

    @property
    def with_raw_response(self) -> RawChat:
        """The same methods, returning status and headers too; what they returned is in `parse()`."""
        return RawChat(self)

    @property
    def with_streaming_response(self) -> StreamedChat:
        """The same methods as contexts: ``async with ...create(...) as response``."""
        return StreamedChat(self)


class Embeddings:
    """``client.embeddings``."""

    def __init__(self, backend: Backend, timeout: float | None, retry: RetryPolicy | None) -> None:
        self._backend = backend
        self._timeout = timeout
        self._retry = retry

    @property
    def with_raw_response(self) -> RawEmbeddings:
        """The same methods, returning status and headers too; what they returned is in `parse()`."""
        return RawEmbeddings(self)

    @property
    def with_streaming_response(self) -> StreamedEmbeddings:
        """The same methods as contexts: ``async with ...create(...) as response``."""
        return StreamedEmbeddings(self)

    async def create(self, *, model: str, input: str | Sequence[str], **options: Any) -> EmbeddingList:
        """Embed one text or many; more than one request may carry are split and joined again.

        Args:
            model: Id of the model.
            input: A text, or texts. Lists of token numbers are not taken.
            options: `dimensions`, `user`, `timeout`, `extra_headers`, `extra_body`, `encoding_format` (``base64`` makes
                each `embedding` text, as on the wire).

        Raises:
            TypeError: Another option, or an input that is no text. Nothing was sent.
            GHModelsError: As `GitHubModels.embed`.

        Cancellation: safe: requests in flight are closed.
        """
        if any(not isinstance(one, str) for one in ([input] if isinstance(input, str) else input)):
            raise TypeError("input must be text: lists of token numbers are not supported")
        current, packed = embed_options(options, self._timeout)
        async with self._backend.embed_each(model, input, array=False, retry=self._retry, **current) as run:
            vectors = [vector async for part in run for vector in part.vectors]
            usage = run.usage
        items = [
            EmbeddingItem(index=index, embedding=_packed(vector) if packed else vector)
            for index, vector in enumerate(vectors)
        ]
        return EmbeddingList(data=items, model=model, usage=usage)


class Models:
    """``client.models``."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def with_raw_response(self) -> RawModels:
        """The same methods, returning status and headers too; what they returned is in `parse()`."""
        return RawModels(self)

    @property
    def with_streaming_response(self) -> StreamedModels:
        """The same methods as contexts: ``async with ...create(...) as response``."""
        return StreamedModels(self)

    def list(self) -> ModelList:
        """The endpoint's models: await it, or iterate over it with ``async for``."""
        return ModelList(self._load)

    async def retrieve(self, model: str) -> Model:
        """One model by its id.

        Raises:
            ModelNotFoundError: The endpoint does not list it.
        """
        found = [one for one in await self._load() if one.id == model]
        if not found:
            raise ModelNotFoundError(f"No model {model!r} is listed.", model=model, fix="models.list() has what is")
        return found[0]

    async def _load(self) -> Sequence[Model]:
        cards = await self._backend.models()
        return [Model.model_validate(card.model_dump() | {"owned_by": card.publisher or ""}) for card in cards]


def _packed(vector: Sequence[float]) -> str:
    """Little-endian float32 in base64, as on the wire."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
