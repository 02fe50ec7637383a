"""A simulated service in one object: give it a profile, open a door, ask its log.

async with Simulation().serve() as server:      # real HTTP on 127.0.0.1
    ...server.base_url...
door = Simulation().transport()                 # the same service without a socket, for virtual time
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Literal

from ghmodels_async import profiles
from ghmodels_async.clock import Clock
from ghmodels_async.profiles import Profile
from ghmodels_async.simulator.admission import Admission
from ghmodels_async.simulator.chat import Manner
from ghmodels_async.simulator.log import RequestLog
from ghmodels_async.simulator.memory import MemoryTransport
from ghmodels_async.simulator.network import Network
from ghmodels_async.simulator.service import Service
from ghmodels_async.simulator.sockets import Server
from ghmodels_async.simulator.windows import WindowKind

__all__ = ["Simulation"]


class Simulation:
    """One simulated service with its own quotas, log and luck."""

    def __init__(
        self,
        profile: str | Profile = "github",
        *,
        plan: str = "free",
        window: WindowKind = "sliding",
        long_window: WindowKind | None = None,
        concurrency_scope: Literal["model", "account"] = "model",
        seed: int = 0,
        clock: Clock | None = None,
        fast: bool = False,
        latency: tuple[float, float] | None = None,
        heavy_tail: float = 0.0,
        linger: float = 0.0,
        keep: int | None = None,
    ) -> None:
        self.profile = profiles.load(profile) if isinstance(profile, str) else profile
        self.clock = clock or Clock()
        self.log = RequestLog(keep)
        admission = Admission(
            window,
            long_window=long_window,
            concurrency_scope=concurrency_scope,
            everywhere=self.profile.account,
        )
        manner = Manner(seed=seed, fast=fast)
        self.service = Service(self.profile, plan, admission=admission, log=self.log, manner=manner)
        self.network = Network(self.clock, Random(seed), latency=latency, heavy_tail=heavy_tail, linger=linger)

    def transport(
        self,
        *,
        connection_failed: Callable[[bool], Exception] | None = None,
        timed_out: Callable[[str, float, bool], Exception] | None = None,
    ) -> MemoryTransport:
        """Open the door without sockets."""
        return MemoryTransport(self.service, self.network, connection_failed=connection_failed, timed_out=timed_out)

    def serve(self, port: int = 0, *, host: str = "127.0.0.1") -> Server:
        """Open the door with sockets: an async context manager."""
        return Server(self.service, self.network, host=host, port=port)
