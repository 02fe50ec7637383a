"""`ghmodels simulate`: a simulated endpoint on 127.0.0.1 until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import click

from .options import simulator_options

if TYPE_CHECKING:
    from ghmodels_async.config import Settings
    from ghmodels_async.simulator import Simulation

__all__ = ["command"]


@click.command(name="simulate")
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="0 picks a free one. [0]")
@simulator_options
def command(port: int, **options: Any) -> None:
    """Serve a simulated endpoint with real limits on 127.0.0.1.

    It counts like the service of the chosen profile and plan, refuses with the same words and headers, and answers with
    text that depends on the prompt and says that it is simulated. Any token will do. Ctrl-C ends it.
    """
    asyncio.run(_serve(port, **options))


async def _serve(port: int, *, profile: str | None, plan: str | None, window: Any, seed: int, speed: float) -> None:
    from ghmodels_async.clock import Clock
    from ghmodels_async.config import resolve
    from ghmodels_async.errors import ConfigurationError
    from ghmodels_async.simulator import Simulation

    settings = resolve(profile=profile, plan=plan, base_url="http://127.0.0.1", env={})
    clock = Clock(speed)
    simulation = Simulation(settings.profile, plan=settings.plan, window=window, seed=seed, clock=clock, keep=0)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        async with simulation.serve(port) as server:
            print(_greeting(settings, profile or "github", server.base_url, window, speed), flush=True)
            await ended.wait()
    except OSError as error:
        raise ConfigurationError(
            f"The simulator cannot listen on 127.0.0.1:{port}: {error.strerror}.",
            fix="Choose another --port, or leave it out for a free one.",
        ) from None
    print(_farewell(simulation))


def _greeting(settings: Settings, named: str, base_url: str, window: str, speed: float) -> str:
    profile = settings.profile
    variable = profile.key_variables[0] if profile.key_variables else None
    pace = "" if speed == 1 else f", {speed:g} simulated seconds a second"
    scale = "" if speed == 1 else f" --speed {speed:g}"
    model = "openai/gpt-4o-mini" if profile.catalog else next(iter(profile.models), "any-model").replace("*", "x")
    lines = [
        f"Simulating {profile.title}, plan {settings.plan}, {window} windows{pace}.",
        f"Inference root: {base_url}",
        "",
        "In another terminal:",
        f"  export GHMODELS_PROFILE={named} GHMODELS_PLAN={settings.plan} GHMODELS_BASE_URL={base_url}",
        *([f"  export {variable}=simulated-token"] if variable else []),
        f"  ghmodels chat {model} 'Hello!'{scale}",
        "or with the OpenAI SDK:",
        f"  export OPENAI_BASE_URL={base_url} OPENAI_API_KEY=simulated-token",
        "",
        "Ctrl-C ends it.",
    ]
    return "\n".join(lines)


def _farewell(simulation: Simulation) -> str:
    log = simulation.log
    return f"\n{log.total} request{'' if log.total == 1 else 's'}, {log.statuses[429]} refused with 429."
