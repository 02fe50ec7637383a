"""Time as an object: what quotas, waits and timeouts are counted in.

Everything above this floor counts in *nominal* seconds, the seconds a quota table or a `retry-after` header means.
A `Clock` maps them to real ones: with ``scale=60`` one real second is a nominal minute, so a simulated day of quota
passes in 24 minutes. `scale` is 1 whenever a live service is on the other end.

Tests run the same code on an event loop whose time is virtual; the wall clock is then a function of that loop's time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["Clock"]


class Clock:
    """Nominal time for one client, one gate or one simulator.

    Args:
        scale: Nominal seconds per real second, greater than 0.
        wall: Real wall-clock time in Unix seconds; the default is `time.time`.
    """

    __slots__ = ("_wall", "_wall_origin", "scale")

    def __init__(self, scale: float = 1.0, *, wall: Callable[[], float] = time.time) -> None:
        if not scale > 0:
            raise ValueError(f"scale must be greater than 0, not {scale!r}")
        self.scale = scale
        self._wall = wall
        self._wall_origin = wall()

    def now(self) -> float:
        """Monotonic nominal seconds of the running event loop; only differences mean anything."""
        return asyncio.get_running_loop().time() * self.scale

    def wall(self) -> float:
        """Nominal Unix time in seconds: what daily quotas and reset times are written in."""
        real = self._wall()
        if self.scale == 1.0:
            return real
        return self._wall_origin + (real - self._wall_origin) * self.scale

    def real(self, seconds: float) -> float:
        """Real seconds that `seconds` nominal ones take."""
        return seconds / self.scale

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` nominal seconds. Cancellation: safe, nothing is held."""
        await asyncio.sleep(seconds / self.scale)

    def call_at(self, when: float, callback: Callable[..., object], *args: object) -> asyncio.TimerHandle:
        """Call back once `now()` has reached `when` (nominal, monotonic)."""
        return asyncio.get_running_loop().call_at(when / self.scale, callback, *args)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """`asyncio.timeout` in nominal seconds; None means no limit."""
        return asyncio.timeout(None if seconds is None else seconds / self.scale)
