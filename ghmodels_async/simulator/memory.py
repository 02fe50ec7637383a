"""The door without sockets: the same service for code that runs on virtual time.

`MemoryTransport` has the shape of the client's transport port (`send`, `aclose`; responses with `head`, `read`,
iteration, `release`), without importing it: a judge does not share code with the judged. Errors are the builtin ones
unless the caller gives its own.

Theory of operation: once bytes have left, the request arrives, whatever the client does meanwhile; a cancelled call
is still counted. The server plays its answer by the clock, not by how fast the client reads, and lets go of the slot
when it has sent the last frame or, `linger` seconds later, when the client has gone away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ghmodels_async.simulator.answer import Call, Ending
from ghmodels_async.simulator.endpoint import Endpoint, Exchange
from ghmodels_async.simulator.network import Network

__all__ = ["MemoryHead", "MemoryResponse", "MemoryTransport"]

ConnectionFailed = Callable[[bool], Exception]
TimedOut = Callable[[str, float, bool], Exception]


@dataclass(frozen=True, slots=True)
class MemoryHead:
    """Status and lower-case headers; `received_at` is nominal monotonic seconds."""

    status: int
    headers: Mapping[str, str]
    received_at: float


class MemoryTransport:
    """Sends requests to a `Endpoint` in the same process.

    Args:
        endpoint: Who answers.
        network: How long requests travel.
        connection_failed: Makes the exception of a broken connection from "had bytes left?".
        timed_out: Makes the exception of a timeout from phase, elapsed seconds and "had bytes left?".
    """

    def __init__(
        self,
        endpoint: Endpoint,
        network: Network,
        *,
        connection_failed: ConnectionFailed | None = None,
        timed_out: TimedOut | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.network = network
        self.clock = network.clock
        self.connection_failed = connection_failed or _reset
        self._timed_out = timed_out or _timeout
        self._flights: set[_Flight] = set()

    async def send(
        self, request: Any, *, timeouts: Any = None, on_sent: Callable[[float], None] | None = None
    ) -> MemoryResponse:
        """Send and wait for the head.

        Args:
            request: An object with `method`, `url`, `headers` and `body`.
            timeouts: An object with `head`: nominal seconds, None for no limit.
            on_sent: Called with nominal monotonic seconds; bytes leave at once.

        Raises:
            ConnectionResetError: The connection broke before the head, or what `connection_failed` makes.
            TimeoutError: No head in time, or what `timed_out` makes.

        Cancellation: the request arrives and counts all the same; its slot is freed `linger` seconds later.
        """
        sent_at = self.clock.now()
        if on_sent is not None:
            on_sent(sent_at)
        flight = _Flight(self, _call(request))
        self._flights.add(flight)
        delay = self.network.uplink()
        if delay > 0:
            self.clock.call_at(sent_at + delay, flight.arrive)
        else:
            flight.arrive()
        limit = getattr(timeouts, "head", None)
        try:
            await asyncio.sleep(0)
            async with self.clock.timeout(limit):
                return await flight.head
        except TimeoutError:
            flight.leave()
            raise self._timed_out("head", self.clock.now() - sent_at, True) from None
        except BaseException:
            flight.leave()
            raise

    async def aclose(self) -> None:
        """Hang up on every open response. Idempotent."""
        for flight in list(self._flights):
            flight.leave()

    def forget(self, flight: _Flight) -> None:
        """A flight has ended."""
        self._flights.discard(flight)


class _Flight:
    """One request on its way and its answer on the way back."""

    def __init__(self, transport: MemoryTransport, call: Call) -> None:
        self.transport = transport
        self.call = call
        self.head: asyncio.Future[MemoryResponse] = asyncio.get_running_loop().create_future()
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()  # the client hung up
        self._exchange: Exchange | None = None
        self._left = False
        self._timer: asyncio.TimerHandle | None = None

    def arrive(self) -> None:
        """The last byte of the request reached the server."""
        self._exchange = self.transport.endpoint.arrive(self.call, self.transport.network.unix())
        if self._left:
            self._disconnect()
            return
        answer = self._exchange.answer
        if answer.head_after > 0:
            clock = self.transport.clock
            self._timer = clock.call_at(clock.now() + answer.head_after, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        assert self._exchange is not None
        answer, clock = self._exchange.answer, self.transport.clock
        if answer.headless:
            self._timer = None
            if answer.ending is not Ending.STALL:
                self._finish("broken")
                if not self.head.done():
                    self.head.set_exception(self.transport.connection_failed(True))
            return
        head = MemoryHead(answer.status, answer.headers, clock.now())
        if not self.head.done():
            self.head.set_result(MemoryResponse(self, head, self._exchange))
        if answer.ending is Ending.STALL:
            return
        how = "whole" if answer.ending is Ending.WHOLE else "broken"
        duration = sum(delay for delay, _ in answer.frames)
        if duration > 0:
            self._timer = clock.call_at(clock.now() + duration, self._finish, how)
        else:
            self._finish(how)

    def leave(self) -> None:
        """The client hung up. Synchronous, idempotent."""
        if not self._left:
            self._left = True
            self.head.cancel()
            if not self.gone.done() and not self.gone.get_loop().is_closed():
                self.gone.set_result(None)
            if self._exchange is not None and self._exchange.arrival.finished_at is None:
                self._disconnect()

    def _disconnect(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        network = self.transport.network
        if network.linger > 0:
            self._timer = network.clock.call_at(network.clock.now() + network.linger, self._finish, "disconnected")
        else:
            self._finish("disconnected")

    def _finish(self, how: str) -> None:
        assert self._exchange is not None
        self.transport.endpoint.finish(self._exchange, self.transport.network.unix(), how)
        self.transport.forget(self)


class MemoryResponse:
    """An open response; its body is read once."""

    head: Any
    """Has the attributes of the client's `ResponseHead`, which may not be imported here."""

    def __init__(self, flight: _Flight, head: MemoryHead, exchange: Exchange) -> None:
        self.head = head
        self._flight = flight
        self._frames = exchange.answer.frames
        self._next = 0
        self._ending = exchange.answer.ending
        self._due = head.received_at

    async def read(self) -> bytes:
        """Read the whole rest of the body. Cancellation: safe; the response stays open until `release`."""
        return b"".join([data async for data in self])

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return what arrives next. After `release` the connection is broken, for a read in progress too."""
        clock, gone = self._flight.transport.clock, self._flight.gone
        while self._next < len(self._frames) and not gone.done():
            delay, data = self._frames[self._next]
            due = self._due + delay
            if due > clock.now():
                # Cancelled here, the frame is still there for the next read.
                await asyncio.wait((gone,), timeout=clock.real(due - clock.now()))
                continue
            self._due = due
            self._next += 1
            if data:
                return data
        if self._ending is Ending.WHOLE and not gone.done():
            raise StopAsyncIteration
        if self._ending is Ending.STALL:
            await asyncio.wait((gone,))
        raise self._flight.transport.connection_failed(True)

    def release(self) -> None:
        """Hang up, or do nothing if the server was done. Synchronous, idempotent."""
        self._flight.leave()


def _call(request: Any) -> Call:
    url = urlsplit(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    origin = f"{url.scheme}://{url.netloc}"
    query = dict(parse_qsl(url.query))
    return Call(request.method, unquote(url.path), headers, request.body or b"", query, origin)


def _reset(sent: bool) -> Exception:
    return ConnectionResetError("the simulated connection broke")


def _timeout(phase: str, elapsed: float, sent: bool) -> Exception:
    return TimeoutError(f"no {phase} after {elapsed:.3f} s")
