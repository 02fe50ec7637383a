"""`with_raw_response` and `with_streaming_response`: answers with their status and headers.

The call itself reads and checks the body, as always; what a raw response shows as its text is that body, put together
again. Source: ``LegacyAPIResponse`` and ``AsyncAPIResponse`` of openai 3.54, read 2026-11-22.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar, overload

from pydantic import TypeAdapter

from ..transport import ResponseHead
from ..wiring import heads
from .streams import ChunkStream

__all__ = ["Headers", "RawResponse", "StreamedCall", "StreamedResponse", "raw", "with_heads"]

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


class Headers(Mapping[str, str]):
    """Response headers; names in any case."""

    def __init__(self, found: Mapping[str, str]) -> None:
        self._found = {name.lower(): value for name, value in found.items()}

    def __getitem__(self, name: str) -> str:
        return self._found[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"Headers({self._found})"


class RawResponse(Generic[T]):
    """An answer with its status and headers; `parse()` makes what the plain method returns.

    Attributes:
        status_code: Of the last answer.
        headers: Its headers. Empty where nothing was asked: the shipped catalog has none.
        retries_taken: Attempts before the one that succeeded.
    """

    def __init__(self, body: Any, answers: Sequence[ResponseHead], make: Callable[[], T]) -> None:
        self._body = body
        self._make = make
        self._made: list[T] = []
        self.status_code = answers[-1].status if answers else 200
        self.headers = Headers(answers[-1].headers if answers else {})
        attempts = getattr(body, "_attempts", None)
        refused = sum(answer.status != 200 for answer in answers)
        self.retries_taken: int = refused if attempts is None else attempts - 1

    @property
    def request_id(self) -> str | None:
        """The server's id of the request, None if it gave none."""
        known = getattr(self._body, "_request_id", None)
        return known or self.headers.get("x-request-id")

    @property
    def text(self) -> str:
        """The body as JSON text.

        Raises:
            RuntimeError: It is a stream: `parse()` returns it.
        """
        if isinstance(self._body, ChunkStream):
            raise RuntimeError("the body is a stream: parse() returns it, with_streaming_response has its lines")
        text: str = self._body.to_json(indent=None)
        return text

    @property
    def content(self) -> bytes:
        """The body as bytes. Raises as `text`."""
        return self.text.encode()

    @overload
    def parse(self) -> T: ...

    @overload
    def parse(self, *, to: type[R]) -> R: ...

    def parse(self, *, to: Any = None) -> Any:
        """Make the object of the plain method, once; or one of another type from the same body.

        Args:
            to: ``str``, ``dict``, a pydantic model …

        Raises:
            GHModelsError: As the plain method where it gives values their types.
            pydantic.ValidationError: The body does not fit `to`.
            TypeError: `to` for a stream.
        """
        if to is not None:
            if isinstance(self._body, ChunkStream):
                raise TypeError("a stream is parsed into chunks; parse() takes no other type")
            return self.text if to is str else TypeAdapter(to).validate_json(self.text)
        if not self._made:
            self._made.append(self._make())
        return self._made[0]

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"a raw response has no {name!r}: headers, status_code, request_id, text, parse() are there"
        )

    def __repr__(self) -> str:
        return f"<RawResponse [{self.status_code}] {type(self._body).__name__}>"


async def with_heads(asking: Awaitable[T]) -> tuple[T, list[ResponseHead]]:
    """Await it; return also the heads of all answers it got. Raises and cancels as `asking`."""
    outer = heads.get()
    seen: list[ResponseHead] = []
    before = heads.set(seen)
    try:
        return await asking, seen
    finally:
        heads.reset(before)
        if outer is not None:
            outer.extend(seen)


def raw(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[RawResponse[T]]]:
    """The same method, returning a `RawResponse`. Raises and cancels as the method."""

    async def asked(*args: P.args, **options: P.kwargs) -> RawResponse[T]:
        found, answers = await with_heads(method(*args, **options))
        return RawResponse(found, answers, lambda: found)

    return asked


class StreamedResponse(Generic[T]):
    """An answer whose body is read by who holds it."""

    def __init__(self, response: RawResponse[T]) -> None:
        self._response = response
        self.status_code = response.status_code
        self.headers = response.headers
        self.request_id = response.request_id
        self.retries_taken = response.retries_taken

    async def parse(self, *, to: Any = None) -> Any:
        """As `RawResponse.parse`."""
        return self._response.parse() if to is None else self._response.parse(to=to)

    async def text(self) -> str:
        """The body. A stream is read to its end."""
        return "".join([part async for part in self.iter_text()])

    async def read(self) -> bytes:
        """The body as bytes. A stream is read to its end."""
        return (await self.text()).encode()

    async def json(self) -> Any:
        """The body's value."""
        return json.loads(await self.text())

    async def iter_lines(self) -> AsyncIterator[str]:
        """The body line by line. A stream's events as they come; raises as `ChatStream`."""
        body = self._response._body
        if not isinstance(body, ChunkStream):
            for line in self._response.text.splitlines():
                yield line
            return
        async for data in body.texts():
            yield f"data: {data}"
            yield ""
        yield "data: [DONE]"
        yield ""

    async def iter_text(self, chunk_size: int | None = None) -> AsyncIterator[str]:
        """The body in pieces: whole, or a stream's events as they come. `chunk_size` is for `openai`'s callers."""
        if not isinstance(self._response._body, ChunkStream):
            yield self._response.text
            return
        async for line in self.iter_lines():
            yield f"{line}\n"

    async def iter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The same in bytes."""
        async for text in self.iter_text():
            yield text.encode()

    async def close(self) -> None:
        """Let go of a stream. Idempotent."""
        if isinstance(self._response._body, ChunkStream):
            await self._response._body.close()


class StreamedCall(Generic[T]):
    """What a method of `with_streaming_response` returns: asked when it is entered, closed when it is left."""

    def __init__(self, ask: Callable[[], Awaitable[RawResponse[T]]]) -> None:
        self._ask = ask
        self._answer: StreamedResponse[T] | None = None

    async def __aenter__(self) -> StreamedResponse[T]:
        """Ask. Raises and cancels as the plain method."""
        self._answer = StreamedResponse(await self._ask())
        return self._answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._answer is not None:
            await self._answer.close()
