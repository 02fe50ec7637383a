"""`gh.as_openai()`: the calls of `openai.AsyncOpenAI` for chat completions, embeddings and models.

Everything goes through the same limiter, retries and settlement as the client's own calls. What differs from `openai`:
errors are this library's; `timeout` counts the whole call, waiting for quota included; retries are the client's policy.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Literal, NoReturn, Self, TypeVar, Unpack, overload

from ..chats import Backend, messages_of
from ..errors import ModelNotFoundError, RefusalError
from ..stream import ChatReply
from ..structured import shape_of
from ..wire import Message
from .options import OpenAIChatOptions, OpenAIParseOptions, chat_options, embed_options, given
from .shapes import Completion, EmbeddingItem, EmbeddingList, Model
from .streams import ChunkStream, ModelList

__all__ = ["OpenAIFace"]

T = TypeVar("T")


class OpenAIFace:
    """The drop-in. Closing it closes the client it was made of.

    Args:
        backend: The client.
        timeout: Nominal seconds a call may take where it does not say itself; None: no limit.
    """

    def __init__(self, backend: Backend, *, timeout: float | None = None) -> None:
        self._backend = backend
        self.timeout = timeout
        self.chat = _Chat(backend, timeout)
        self.embeddings = _Embeddings(backend, timeout)
        self.models = _Models(backend)

    @property
    def beta(self) -> Self:
        """Older code says ``client.beta.chat.completions.parse``."""
        return self

    def with_options(self, *, timeout: float | None = None) -> OpenAIFace:
        """The same client with another default. Retries are the client's: ``GitHubModels(retry=...)``."""
        return OpenAIFace(self._backend, timeout=timeout if timeout is not None else self.timeout)

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


class _Chat:
    def __init__(self, backend: Backend, timeout: float | None) -> None:
        self.completions = _Completions(backend, timeout)


class _Completions:
    def __init__(self, backend: Backend, timeout: float | None) -> None:
        self._backend = backend
        self._timeout = timeout

    @overload
    async def create(
        self,
        *,
        model: str,
        messages: Iterable[Message],
        stream: Literal[True],
        **options: Unpack[OpenAIChatOptions],
    ) -> ChunkStream: ...

    @overload
    async def create(
        self,
        *,
        model: str,
        messages: Iterable[Message],
        stream: Literal[False] | None = None,
        **options: Unpack[OpenAIChatOptions],
    ) -> Completion: ...

    async def create(
        self, *, model: str, messages: Iterable[Message], stream: bool | None = None, **options: Any
    ) -> Completion | ChunkStream:
        """Ask for a completion, whole or as a stream of chunks.

        Args:
            model: Id of the model.
            messages: In the wire's own shape; a message of an earlier completion counts as one.
            stream: Whether to return a stream, opened: its first content has arrived.
            options: As in `openai`; additionally this library's `deadline`, `priority`, `on_exhausted`, `timeouts`.

        Raises:
            TypeError: An unknown option, or a class as `response_format` (that is `parse`). Nothing was sent.
            GHModelsError: As `GitHubModels.chat` and `stream`.

        Cancellation: safe: the request is closed.
        """
        if isinstance(options.get("response_format"), type):
            raise TypeError("a class as response_format is for parse(); create() takes a dictionary")
        said = messages_of(list(messages))
        current = chat_options(options, self._timeout)
        if given({"stream": stream}).get("stream"):
            opened = self._backend.stream(model, said, **current)
            await opened.__aenter__()
            return ChunkStream(opened, with_usage=bool((current.get("stream_options") or {}).get("include_usage")))
        return _completion(await self._backend.chat(model, said, **current))

    async def parse(
        self,
        *,
        model: str,
        messages: Iterable[Message],
        response_format: type[T],
        **options: Unpack[OpenAIParseOptions],
    ) -> Completion:
        """Ask for a value of a type: ``completion.choices[0].message.parsed``.

        A refusal is not an error here, as in `openai`: `parsed` is None and `refusal` says why.

        Raises:
            LengthLimitError, FilteredReplyError, InvalidReplyError: The reply was cut, or does not fit.
            GHModelsError: As `create`.

        Cancellation: safe: the request is closed.
        """
        shape = shape_of(response_format)
        current = chat_options(options, self._timeout) | {"response_format": shape.response_format}
        reply = await self._backend.chat(model, messages_of(list(messages)), **current)
        completion = _completion(reply)
        if not reply.tool_calls:
            try:
                completion.choices[0].message.parsed = shape.read(reply, model=model)
            except RefusalError:
                pass
        return completion


class _Embeddings:
    def __init__(self, backend: Backend, timeout: float | None) -> None:
        self._backend = backend
        self._timeout = timeout

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
        async with self._backend.embed_each(model, input, array=False, **current) as run:
            vectors = [vector async for part in run for vector in part.vectors]
            usage = run.usage
        items = [
            EmbeddingItem(index=index, embedding=_packed(vector) if packed else vector)
            for index, vector in enumerate(vectors)
        ]
        return EmbeddingList(data=items, model=model, usage=usage)


class _Models:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

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


def _completion(reply: ChatReply) -> Completion:
    completion = Completion.model_validate(reply.raw.model_dump(exclude_unset=True))
    completion._request_id = reply.meta.request_id
    return completion


def _packed(vector: Sequence[float]) -> str:
    """Little-endian float32 in base64, as on the wire."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
