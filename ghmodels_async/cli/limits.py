"""`ghmodels limits`: every limit, how much of it is used, when it opens, where its number comes from."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, nullcontext
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from .options import ClientOptions, client_options, json_option
from .screen import Page, console, fitted, plain_table, print_json
from .session import open_anonymous, open_client, stranger

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ghmodels_async.client import GitHubModels
    from ghmodels_async.limits import LimitState

__all__ = ["command"]

#: What stands before the details in a limit's source: "table", "observed", "learned".
_SHORT = re.compile(r"[:,] ")

#: Said where no token was found.
_NOBODY = "No token was found, so no account was looked at: what is used and left is not known."

_WINDOWS = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86400.0: "day", 31 * 86400.0: "month"}


@click.command(name="limits")
@click.argument("models", metavar="[MODEL]...", nargs=-1)
@click.option("--watch", is_flag=True, help="Look again every second until Ctrl-C.")
@json_option
@client_options
def command(options: ClientOptions, models: tuple[str, ...], watch: bool, as_json: bool) -> None:
    """Show every limit: used, left, when it opens, where the number came from.

    Without MODEL: of every model that this account's ledger remembers, or else the plan's table. Without a token: what
    the table says, and nothing of what was used. Nothing is sent and nothing is spent.
    """
    asyncio.run(_watch(options, models, as_json) if watch else _once(options, models, as_json))


async def _once(options: ClientOptions, models: Sequence[str], as_json: bool) -> None:
    await _look(options, models, as_json, console().print)


async def _watch(options: ClientOptions, models: Sequence[str], as_json: bool) -> None:
    """Each look opens the client anew: that reads what other processes have written to the ledger meanwhile."""

    out = console()
    seen: RenderableType = ""
    with out.screen(hide_cursor=True) if out.is_terminal and not as_json else nullcontext() as screen:

        def show(limits: RenderableType) -> None:
            nonlocal seen
            seen = limits
            if screen is None:
                out.print(limits)
            else:
                screen.update(Page(limits, "name models to see fewer"))

        try:
            while True:
                await _look(options, models, as_json, show)
                await asyncio.sleep(1)
        except asyncio.CancelledError:  # Ctrl-C is how a watch ends well
            pass
    if screen is not None:
        out.print(seen)  # the last look stays where it can be read


async def _look(
    options: ClientOptions, models: Sequence[str], as_json: bool, show: Callable[[RenderableType], None]
) -> None:
    from ghmodels_async.errors import TokenNotFoundError

    known = True
    async with AsyncExitStack() as stack:
        gh = await stack.enter_async_context(open_client(options))
        try:
            await gh.limits.open()
        except TokenNotFoundError:  # nobody knows the account, but the table is the same for all
            known = False
            gh = await stack.enter_async_context(open_anonymous(options))
            await gh.limits.open()
        states = _states(gh, models)
        if as_json:
            print_json(_plain(gh, states, known), indent=None)
        else:
            show(_shown(gh, states, known))


def _states(gh: GitHubModels, models: Sequence[str]) -> list[LimitState]:
    if not models:
        return gh.limits.explain()
    found = [state for model in models for state in gh.limits.explain(model)]
    # the account's limits come with every model: each is shown once, after the models' own
    account = {state.limit: state for state in found if state.scope == "account"}
    return [*(state for state in found if state.scope != "account"), *account.values()]


def _plain(gh: GitHubModels, states: Sequence[LimitState], known: bool) -> dict[str, Any]:
    """As JSON. `used` and `left` are null where no account was looked at."""
    rows = [{key: _jsonable(value) for key, value in asdict(state).items()} for state in states]
    unknown = {} if known else {"used": None, "left": None}
    return {
        "profile": gh.profile.name,
        "plan": gh.plan,
        "account_known": known,
        "limits": [row | unknown for row in rows],
    }


def _jsonable(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _shown(gh: GitHubModels, states: Sequence[LimitState], known: bool) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    if not states:
        return _plan_table(gh, known)
    titles = ("Limit", "Amount", "Used", "Left", "Opens", "Source")
    table = plain_table(*titles, right=("Used", "Left"), fold=("Limit",))
    previous = None
    for state in states:
        whose = state.model or "all models"
        if whose != previous:
            table.add_row(Text(whose, style="bold"))
        previous = whose
        unused = state.unit == "tokens per request" or not known
        table.add_row(
            f"  {state.limit}",
            _amount(state),
            "" if unused else f"{state.used:,}",
            "" if unused or state.left is None else f"{state.left:,}",
            _opens(state, gh.clock.wall()),
            Text(_SHORT.split(state.source)[0], style="dim"),
            style="red" if state.blocked_until else None,
        )
    notes = [] if known else [_NOBODY]
    notes += [f"Last 429 of {state.limit}: {state.last_429}" for state in states if state.last_429]
    notes += filter(None, (stranger(gh.profile, model) for model in dict.fromkeys(s.model for s in states) if model))
    notes += dict.fromkeys(state.source for state in states if _SHORT.search(state.source))
    fitted(table, console().width, ("Source", "Amount", "Used"))
    return Group(table, *(Text(note, style="dim") for note in notes))


def _plan_table(gh: GitHubModels, known: bool) -> RenderableType:
    """What the profile says about the plan, for an account that has not used anything yet, or is not known."""
    from rich.console import Group
    from rich.text import Text

    profile = gh.profile
    numbers = ("In flight", "Tokens in", "Tokens out")
    table = plain_table("Row", "Limits", *numbers, right=numbers, fold=("Limits",))
    for row, plans in profile.rows.items():
        quota = plans.get(gh.plan)
        if quota is None:
            table.add_row(row, Text("not on this plan", style="dim"))
            continue
        rates = ", ".join(_rate(rate.amount, rate.unit, rate.window) for rate in quota.rates)
        table.add_row(row, rates, *(_number(n) for n in (quota.concurrent, quota.tokens_in, quota.tokens_out)))
    for rate in profile.account:
        seen = " (observed, undocumented)" if rate.observed else ""
        table.add_row("all models", _rate(rate.amount, rate.unit, rate.window) + seen)
    if profile.account_concurrent is not None:
        table.add_row("all models", "", _number(profile.account_concurrent))
    fitted(table, console().width, ("Tokens out", "Tokens in", "In flight"))
    origin = f"{profile.title}, plan {gh.plan}; source: {profile.source}, {profile.date}."
    hint = "This account has used nothing that is remembered." if known else _NOBODY
    hint += " `ghmodels limits MODEL` shows one model."
    return Group(table, Text(origin, style="dim"), Text(hint, style="dim"))


def _rate(amount: int, unit: str, window: float) -> str:
    what = "" if unit == "requests" else f" {unit.replace('_', ' ')}"
    return f"{amount:,}{what}/{_WINDOWS.get(window) or f'{window:g} s'}"


def _amount(state: LimitState) -> str:
    if state.amount is None:
        return "unknown"
    if state.window is None:
        return f"{state.amount:,}"
    return _rate(state.amount, state.unit, state.window)


def _opens(state: LimitState, now: float) -> str:
    """When one more could go, in the reader's own time zone; empty: now, or unknown."""
    instant = max((at for at in (state.next_free_at, state.blocked_until) if at is not None), default=None)
    if instant is None:
        return ""
    wait = max(0.0, instant.timestamp() - now)
    local = instant.astimezone()
    return f"in {wait:.0f} s" if wait < 120 else f"{local:%H:%M}" if wait < 43200 else f"{local:%a %H:%M}"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
