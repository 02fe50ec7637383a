"""A request as the JSON body one endpoint understands. Pure: request and profile in, bytes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from ghmodels_async.wire import ChatRequest, EmbeddingsRequest

from .profile import Profile

__all__ = ["CEILINGS", "ceiling_field", "embeddings_body", "plain_body", "to_body"]

#: The two names of the most tokens a reply may have.
CEILINGS = frozenset({"max_completion_tokens", "max_tokens"})


def to_body(request: ChatRequest, profile: Profile, stream: bool) -> bytes:
    """Encode a chat request in the profile's dialect.

    `stop: str` becomes a list (GitHub documents only the list), the token ceiling gets the name the model wants, a
    streamed request asks for usage unless the caller said otherwise or the endpoint refuses that. `extra_body` is laid
    over the result, key by key, and wins; only `stream` itself does not bend, because the answer is read accordingly.

    Args:
        request: What to send. Its own `stream` field is ignored.
        profile: Whose dialect.
        stream: Whether the answer will be read as a stream.

    Raises:
        ValueError: The body holds NaN or an infinity, which JSON cannot carry.
        TypeError: The body holds something that is no JSON value.
    """
    body = request.given()
    body["model"] = profile.wire_model(request.model)
    if isinstance(request.stop, str):
        body["stop"] = [request.stop]
    if not CEILINGS.isdisjoint(body):
        _name_ceiling(body, profile, request.model)
    options = body.pop("stream_options", None)
    if stream:
        if profile.dialect.usage_in_stream:
            options = {"include_usage": True, **(options or {})}
        if options:
            body["stream_options"] = options
    if request.extra_body:
        body.update(request.extra_body)
    body.pop("stream", None)
    if stream:
        body["stream"] = True
    return _json(body)


def plain_body(request: ChatRequest, profile: Profile, stream: bool) -> bytes:
    """Encode a request that `is_plain`, as most are: the same bytes as `to_body` without a look at every field."""
    body: dict[str, Any] = {"model": profile.wire_model(request.model), "messages": request.messages}
    if stream:
        if profile.dialect.usage_in_stream:
            body["stream_options"] = {"include_usage": True}
        body["stream"] = True
    try:
        return to_json(body)
    except PydanticSerializationError:  # half a surrogate pair
        return _json(body)


def embeddings_body(request: EmbeddingsRequest, profile: Profile) -> bytes:
    """Encode an embeddings request in the profile's dialect; raises as `to_body`."""
    body = request.given()
    body["model"] = profile.wire_model(request.model)
    if request.extra_body:
        body.update(request.extra_body)
    return _json(body)


def ceiling_field(profile: Profile, model: str, given: Mapping[str, Any]) -> str | None:
    """Which of the two token ceilings counts: the one with the name the model wants, else the other, else neither."""
    wanted = _wanted_ceiling(profile, model)
    return wanted if wanted in given else next(iter(CEILINGS & given.keys()), None)


def _wanted_ceiling(profile: Profile, model: str) -> str:
    return "max_completion_tokens" if profile.dialect.wants_completion_tokens(model) else "max_tokens"


def _name_ceiling(body: dict[str, Any], profile: Profile, model: str) -> None:
    """Leave the one ceiling that counts, under the name the model wants."""
    wanted = _wanted_ceiling(profile, model)
    (other,) = CEILINGS - {wanted}
    ceiling = body.pop(other, None)
    if wanted not in body:
        body[wanted] = ceiling


def _json(body: dict[str, Any]) -> bytes:
    if _is_flat(body):
        try:
            return to_json(body)
        except PydanticSerializationError:  # half a surrogate pair: see below
            pass
    try:
        return _encoder.encode(body).encode()
    except UnicodeEncodeError:
        # half a surrogate pair (a file name, a cut JSON string) has no UTF-8 form, but it has a JSON escape
        return json.dumps(body, separators=(",", ":"), allow_nan=False, default=_plain).encode()


def _is_flat(body: dict[str, Any]) -> bool:
    """Whether pydantic's encoder, three times as fast, writes the same: elsewhere it passes NaN, bytes and more."""
    for value in body.values():
        if type(value) in _ATOMS or (type(value) is float and isfinite(value)):
            continue
        for part in value if type(value) is list else (value,):
            if type(part) is not dict:
                return False
            for key, text in part.items():
                if type(key) is not str or type(text) not in _ATOMS:
                    return False
    return True


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):  # a reply's own message or tool call, put back into the conversation
        return value.model_dump(exclude_none=True)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


_ATOMS = (str, int, bool)

# made once: json.dumps makes a new encoder at every call that asks for anything special
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)
