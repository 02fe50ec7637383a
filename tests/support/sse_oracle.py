"""The event-stream algorithm of the WHATWG standard, written down naively: the whole stream at once.

Slow and obvious on purpose: `SSEDecoder` is compared with it.
"""

from __future__ import annotations

import re


def events_of(stream: bytes) -> list[tuple[str, str, str, int | None]]:
    """(event, data, last event id, reconnection time) of every event dispatched by a finished stream."""
    text = stream.decode("utf-8", "replace")
    if text.startswith("\ufeff"):
        text = text[1:]
    lines = re.split("\r\n|\n|\r", text)
    lines.pop()  # what follows the last line end is not a line
    found: list[tuple[str, str, str, int | None]] = []
    data, event_type, last_id, retry = "", "", "", None
    for line in lines:
        if line == "":
            if data != "":
                found.append((event_type or "message", data.removesuffix("\n"), last_id, retry))
            data, event_type = "", ""
            continue
        if line.startswith(":"):
            continue
        field, colon, value = line.partition(":")
        if colon and value.startswith(" "):
            value = value[1:]
        if field == "event":
            event_type = value
        elif field == "data":
            data += value + "\n"
        elif field == "id" and "\0" not in value:
            last_id = value
        elif field == "retry" and value and all(character in "0123456789" for character in value):
            retry = int(value)
    return found
