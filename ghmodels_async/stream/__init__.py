"""Bytes of a chat stream in, deltas and a reply out. Knows neither sockets nor quotas; `source` says what it needs."""

from .chatstream import ChatStream, TextStream
from .deltas import BadStreamError, ChatDelta, DeltaDecoder, decode_chunk
from .fold import Fold
from .reply import ChatReply, ReplyChoice, ReplyMeta
from .source import Begin, ByteSource, Opener, StreamOutcome, StreamTimeouts
from .sse import EVENT_LIMIT, EventTooLargeError, ServerSentEvent, SSEDecoder

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
    "decode_chunk",
]
