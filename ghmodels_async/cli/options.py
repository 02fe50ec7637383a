"""The options every verb shares, and the value they become."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ghmodels_async.simulator import WindowKind

__all__ = ["SECONDS", "ClientOptions", "FiniteRange", "client_options", "json_option", "simulator_options"]

#: As in `simulator.WINDOW_KINDS`; written again so that `--help` need not load the simulator. A test compares them.
WINDOWS = ("sliding", "fixed", "aligned", "bucket", "rejects", "counter")


class FiniteRange(click.FloatRange):
    """A range of numbers; click's own takes "nan" for one of them, and "inf"."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


SECONDS = FiniteRange(min=0)

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How to open a client: where, on which plan, live or simulated. None means: look in environment and file."""

    profile: str | None = None
    base_url: str | None = None
    plan: str | None = None
    organization: str | None = None
    env_file: str | None = None
    simulate: bool = False
    speed: float = 1.0
    seed: int = 0
    window: WindowKind = "sliding"


def _profile(command: Command) -> Command:
    return click.option("--profile", metavar="NAME|FILE", help="Endpoint: a shipped name or a TOML file. [github]")(
        command
    )


def _plan(command: Command) -> Command:
    return click.option("--plan", metavar="PLAN", help="Which column of the limit table. [the profile's first]")(
        command
    )


def _simulation(command: Command) -> Command:
    for option in reversed(
        (
            click.option(
                "--speed",
                type=FiniteRange(min=0, min_open=True),
                default=1.0,
                metavar="S",
                help="Simulated seconds per real second. [1]",
            ),
            click.option("--seed", type=int, default=0, metavar="N", help="The simulator's luck. [0]"),
            click.option(
                "--window",
                type=click.Choice(WINDOWS),
                default="sliding",
                help="How the simulated server counts. [sliding]",
            ),
        )
    ):
        command = option(command)
    return command


def client_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the shared options; the function receives one `ClientOptions` as its first argument instead of them."""

    @wraps(command)
    def gathered(**given: Any) -> Any:
        mine = {field.name: given.pop(field.name) for field in fields(ClientOptions)}
        options = ClientOptions(**mine)
        _check(options)
        return command(options, **given)

    decorated: Callable[..., Any] = _simulation(gathered)
    for option in reversed(
        (
            click.option("--base-url", metavar="URL", help="Inference root instead of the profile's."),
            click.option("--organization", "--org", metavar="LOGIN", help="Attribute the use to this organisation."),
            click.option(
                "--env-file",
                metavar="FILE",
                type=click.Path(exists=True, dir_okay=False),
                help="Read NAME=value lines.",
            ),
            click.option(
                "--simulate", is_flag=True, help="Against a built-in simulated service; no token, no network."
            ),
        )
    ):
        decorated = option(decorated)
    return _profile(_plan(decorated))


def simulator_options(command: Command) -> Command:
    """Add the options of a simulated service alone."""
    return _profile(_plan(_simulation(command)))


def json_option(command: Command) -> Command:
    """Add `--json`, received as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="JSON, for programs to read.")(command)


def _check(options: ClientOptions) -> None:
    if options.simulate and options.base_url:
        raise click.UsageError("--simulate starts its own service; it cannot be combined with --base-url.")
    if options.simulate:
        return
    for name, default in (("seed", 0), ("window", "sliding")):
        if getattr(options, name) != default:
            raise click.UsageError(f"--{name} is a property of the simulated service; add --simulate.")
    address = options.base_url or os.environ.get("GHMODELS_BASE_URL")
    if options.speed != 1.0 and not _loopback(address):
        raise click.UsageError("--speed needs --simulate, or the address of a simulator on this machine.")


def _loopback(url: str | None) -> bool:
    return url is not None and re.match(r"http://(127\.[0-9.]+|localhost|\[::1\])(?=[:/]|$)", url) is not None
