"""What the service answers besides inference: the catalog, model lists, who the token belongs to.

Source: GitHub REST reference, "Catalog" (API version 2022-11-28), public captures of `/v1/models` and of the old host's
`/models`; `/user` and `/user/orgs` as api.github.com writes them, cut to the fields people read.
"""

from __future__ import annotations

from typing import Any

from ghmodels_async.catalog import CatalogEntry
from ghmodels_async.simulator.answer import Answer, json_answer
from ghmodels_async.simulator.roster import Roster

__all__ = ["catalog_cards", "model_list", "organizations", "user"]

_CREATED = 1_735_689_600


def catalog_cards(roster: Roster) -> Answer:
    """`GET /catalog/models`: a bare array."""
    return json_answer(200, [_card(entry) for entry in roster.listed()])


def model_list(roster: Roster) -> Answer:
    """`GET …/models`: wrapped as OpenAI does, a bare array of Azure's shape on the old host."""
    if roster.profile.name == "github-legacy":
        return json_answer(200, [_asset(entry) for entry in roster.listed()])
    ids = {entry.id: entry.publisher or "simulated" for entry in roster.listed()}
    ids = ids or dict.fromkeys(roster.examples(), "simulated")
    data = [{"id": name, "object": "model", "created": _CREATED, "owned_by": owner} for name, owner in ids.items()]
    return json_answer(200, {"object": "list", "data": data})


def _card(entry: CatalogEntry) -> dict[str, Any]:
    """The service's own fields; what only we know stays out."""
    name = entry.id.replace("/", "-", 1)
    limits = entry.limits.model_dump() if entry.limits is not None else None
    return {
        "id": entry.id,
        "name": entry.name,
        "publisher": entry.publisher,
        "registry": entry.registry,
        "summary": entry.summary or f"{entry.name} (simulated)",
        "html_url": entry.html_url or f"https://github.com/marketplace/models/{name}",
        "version": entry.version,
        "capabilities": list(entry.capabilities),
        "limits": limits,
        "rate_limit_tier": entry.rate_limit_tier,
        "supported_input_modalities": list(entry.supported_input_modalities),
        "supported_output_modalities": list(entry.supported_output_modalities),
        "tags": list(entry.tags or ()),
    }


def _asset(entry: CatalogEntry) -> dict[str, Any]:
    asset = f"azureml://registries/{entry.registry}/models/{entry.short_name}/versions/{entry.version}"
    return {
        "id": asset,
        "name": entry.short_name,
        "friendly_name": entry.name,
        "model_version": entry.version,
        "publisher": entry.publisher,
        "model_registry": entry.registry,
        "task": "chat-completion" if entry.chats else "embeddings",
        "summary": entry.summary or f"{entry.name} (simulated)",
        "tags": list(entry.tags or ()),
    }


def user(account: str) -> Answer:
    """`GET /user`."""
    body = {"login": f"simulated-{account}", "id": 1, "type": "User", "site_admin": False, "name": "Simulated user"}
    return json_answer(200, body, {"x-oauth-scopes": "read:org"})


def organizations(names: tuple[str, ...]) -> Answer:
    """`GET /user/orgs`."""
    return json_answer(200, [{"login": name, "id": number, "description": ""} for number, name in enumerate(names, 1)])
