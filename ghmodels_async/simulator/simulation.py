"""A simulated service in one object: give it a profile, open a door, ask its log.

    async with Simulation().serve() as server:      # real HTTP on 127.0.0.1
        ...                                         # server.base_url, any token
    door = Simulation().transport()                 # the same service without a socket, for virtual time

Everything it does is decided by its arguments and its seed. The constructor is longer than other functions because each
option takes a line where it comes in and a line where it goes.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Literal

from ghmodels_async import profiles
from ghmodels_async.clock import Clock
from ghmodels_async.profiles import Profile
from ghmodels_async.simulator.accounts import Accounts
from ghmodels_async.simulator.admission import Admission
from ghmodels_async.simulator.chat import Manner
from ghmodels_async.simulator.endpoint import Endpoint
from ghmodels_async.simulator.faults import Fault
from ghmodels_async.simulator.log import Arrival, RequestLog
from ghmodels_async.simulator.memory import MemoryTransport
from ghmodels_async.simulator.network import Network
from ghmodels_async.simulator.script import Script
from ghmodels_async.simulator.sockets import Server
from ghmodels_async.simulator.windows import WindowKind

__all__ = ["TOKEN", "Simulation"]

#: A token the service takes; any other works too.
TOKEN = "simulated-token"  # noqa: S105 - opens nothing


class Simulation:
    """One simulated service with its own quotas, log and luck.

    Args:
        profile: Whose limits and dialect: a shipped name, the path of a TOML file, or a `Profile`.
        plan: Column of the limit table; None means the profile's first.
        window: The law its limits follow (see `windows`).
        long_window: The law of windows of an hour and more; None means the same.
        concurrency_scope: Whether requests in flight are counted per model or over the whole account.
        seed: Decides texts, delays and chance.
        clock: Nominal time; ``Clock(scale=60)`` runs an hour of quota in a minute.
        fast: No pacing and texts of one sentence, for load tests.
        reasoning_field: Visible thinking goes to `reasoning_content`, not into `<think>` tags.
        latency: Shortest and longest uplink delay in seconds, e.g. ``(0.02, 0.25)``; None means none is added.
        heavy_tail: Share of requests that take 0.5 to 5 s longer to arrive; needs `latency`.
        linger: Seconds until the server notices that a client went away; only then its slot is free.
        fault_rates: Fault (or its name in `FAULTS`) -> share of inference requests that meet it.
        accounts: Token -> account name, for tokens that share an account.
        organizations: What `/user/orgs` answers.
        unknown_model_status: 404 or 400; both were seen.
        record: Keep bodies and headers (without credentials) in the log.
        keep: How many arrivals the log keeps; None keeps all.

    Raises:
        profiles.ProfileError: No such profile.
        ValueError: No such plan, window or fault.
    """

    def __init__(
        self,
        profile: str | Profile = "github",
        *,
        plan: str | None = None,
        window: WindowKind = "sliding",
        long_window: WindowKind | None = None,
        concurrency_scope: Literal["model", "account"] = "model",
        seed: int = 0,
        clock: Clock | None = None,
        fast: bool = False,
        reasoning_field: bool = False,
        latency: tuple[float, float] | None = None,
        heavy_tail: float = 0.0,
        linger: float = 0.0,
        fault_rates: Mapping[str | Fault, float] | None = None,
        accounts: Mapping[str, str] | None = None,
        organizations: tuple[str, ...] = ("simulated-org",),
        unknown_model_status: int = 404,
        record: bool = False,
        keep: int | None = None,
    ) -> None:
        self.profile = profiles.load(profile) if isinstance(profile, str) else profile
        self.plan = plan or self.profile.plans[0]
        if self.plan not in self.profile.plans:
            raise ValueError(
                f"profile {self.profile.name} has no plan {plan!r}; it has {', '.join(self.profile.plans)}"
            )
        self.clock = clock or Clock()
        self.log = RequestLog(keep)
        self._admission = Admission(
            window,
            long_window=long_window,
            concurrency_scope=concurrency_scope,
            everywhere=self.profile.account,
            most_of_account=self.profile.account_concurrent,
        )
        # One source of luck each, so that switching one option on does not change what the others draw.
        self._script = Script(fault_rates, Random(f"{seed} faults"))
        self.endpoint = Endpoint(
            self.profile,
            self.plan,
            admission=self._admission,
            accounts=Accounts(self.profile.auth, accounts),
            script=self._script,
            log=self.log,
            manner=Manner(seed=seed, fast=fast, reasoning_field=reasoning_field),
            organizations=organizations,
            unknown_model_status=unknown_model_status,
            record=record,
        )
        luck = Random(f"{seed} network")
        self.network = Network(self.clock, luck, latency=latency, heavy_tail=heavy_tail, linger=linger)

    def transport(
        self,
        *,
        connection_failed: Callable[[bool], Exception] | None = None,
        timed_out: Callable[[str, float, bool], Exception] | None = None,
    ) -> MemoryTransport:
        """Open the door without sockets.

        Args:
            connection_failed: Makes the exception of a broken connection from "had bytes left?"; None means the builtin
                ConnectionResetError.
            timed_out: Makes the exception of a timeout from phase, elapsed seconds and "had bytes left?"; None means
                the builtin TimeoutError.
        """
        return MemoryTransport(self.endpoint, self.network, connection_failed=connection_failed, timed_out=timed_out)

    def serve(self, port: int = 0, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Server:
        """Open the door with sockets: an async context manager.

        Args:
            port: 0 picks a free one.
            host: Interface to listen on.
            tls: Server-side context for https.
        """
        return Server(self.endpoint, self.network, host=host, port=port, tls=tls)

    def script(
        self,
        faults: Fault | Iterable[Fault | None] | Mapping[int, Fault],
        *,
        when: Callable[[Arrival], bool] | None = None,
        times: int | None = None,
    ) -> None:
        """Decide what the next requests meet.

        Args:
            faults: A sequence, one entry per inference request that the limits let through, None for a good answer; a
                mapping of ordinals (from 1) for the same; or one fault for a rule.
            when: With one fault: which requests meet it. It sees kind, model, account and number of the arrival.
            times: With one fault: how often at most; None means always with `when`, once without.
        """
        if not isinstance(faults, Fault):
            self._script.extend(faults)
        elif when is None:
            self._script.extend([faults] * (1 if times is None else times))
        else:
            self._script.rule(faults, when, times)

    def clear_script(self) -> None:
        """Forget everything scripted; `fault_rates` stay."""
        self._script.clear()

    def set_limit(self, type: str, amount: int) -> None:
        """Change a limit in mid-run, for every model and account.

        Args:
            type: As the service calls it, e.g. ``UserByModelByMinute`` or ``UserConcurrentRequests``.
            amount: The new amount, at least 1.

        Raises:
            ValueError: An amount below 1.
        """
        if amount < 1:
            raise ValueError(f"a limit is at least 1, not {amount}")
        self._admission.amounts[type] = amount
