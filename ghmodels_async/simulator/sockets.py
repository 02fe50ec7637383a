"""The door with sockets: the service on 127.0.0.1, played in real time by the clock's scale.

A client that goes away frees its slot `linger` seconds later. Resets are real (RST), so are half-closed connections.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from types import TracebackType
from typing import Any, NoReturn

from aiohttp import web

from ghmodels_async.simulator.answer import Answer, Call, Ending
from ghmodels_async.simulator.endpoint import Endpoint, Exchange
from ghmodels_async.simulator.network import Network

__all__ = ["Server"]

#: Real seconds between the last bytes and a reset, which would otherwise overtake them.
_SETTLE = 0.02


class Server:
    """A running server; `async with` starts and stops it.

    Args:
        endpoint: Who answers.
        network: Simulated travel time on top of the loopback's own.
        host: Interface to listen on.
        port: 0 picks a free one.
        tls: Server-side context for https.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        network: Network,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.network = network
        self.clock = network.clock
        self._host = host
        self._port = port
        self._tls = tls
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    @property
    def base_url(self) -> str:
        """The inference root: `/chat/completions` is appended to it."""
        return f"{self.url}/inference"

    async def __aenter__(self) -> Server:
        self._server = web.Server(self._handle, request_factory=_request, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, ssl_context=self._tls)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop listening and hang up on everybody. Idempotent. Cancellation: safe, call again."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def connections(self) -> int:
        """Client connections that are open now, idle ones included."""
        return len(self._server.connections) if self._server is not None else 0

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        call = _call(request, await request.read())
        await self._travel(call)
        exchange = self.endpoint.arrive(call, self.network.unix())
        answer = exchange.answer
        try:
            response = await self._play(request, answer)
        except ConnectionResetError:  # the client went away while we were writing: its business, no error of ours
            self._finish(exchange, "disconnected")
            raise asyncio.CancelledError from None
        except BaseException:
            self._finish(exchange, "disconnected")
            raise
        self._finish(exchange, "whole" if answer.ending is Ending.WHOLE else "broken")
        if answer.ending is not Ending.WHOLE:
            await self._break(request, answer.ending)
        return response

    async def _travel(self, call: Call) -> None:
        """Wait for the uplink. A client that goes away meanwhile cannot call its request back."""
        delay = self.network.uplink()
        if delay > 0:
            due = self.clock.now() + delay
            try:
                await self.clock.sleep(delay)
            except asyncio.CancelledError:
                self.clock.call_at(due, self._arrive_abandoned, call)
                raise

    def _arrive_abandoned(self, call: Call) -> None:
        self._finish(self.endpoint.arrive(call, self.network.unix()), "disconnected")

    def _finish(self, exchange: Exchange, how: str) -> None:
        clock, linger = self.clock, self.network.linger
        if how == "disconnected" and linger > 0:
            clock.call_at(clock.now() + linger, self._let_go, exchange, how)
        else:
            self._let_go(exchange, how)

    def _let_go(self, exchange: Exchange, how: str) -> None:
        self.endpoint.finish(exchange, self.network.unix(), how)

    async def _play(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        """Send everything up to the answer's ending."""
        if answer.head_after > 0:
            await self.clock.sleep(answer.head_after)
        if answer.ending is Ending.WHOLE and len(answer.frames) <= 1:
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        response = web.StreamResponse(status=answer.status or 200, headers=answer.headers)
        if not answer.headless:
            await response.prepare(request)
            await self._send_frames(response, answer)
        if answer.ending is Ending.WHOLE:
            await response.write_eof()
        elif answer.ending is Ending.STALL:
            await asyncio.get_running_loop().create_future()
        return response

    async def _send_frames(self, response: web.StreamResponse, answer: Answer) -> None:
        """Write each frame when it is due; what is overdue goes out in one write."""
        clock = self.clock
        due = clock.now()
        waiting: list[bytes] = []
        for delay, data in answer.frames:
            due += delay
            if delay > 0 and due > clock.now():
                if waiting:
                    await response.write(b"".join(waiting))
                    waiting.clear()
                await clock.sleep(due - clock.now())
            waiting.append(data)
        if waiting:
            await response.write(b"".join(waiting))

    async def _break(self, request: web.BaseRequest, ending: Ending) -> NoReturn:
        """Break the connection for real, once what was sent before had time to be read."""
        transport = request.transport
        if transport is not None:
            await asyncio.sleep(_SETTLE)
            if ending is Ending.RESET:
                raw = transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                transport.abort()
            elif isinstance(transport, asyncio.WriteTransport) and transport.can_write_eof():
                transport.write_eof()
                await asyncio.get_running_loop().create_future()  # until the client hangs up as well
        raise asyncio.CancelledError  # the one way to leave a handler without another word on the wire


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    """A request of any size: images and 2,048 texts to embed pass aiohttp's usual megabyte."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=0)


def _call(request: web.BaseRequest, body: bytes) -> Call:
    headers = {name.lower(): value for name, value in request.headers.items()}
    origin = f"{request.scheme}://{request.host}"
    return Call(request.method, request.path, headers, body, dict(request.query), origin)
