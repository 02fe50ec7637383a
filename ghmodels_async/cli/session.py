"""Opening a client from command-line options, with a simulated service beside it when asked for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ghmodels_async.clock import Clock

from .notices import show_notices
from .options import ClientOptions

if TYPE_CHECKING:
    from ghmodels_async.client import GitHubModels
    from ghmodels_async.config import Settings
    from ghmodels_async.profiles import Profile

__all__ = ["SIMULATED_TOKEN", "open_anonymous", "open_client", "open_sender", "settings_of", "shares", "stranger"]

#: Goes nowhere but to the simulator on this machine; shaped so that nobody takes it for a real one.
SIMULATED_TOKEN = "simulated-token"  # noqa: S105


@asynccontextmanager
async def open_client(options: ClientOptions, **client: Any) -> AsyncIterator[GitHubModels]:
    """Open the client these options describe; with `--simulate` also a simulated service on a free loopback port.

    A simulated client never touches what belongs to the user: dummy token, no environment or configuration file for
    address and key, a ledger in memory.

    Args:
        options: As parsed.
        client: Further arguments for `GitHubModels`, e.g. ``retry`` or ``shared``; they win over the options.

    Raises:
        ConfigurationError: A setting that cannot be used, or no token. Nothing was sent.

    Cancellation: safe, client and simulator are closed.
    """
    from ghmodels_async.client import GitHubModels

    show_notices()
    clock = Clock(options.speed)
    async with AsyncExitStack() as stack:
        if options.simulate:
            found = await stack.enter_async_context(_simulator(options, clock))
        else:
            found = {"settings": settings_of(options)}
        yield await stack.enter_async_context(GitHubModels(**{**found, "clock": clock, **client}))


@asynccontextmanager
async def open_sender(options: ClientOptions) -> AsyncIterator[GitHubModels]:
    """As `open_client`, for a verb that sends: its requests count with those of every other command on this host.

    Where no file can be kept they count in memory, with a warning: a question is worth more than a common count.

    Raises:
        ConfigurationError: A setting that cannot be used, or no token. Nothing was sent.

    Cancellation: as `open_client`.
    """
    async with open_client(options, shared=shares(options) and _keeps_files(options)) as gh:
        yield gh


def shares(options: ClientOptions) -> bool:
    """Whether other processes on this host may be spending the same quota: wherever there is one.

    Raises:
        ConfigurationError: A setting that cannot be used.
    """
    if options.simulate:
        return False
    settings = settings_of(options)
    if settings.ledger == "memory":  # asked for: the count of one process
        return False
    profile = settings.profile
    return bool(profile.account) or any(quota.rates for plans in profile.rows.values() for quota in plans.values())


def _keeps_files(options: ClientOptions) -> bool:
    """Whether the ledger's directory can be written, or made."""
    from ghmodels_async.limits.ledger import state_directory

    folder = settings_of(options).state_dir or state_directory()
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


@asynccontextmanager
async def open_anonymous(options: ClientOptions) -> AsyncIterator[GitHubModels]:
    """A client of nobody's account, for what a table says: it reads no ledger of the user's and sends nothing.

    Raises:
        ConfigurationError: A setting that cannot be used.

    Cancellation: safe.
    """
    from dataclasses import replace

    from ghmodels_async.client import GitHubModels

    with TemporaryDirectory(prefix="ghmodels-") as folder:
        settings = replace(settings_of(options), ledger="memory", state_dir=Path(folder))
        async with GitHubModels(SIMULATED_TOKEN, settings=settings, clock=Clock(options.speed)) as gh:
            yield gh


def settings_of(options: ClientOptions) -> Settings:
    """The settings these options, the environment and the files lead to.

    Raises:
        ConfigurationError: A setting that cannot be used.
    """
    from ghmodels_async.config import resolve

    return resolve(
        profile=options.profile,
        base_url=options.base_url,
        plan=options.plan,
        organization=options.organization,
        env_file=options.env_file,
    )


def stranger(profile: Profile, model: str) -> str | None:
    """A remark on a model that is not in the endpoint's shipped catalog; None if it is, or if there is no catalog."""
    from ghmodels_async import catalog

    if profile.catalog is None or catalog.find(model, profile.catalog) is not None:
        return None
    near = ", ".join(catalog.nearest(model, 3, profile.catalog))
    return f"{model} is not in the catalog{f'; near it are {near}' if near else ''}."


@asynccontextmanager
async def _simulator(options: ClientOptions, clock: Clock) -> AsyncIterator[dict[str, Any]]:
    """Serve the simulated endpoint; yield the arguments of a client that talks to it and to nothing else."""
    from ghmodels_async.config import resolve
    from ghmodels_async.simulator import Simulation

    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="ghmodels-"))
        given: dict[str, Any] = {
            "profile": options.profile,
            "plan": options.plan,
            "organization": options.organization,
            "state_dir": folder,
            "ledger": "memory",
            "env": {},
        }
        # the address is known once the server runs; until then any on this machine settles profile and plan
        settings = resolve(base_url="http://127.0.0.1", **given)
        simulation = Simulation(
            settings.profile, plan=settings.plan, window=options.window, seed=options.seed, clock=clock, keep=0
        )
        server = await stack.enter_async_context(simulation.serve())
        yield {"token": SIMULATED_TOKEN, "settings": resolve(base_url=server.base_url, **given)}
