"""Bytes in, server-sent events out: the event stream of the WHATWG HTML standard, chapter 9.2.

Theory of operation. A stream is UTF-8 text in lines; a line is a field (``name: value``) or a comment (``: ...``); an
empty line dispatches the event gathered so far. Lines end in CR, LF or CRLF, and the network may cut anywhere: inside
a line, between CR and LF, inside a character, inside the byte order mark. Three facts keep this simple and linear:

* CR and LF never occur inside a multi-byte UTF-8 sequence, so splitting bytes into lines first and decoding each line
  afterwards gives exactly what decoding first would give, U+FFFD for invalid bytes included.
* Only new bytes are searched for line ends; an unfinished line waits in one `bytearray`. Every byte is copied a
  bounded number of times, whatever the chunking.
* A CR ends its line at once. If the next byte turns out to be LF it belongs to that CR and is skipped.

Nearly every read of a chat stream begins where an event begins and holds nothing but ``data: ...`` and empty lines;
such a read is decoded and split in one step (`take`). Whatever else arrives goes line by line, with the same result.

The standard discards an event that is not followed by an empty line, so `close` has nothing to dispatch.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["EVENT_LIMIT", "EventTooLargeError", "SSEDecoder", "ServerSentEvent"]

#: Bytes one event may hold before the decoder gives up. Chat chunks are a few hundred bytes; base64 audio or images in
#: one chunk reach megabytes. 16 MiB is far above both and far below what would hurt a process.
EVENT_LIMIT = 16 * 1024 * 1024

#: A `ServerSentEvent` in the making.
Event = tuple[str, str, str, int | None]

_BOM = b"\xef\xbb\xbf"


class ServerSentEvent(NamedTuple):
    """One dispatched event.

    `data` is the `data:` lines joined by newlines. `id` is the last event id seen so far, which persists from event to
    event; `retry` the reconnection time in milliseconds the server last asked for, None if it never did.
    """

    event: str
    data: str
    id: str
    retry: int | None


class EventTooLargeError(ValueError):
    """One event outgrew the decoder's buffer.

    Args:
        limit: The bound in bytes.
        events: Events the same `feed` had completed before it; they are good.
    """

    def __init__(self, limit: int, events: list[Event]) -> None:
        super().__init__(f"one server-sent event is larger than {limit:,} bytes, the bound of the decoder")
        self.limit = limit
        self.events = [ServerSentEvent(*event) for event in events]


class SSEDecoder:
    """Turn a byte stream into events, incrementally: `feed` what arrived, then `close`.

    Args:
        limit: Bytes one event (its fields and the line being received) may occupy.
    """

    __slots__ = ("_at_start", "_between", "_data", "_event", "_id", "_limit", "_line", "_retry", "_size", "_skip_lf")

    def __init__(self, *, limit: int = EVENT_LIMIT) -> None:
        self._limit = limit
        self._between = True  # nothing is pending: the next byte begins an event
        self._line = bytearray()
        self._data: list[str] = []
        self._size = 0  # bytes of the data lines of the current event
        self._event = ""
        self._id = ""
        self._retry: int | None = None
        self._at_start = True  # no complete line yet: a byte order mark may stand in front of the first one
        self._skip_lf = False  # the last byte was a CR that ended a line

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Return the events that `data` completes, in order.

        Raises:
            EventTooLargeError: The event being received is larger than the bound; the decoder is of no further use.
        """
        return [ServerSentEvent(*event) for event in self.take(data)]

    def take(self, data: bytes) -> Sequence[Event]:
        """As `feed`, but bare tuples: an object per event costs as much as cutting it out of the stream."""
        events: list[Event] = []
        begin = 0 if self._between else data.find(b"\n\n") + 2  # behind the event that was cut
        end = data.rfind(b"\n\n")
        if end > begin and data.startswith(b"data: ", begin) and 0x0D not in data and len(data) <= self._limit:
            texts = data[begin + 6 : end].decode("utf-8", "replace").split("\n\ndata: ")
            if "\n" not in "".join(texts):
                if begin:
                    self._by_lines(data[:begin], events)
                self._at_start = False
                for text in texts:
                    events.append(("message", text, self._id, self._retry))
                data = data[end + 2 :]
        if data:
            self._by_lines(data, events)
        return events

    def close(self) -> list[ServerSentEvent]:
        """End the stream. An event without its empty line is discarded, as the standard says: nothing is dispatched."""
        self._line.clear()
        self._data = []
        self._event = ""
        self._size = 0
        self._between = True
        return []

    def _by_lines(self, data: bytes, events: list[Event]) -> None:
        """Take any bytes, line by line."""
        if self._skip_lf:
            self._skip_lf = False
            if data[0] == 0x0A:
                data = data[1:]
        lines = data.splitlines()  # on bytes: CR, LF and CRLF only
        rest = b""
        if data.endswith(b"\r"):
            self._skip_lf = True
        elif lines and not data.endswith(b"\n"):
            rest = lines.pop()
        if lines:
            if self._line:
                self._line += lines[0]
                lines[0] = bytes(self._line)
                self._line.clear()
            if self._at_start:
                self._at_start = False
                lines[0] = lines[0].removeprefix(_BOM)
        self._lines(lines, events)
        if rest:
            self._line += rest
            if self._size + len(self._line) > self._limit:
                raise EventTooLargeError(self._limit, events)
        self._between = not (self._line or self._data or self._event or self._skip_lf)

    def _lines(self, lines: list[bytes], events: list[Event]) -> None:
        for line in lines:
            if not line:
                if self._data:
                    events.append((self._event or "message", "\n".join(self._data), self._id, self._retry))
                    self._data = []
                    self._size = 0
                self._event = ""  # also after an event without data, which is not dispatched
                continue
            if self._size + len(line) > self._limit:  # any line, so that the verdict does not depend on the chunking
                raise EventTooLargeError(self._limit, events)
            if line.startswith(b"data: "):  # how nearly every line of a chat stream begins
                self._size += len(line)
                self._data.append(line[6:].decode("utf-8", "replace"))
            elif line[0] != 0x3A:  # not a comment
                self._field(line)

    def _field(self, line: bytes) -> None:
        """Apply one field line: data, event, id, retry, or an unknown name, which is ignored."""
        name, _, raw = line.partition(b":")
        value = raw.removeprefix(b" ")
        if name == b"data":
            self._size += len(line)
            self._data.append(value.decode("utf-8", "replace"))
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) <= 4000:  # ASCII digits only; int() has a bound
            self._retry = int(value)
