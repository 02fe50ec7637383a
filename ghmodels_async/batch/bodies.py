"""The body of a finished reply for its record: what `ChatReply.raw` says, without pydantic's objects on the way.

Making them once more, to take them apart again, would be a sixth of what the engine adds to a row.
"""

from __future__ import annotations

from typing import Any

from ghmodels_async.stream import ChatReply, body_of

__all__ = ["chat_body"]


def chat_body(reply: ChatReply) -> dict[str, Any]:
    """What ``reply.raw.model_dump(exclude_none=True)`` gives; `choices` is always there."""
    if reply.completion is not None:
        return reply.completion.model_dump(mode="json", exclude_none=True)
    body = body_of(reply)
    body["choices"] = [_said(choice) for choice in body["choices"]]
    return _said(body)


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
