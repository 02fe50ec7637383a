"""`ghmodels models`: what is known about models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .options import ClientOptions, client_options, json_option
from .session import open_client

if TYPE_CHECKING:
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
    cards, origin = asyncio.run(_cards(options, prefix, everything))
    if as_json:
        print(json.dumps([_plain(card) for card in cards], ensure_ascii=False, indent=2))
    else:
        _print_table(cards, origin)


async def _cards(options: ClientOptions, prefix: str, everything: bool) -> tuple[Sequence[ModelCard], str]:
    from ghmodels_async import catalog

    async with open_client(options) as gh:
        cards = [card for card in await gh.models(prefix=prefix) if everything or getattr(card, "available", True)]
        shipped = gh.profile.catalog if cards and isinstance(cards[0], catalog.CatalogEntry) else None
        origin = f"shipped snapshot of {catalog.snapshot_date(shipped)}" if shipped else f"live from {gh.profile.title}"
    return sorted(cards, key=lambda card: card.id), origin


def _print_table(cards: Sequence[ModelCard], origin: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", caption_justify="left")
    table.add_column("Model", no_wrap=True)
    table.add_column("Limits", no_wrap=True)
    table.add_column("Context", justify="right", no_wrap=True)
    table.add_column("Output", justify="right", no_wrap=True)
    table.add_column("Takes")
    table.add_column("Can")
    for card in cards:
        limits = card.limits
        table.add_row(
            card.id,
            getattr(card, "limit_row", None) or card.rate_limit_tier or "",
            _count(limits.max_input_tokens if limits else None),
            _count(limits.max_output_tokens if limits else None),
            ", ".join(card.supported_input_modalities),
            ", ".join(ability for ability in card.capabilities if not ability.startswith("agents")),
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{len(cards)} model{'' if len(cards) == 1 else 's'}, {origin}.", style="dim")


def _count(tokens: int | None) -> str:
    return "" if tokens is None else f"{tokens:,}"


def _plain(card: ModelCard) -> dict[str, Any]:
    return card.model_dump(mode="json", exclude_none=True)
