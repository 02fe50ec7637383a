"""`ghmodels simulate`: a simulated endpoint on 127.0.0.1 until Ctrl-C."""

from __future__ import annotations

import asyncio
import difflib
import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from . import loops
from .options import SECONDS, FiniteRange, simulator_options

if TYPE_CHECKING:
    from ghmodels_async.config import Settings
    from ghmodels_async.simulator import Simulation

__all__ = ["command"]


def _rates(ctx: click.Context, param: click.Parameter, given: Sequence[str]) -> dict[str, float]:
    """``NAME=RATE`` words as a mapping; naming a fault twice adds up."""
    from ghmodels_async.simulator import FAULTS

    rates: dict[str, float] = {}
    for word in given:
        fault, _, written = word.partition("=")
        if fault not in FAULTS:
            near = difflib.get_close_matches(fault, FAULTS, n=1)
            meant = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(FAULTS)}."
            raise click.BadParameter(f"no fault is called {fault!r}. {meant}", ctx, param)
        try:
            rate = float(written)
        except ValueError:
            rate = -1.0
        if not 0 <= rate <= 1:
            raise click.BadParameter(
                f"{word!r} is not NAME=RATE with a RATE from 0 to 1, e.g. {fault}=0.05", ctx, param
            )
        rates[fault] = rates.get(fault, 0.0) + rate
    if sum(rates.values()) > 1:
        raise click.BadParameter("the rates of all faults add up to more than 1", ctx, param)
    return rates


def _low_high(
    ctx: click.Context, param: click.Parameter, given: tuple[float, float] | None
) -> tuple[float, float] | None:
    if given and given[0] > given[1]:
        raise click.BadParameter(f"LOW is above HIGH: {given[0]:g} {given[1]:g}", ctx, param)
    return given or None


_MISBEHAVIOUR = (
    click.option("--fast", is_flag=True, help="Answers at once, of one sentence: for load tests."),
    click.option(
        "--latency",
        nargs=2,
        type=SECONDS,
        callback=_low_high,
        metavar="LOW HIGH",
        help="Seconds a request travels. [none added]",
    ),
    click.option(
        "--heavy-tail",
        type=FiniteRange(0, 1),
        default=0.0,
        metavar="SHARE",
        help="Requests that travel 0.5 to 5 s longer.",
    ),
    click.option(
        "--linger", type=SECONDS, default=0.0, metavar="S", help="Seconds until a gone client's slot is free. [0]"
    ),
    click.option(
        "--fault",
        "fault_rates",
        multiple=True,
        callback=_rates,
        metavar="NAME=RATE",
        help="Meet this share of requests with a fault; repeatable.",
    ),
    click.option(
        "--concurrency-scope",
        type=click.Choice(["model", "account"]),
        default="model",
        help="What requests in flight are counted over. [model]",
    ),
)


def _misbehaviour(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_MISBEHAVIOUR):
        command = option(command)
    return command


@click.command(name="simulate")
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="0 picks a free one. [0]")
@simulator_options
@_misbehaviour
def command(port: int, profile: str | None, plan: str | None, speed: float, **manner: Any) -> None:
    """Serve a simulated endpoint with real limits on 127.0.0.1.

    It counts like the service of the chosen profile and plan, refuses with the same words and headers, and answers with
    text that depends on the prompt and says that it is simulated. Any token will do. Ctrl-C ends it.

    With --fault it breaks on purpose, e.g. --fault reset_mid_stream=0.05; docs/simulator.md describes all faults.
    """
    if manner["heavy_tail"] and manner["latency"] is None:
        raise click.UsageError("--heavy-tail lengthens what --latency gives; add --latency LOW HIGH.")
    loops.run(_serve(port, profile, plan, speed, **manner))


async def _serve(port: int, profile: str | None, plan: str | None, speed: float, **manner: Any) -> None:
    from ghmodels_async.clock import Clock
    from ghmodels_async.config import resolve
    from ghmodels_async.errors import ConfigurationError
    from ghmodels_async.simulator import Simulation

    settings = resolve(profile=profile, plan=plan, base_url="http://127.0.0.1", env={})
    simulation = Simulation(settings.profile, plan=settings.plan, clock=Clock(speed), keep=0, **manner)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        async with simulation.serve(port) as server:
            print(_greeting(settings, profile or "github", server.base_url, manner["window"], speed), flush=True)
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
