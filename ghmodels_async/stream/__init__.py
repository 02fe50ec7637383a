"""Bytes of a chat stream in, deltas and a reply out. Knows neither sockets nor quotas; `source` says what it needs."""

from .chatstream import ChatStream
from .delta import ChatDelta, decode_chunk
from .deltas import DeltaDecoder
from .document import BadStreamError, read_completion
from .fold import Fold
from .reply import ChatReply, ReplyChoice, ReplyMeta, body_of
from .source import Begin, ByteSource, Opener, StreamOutcome, StreamTimeouts
from .sse import EVENT_LIMIT, EventTooLargeError, ServerSentEvent, SSEDecoder
from .text import TextStream

__all__ = [
    "EVENT_LIMIT",
    "BadStreamError",
    "Begin",
    "ByteSource",
    "ChatDelta",
    "ChatReply",
    "ChatStream",
    "DeltaDecoder",
    "EventTooLargeError",
    "Fold",
    "Opener",
    "ReplyChoice",
    "ReplyMeta",
    "SSEDecoder",
    "ServerSentEvent",
    "StreamOutcome",
    "StreamTimeouts",
    "TextStream",
    "body_of",
    "decode_chunk",
    "read_completion",
]
