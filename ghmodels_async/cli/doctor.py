"""`ghmodels doctor`: what is wrong with token, account, organisation, endpoint or quota, and how to fix it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from .failures import exit_code
from .options import ClientOptions, client_options, json_option
from .session import open_sender
from .wording import reworded

if TYPE_CHECKING:
    from ghmodels_async.verification import Verification

__all__ = ["command"]


@click.command(name="doctor")
@click.argument("model", required=False)
@click.option("--no-ask", is_flag=True, help="Do not send the one inference request; nothing is spent then.")
@json_option
@client_options
def command(options: ClientOptions, model: str | None, no_ask: bool, as_json: bool) -> int:
    """Check settings, token, account, organisation, catalog, limits and one model, one line each.

    MODEL is asked one short question; without it, one with a large quota is chosen. The exit code is that of the first
    check that failed: 2 settings or token, 3 refused by the service, 4 out of quota, 1 anything else.
    """
    found = asyncio.run(_verification(options, model, ask=not no_ask))
    if as_json:
        from .screen import print_json

        print_json(_plain(found))
    else:
        _print(found)
    return 0 if found.error is None else exit_code(found.error)


async def _verification(options: ClientOptions, model: str | None, *, ask: bool) -> Verification:
    from ghmodels_async.errors import ConfigurationError
    from ghmodels_async.verification import Check, Verification

    try:
        async with open_sender(options) as gh:
            return await gh.verify(model, ask=ask, raises=False)
    except ConfigurationError as error:  # no client could be made of these settings
        checked = ", ".join(error.checked.splitlines()) or "arguments, environment, configuration file"
        return Verification((Check("settings", "failed", checked, error.why, error.fix, error),))


_STYLES = {"ok": "green", "failed": "red", "skipped": "dim"}


def _print(found: Verification) -> None:
    from rich.text import Text

    from .screen import console, tame

    out = console()
    for check in found.checks:
        line = Text(f"{check.state:<8}", style=_STYLES[check.state])
        out.print(line + Text(tame(f"{check.name:<14}{reworded(check.line)}")), soft_wrap=True)
        for number, step in enumerate(reworded(check.fix).splitlines()):
            out.print(Text(tame(f"{'':<8}{'' if number else 'to fix:':<14}{step}")), soft_wrap=True)
    failed = sum(check.state == "failed" for check in found.checks)
    skipped = sum(check.state == "skipped" for check in found.checks)
    well = len(found.checks) - failed - skipped
    out.print(f"{well} ok, {failed} failed, {skipped} skipped.", style="dim")


def _plain(found: Verification) -> dict[str, object]:
    return {
        "ok": found.ok,
        "checks": [
            {
                "name": check.name,
                "state": check.state,
                "checked": reworded(check.checked),
                "why": reworded(check.why),
                "fix": reworded(check.fix).splitlines(),
                "error": type(check.error).__name__ if check.error is not None else None,
            }
            for check in found.checks
        ],
    }
