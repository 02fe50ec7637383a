"""A simulated service for programs that have no event loop of their own: it runs in a thread of its own.

Any client in any framework, synchronous ones included, can talk to it. Its log may be read from outside at any time.
"""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

from ghmodels_async.simulator.log import RequestLog
from ghmodels_async.simulator.simulation import TOKEN, Simulation
from ghmodels_async.simulator.sockets import Server

__all__ = ["BackgroundServer"]


class BackgroundServer:
    """A running server in a daemon thread; a plain context manager starts and stops it.

    Args:
        simulation: What to serve.
        port: 0 picks a free one.
    """

    token = TOKEN
    """A key the service takes; any other works too, each with its own quota."""

    def __init__(self, simulation: Simulation, *, port: int = 0) -> None:
        self.simulation = simulation
        self._server: Server = simulation.serve(port)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._failure: BaseException | None = None

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return self._server.url

    @property
    def base_url(self) -> str:
        """The inference root: what an OpenAI-compatible client calls its base URL."""
        return self._server.base_url

    @property
    def log(self) -> RequestLog:
        """What the service saw."""
        return self.simulation.log

    def __enter__(self) -> BackgroundServer:
        self._thread = threading.Thread(target=self._run, name="simulated service", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # the port may be taken: the starter has to know
            self._failure = failure
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with self._server:
            self._started.set()
            await self._stop.wait()
