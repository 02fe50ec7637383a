"""What the service refuses before it runs a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ghmodels_async.simulator.answer import Answer
from ghmodels_async.simulator.refusals import invalid
from ghmodels_async.simulator.roster import Served

__all__ = ["check_chat"]


def check_chat(body: Mapping[str, Any], served: Served) -> Answer | None:
    """The first objection to a chat request, or None."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return invalid("Missing required parameter: 'messages'.", param="messages", code="missing_required_parameter")
    if not messages:
        return invalid("Invalid 'messages': empty array", param="messages", code="empty_array")
    return None
