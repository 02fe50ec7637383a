"""The stub server where there is no C compiler: the same paths as stub.c, in several Python processes on one port.

    python -m benchmarks.stub WORKERS

A hand-written protocol without a parser: about twice the work of stub.c per byte and twenty times per request, so the
server's share of its core, which every table shows, decides whether a measurement counts.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from functools import partial

from .machine import raise_file_limit

BODY = (
    b'{"id":"chatcmpl-CeWq2fXkz0aVbTnYp3LsRmJd","object":"chat.completion","created":1763800000,'
    b'"model":"gpt-4.1-mini-2025-04-14","choices":[{"index":0,"message":{"role":"assistant","content":'
    b'"The sky is blue because air scatters short waves of sunlight more than long ones.","refusal":null},'
    b'"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":14,"completion_tokens":17,'
    b'"total_tokens":31},"system_fingerprint":"fp_3f58d112f7"}'
)
OWN = b"x-request-id: 5f0c5d0e-9a49-4c53-9f0e-2f8f6f1c2a11\r\nx-ratelimit-remaining-requests: 19999\r\n\r\n"
CHAT = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: %d\r\n" % len(BODY)
    + OWN
    + BODY
)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n" + OWN
EVENT = (
    b'data: {"id":"chatcmpl-CeWq2fXkz0aVbTnYp3LsRmJd","object":"chat.completion.chunk","created":1763800000,'
    b'"model":"gpt-4.1-mini-2025-04-14","system_fingerprint":"fp_3f58d112f7","choices":[{"index":0,'
    b'"delta":{%s},"logprobs":null,"finish_reason":%s}],"usage":%s}\n\n'
)
USAGE = b'{"prompt_tokens":14,"completion_tokens":64,"total_tokens":78}'


def _chunk(event: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(event), event)


FIRST = _chunk(EVENT % (b'"role":"assistant","content":""', b"null", b"null"))
WORDS = [_chunk(EVENT % (b'"content":" word%d"' % number, b"null", b"null")) for number in range(16)]
LAST = _chunk(EVENT % (b"", b'"stop"', USAGE) + b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Stub(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._open = asyncio.Event()
        self._open.set()
        self._streaming: asyncio.Task[None] | None = None

    def pause_writing(self) -> None:
        self._open.clear()

    def resume_writing(self) -> None:
        self._open.set()

    def connection_lost(self, error: Exception | None) -> None:
        if self._streaming is not None:
            self._streaming.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            _, _, length = head.partition(b"\r\ncontent-length:")
            whole = end + 4 + int(length.split(b"\r\n", 1)[0] or 0)
            if len(self._buffer) < whole:
                return
            self._buffer = self._buffer[whole:]
            self._answer(head.split(b"/", 2)[1].decode())

    def _answer(self, scenario: str) -> None:
        kind, *numbers = scenario.split("-")
        if kind == "chat":
            delay = int(numbers[0]) / 1000
            if delay:
                self._loop.call_later(delay, partial(self._transport.write, CHAT))
            else:
                self._transport.write(CHAT)
        else:
            chunks, interval, pieces = map(int, numbers) if numbers else (2, 10**9, 1)
            self._streaming = self._loop.create_task(self._stream(chunks, interval / 1000, pieces))

    async def _stream(self, chunks: int, interval: float, pieces: int) -> None:
        self._transport.write(HEAD + FIRST)
        for number in range(1, chunks + 1):
            word = WORDS[number & 15]
            step = (len(word) // pieces) | 1 if pieces > 1 else len(word)
            for start in range(0, len(word), step):
                self._transport.write(word[start : start + step])
            if not self._open.is_set():
                await self._open.wait()
            if interval:
                await asyncio.sleep(interval)
        self._transport.write(LAST)


async def _serve(listener: socket.socket) -> None:
    server = await asyncio.get_running_loop().create_server(Stub, sock=listener, backlog=8192)
    await server.serve_forever()


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def main() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise_file_limit()
    listener = _listener(0)
    port = listener.getsockname()[1]
    print(port, flush=True)
    for _ in range(int(sys.argv[1]) - 1):
        if not os.fork():
            listener.close()
            listener = _listener(port)
            break
    asyncio.run(_serve(listener))


if __name__ == "__main__":
    main()
