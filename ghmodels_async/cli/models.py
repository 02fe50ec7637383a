"""`ghmodels models`: what is known about models."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from .options import ClientOptions, client_options, json_option
from .screen import console, fitted, plain_table, print_json
from .session import open_client, settings_of

if TYPE_CHECKING:
    from ghmodels_async.profiles import Profile
    from ghmodels_async.wire import ModelCard

__all__ = ["command"]


@click.command(name="models")
@click.argument("prefix", default="")
@click.option("--all", "everything", is_flag=True, help="Also models that had left the catalog.")
@json_option
@client_options
def command(options: ClientOptions, prefix: str, everything: bool, as_json: bool) -> None:
    """List models and what is known about them.

    PREFIX narrows the list, e.g. openai/ or meta/llama. Where the endpoint has no catalog any more, the shipped
    snapshot answers; its date stands under the table.
    """
    listing = asyncio.run(_listing(options, prefix, everything))
    if as_json:
        print_json([_plain(card) for card in listing.cards])
    else:
        _print_table(listing)


@dataclass(frozen=True, slots=True)
class _Listing:
    cards: Sequence[ModelCard]
    profile: Profile
    origin: str


async def _listing(options: ClientOptions, prefix: str, everything: bool) -> _Listing:
    from ghmodels_async import catalog

    shipped = None if options.simulate else _snapshot_instead(options)
    if shipped is not None:
        found: Sequence[ModelCard] = [
            card for card in catalog.cards(shipped.catalog or "") if card.id.startswith(prefix)
        ]
        profile = shipped
    else:
        async with open_client(options) as gh:
            found, profile = await gh.models(prefix=prefix), gh.profile
    live = not any(isinstance(card, catalog.CatalogEntry) for card in found)
    kept = [card for card in found if everything or getattr(card, "available", True)]
    where = f"live from {profile.title}" if live else f"catalog of {catalog.snapshot_date(profile.catalog or '')}"
    origin = where if live or profile.status == "alive" else f"{where}; the service: {profile.status}"
    return _Listing(sorted(kept, key=lambda card: card.id), profile, origin)


def _snapshot_instead(options: ClientOptions) -> Profile | None:
    """The profile, if its service is gone and its catalog shipped: then there is nobody to ask, and no token for it."""
    settings = settings_of(options)
    gone = settings.profile.status != "alive" and not settings.endpoint.explicit
    return settings.profile if gone and settings.profile.catalog else None


_ABILITIES = {"streaming": "streams", "tool-calling": "tools", "reasoning": "reasons"}


def _print_table(listing: _Listing) -> None:
    out = console()
    titles = ("Model", "Limits", "Context", "Output", "Takes", "Can")
    table = plain_table(*titles, right=("Context", "Output"))
    for card in listing.cards:
        limits = card.limits
        table.add_row(
            card.id,
            listing.profile.row_of(card.id) or card.rate_limit_tier or "",
            _count(limits.max_input_tokens if limits else None),
            _count(limits.max_output_tokens if limits else None),
            "+".join(card.supported_input_modalities),
            " ".join(_ABILITIES[ability] for ability in card.capabilities if ability in _ABILITIES),
        )
    out.print(fitted(table, out.width, ("Can", "Takes", "Output", "Limits")))
    count = len(listing.cards)
    out.print(f"{count} model{'' if count == 1 else 's'}, {listing.origin}.", style="dim")


def _count(tokens: int | None) -> str:
    return "" if tokens is None else f"{tokens:,}"


def _plain(card: ModelCard) -> dict[str, Any]:
    return card.model_dump(mode="json", exclude_none=True)
