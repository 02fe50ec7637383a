"""Questions that cost no quota: which models are there, who am I."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from . import catalog
from .errors import (
    ConnectionFailedError,
    RequestTimeoutError,
    ServerError,
    ServiceRetiredError,
    TokenInvalidError,
    classify,
)
from .terms import Timeouts
from .transport import PhaseTimeouts, Request, Token
from .wire import ModelCard
from .wiring import Wiring, heads

__all__ = ["cards_of", "get_json", "models"]

_log = logging.getLogger("ghmodels_async.inquiry")

#: Nominal seconds until the head of a list: nothing is generated, so the patience for answers is not for it.
#: The guide's program waits 10.
_LISTING = 30.0


@cache
def _cards() -> TypeAdapter[list[ModelCard]]:
    return TypeAdapter(list[ModelCard])  # at its first use: building it took a twentieth of the import


async def models(wiring: Wiring, timeouts: Timeouts, prefix: str = "") -> Sequence[ModelCard]:
    """The endpoint's catalog: live where there is one, else the shipped snapshot (whose rows are `CatalogEntry`).

    A live catalog that is gone or out of reach gives way to the snapshot, with a line in the log.

    Raises:
        GHModelsError: The live catalog failed and no snapshot is shipped for this profile.

    Cancellation: safe.
    """
    url, shipped = wiring.settings.endpoint.catalog_url, wiring.profile.catalog
    if url is not None:
        try:
            return [card for card in cards_of(await get_json(wiring, url, timeouts)) if card.id.startswith(prefix)]
        except (ConnectionFailedError, RequestTimeoutError, ServiceRetiredError, ServerError) as error:
            if shipped is None:
                raise
            gone = isinstance(error, ServiceRetiredError)  # nothing to wonder about: the profile says so itself
            _log.log(logging.INFO if gone else logging.WARNING, "%s The shipped catalog answers instead.", error.why)
    if shipped is None:
        return []
    return [card for card in catalog.cards(shipped) if card.id.startswith(prefix)]


async def get_json(wiring: Wiring, url: str, timeouts: Timeouts) -> Any:
    """GET one address with this client's key, renewed once if it has expired; parsed JSON out.

    Raises:
        GHModelsError: No answer, or anything but a 200 with JSON.

    Cancellation: safe, the connection is closed.
    """
    token = await wiring.tokens.current()
    try:
        return await _get(wiring, url, timeouts, token)
    except TokenInvalidError:
        renewed = await wiring.tokens.refresh(token)
        if renewed is None:
            raise
    return await _get(wiring, url, timeouts, renewed)


async def _get(wiring: Wiring, url: str, timeouts: Timeouts, token: Token) -> Any:
    head = _LISTING if timeouts.head is None else min(timeouts.head, _LISTING)
    phases = PhaseTimeouts(timeouts.connect, head, timeouts.stall)
    response = await wiring.send(Request("GET", url, wiring.headers_for(token)), phases, _unnoticed)
    try:
        body = await response.read()
    finally:
        response.release()
    if (kept := heads.get()) is not None:
        kept.append(response.head)
    if response.head.status == 200:
        try:
            return from_json(body)
        except ValueError:
            pass
    context = wiring.fault_context("", url, token)
    raise classify(response.head.status, response.head.headers, body, context, wall=wiring.clock.wall())


def cards_of(listing: Any) -> list[ModelCard]:
    """The cards of a catalog's answer: GitHub's is a bare array, everybody else's ``{"data": [...]}``.

    Raises:
        ServerError: It is neither.
    """
    rows = listing.get("data", []) if isinstance(listing, dict) else listing
    if isinstance(rows, list):
        rows = [_by_name(row) for row in rows]
    try:
        return _cards().validate_python(rows)
    except ValidationError as error:
        raise ServerError(
            "The catalog is not a list of models.",
            checked=f"{error.error_count()} fields of the answer",
            fix="Check the address of the catalog in the profile",
        ) from None


def _by_name(row: Any) -> Any:
    """GitHub's old host gave its registry's addresses as ids; what a request takes is the name beside them."""
    if isinstance(row, dict) and str(row.get("id")).startswith("azureml://") and row.get("name"):
        return {**row, "id": row["name"], "name": row.get("friendly_name") or row["name"]}
    return row


def _unnoticed(_: float) -> None:
    """A question without quota has no permit to stamp."""
