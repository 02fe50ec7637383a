"""An event loop whose time is virtual: a day of quota passes in the time its decisions take.

`select()` never waits: it moves the loop's clock to the next timer. Every iteration adds one microsecond, because some
libraries (aiolimiter among them) reschedule for "now" until rounding errors are gone and would spin for ever on a clock
that stands still. While a thread works for the loop (`run_in_executor`) time stands still and the loop really waits.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from ghmodels_async.clock import Clock

T = TypeVar("T")

EPOCH = 1_790_000_000.0
"""Unix time at which virtual time starts: 2026-09-21 13:33:20 UTC."""

TICK = 1e-6


class VirtualSelector(selectors.BaseSelector):
    """A selector that answers at once and charges the wait to the virtual clock."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.now = 0.0
        self.threads_at_work = 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None and not self.threads_at_work:
            ready = self._real.select(5.0)
            if not ready:
                raise RuntimeError("virtual time stands still: nothing is scheduled and nothing can wake the loop")
            return ready
        if self.threads_at_work and (timeout is None or timeout > 0):
            return self._real.select(5.0)
        ready = self._real.select(0)
        self.now += TICK
        if not ready and timeout is not None and timeout > 0:
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`asyncio` on virtual time. Only for code without real sockets."""

    def __init__(self) -> None:
        self._virtual = VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        self._virtual.threads_at_work += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_returned)
        return future

    def _thread_returned(self, _: Any) -> None:
        self._virtual.threads_at_work -= 1

    def wall(self) -> float:
        return EPOCH + self._virtual.now


def virtual_clock(loop: VirtualTimeLoop | None = None) -> Clock:
    """A clock whose wall time follows the virtual loop (the running one by default)."""
    running = loop or asyncio.get_running_loop()
    assert isinstance(running, VirtualTimeLoop)
    return Clock(wall=running.wall)


def run_virtual(main: Coroutine[Any, Any, T], *, debug: bool = False) -> T:
    """`asyncio.run` on virtual time; debug is off because ten simulated hours would take minutes with it."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop, debug=debug) as runner:
        return runner.run(main)
