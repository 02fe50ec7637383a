"""Vectors for texts: the same text, the same vector; texts that share words are nearer than texts that do not.

Each word pushes a few coordinates chosen by its hash, and the whole text adds a little noise of its own. Not a model,
but enough for retrieval code to have something to rank.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b, shake_128
from typing import Any

from ghmodels_async.simulator.prompts import count_tokens
from ghmodels_async.simulator.roster import Served

__all__ = ["embed", "embedding_tokens"]

_SIZES = {"large": 3072, "cohere": 1024}
_USUAL_SIZE = 1536
_PUSHES_PER_WORD = 16
_NOISE = tuple((byte - 127.5) / 1275 for byte in range(256))


def embedding_tokens(body: Mapping[str, Any]) -> int:
    """Tokens of all inputs; an input of token numbers counts them."""
    return sum(_tokens(text) for text in _inputs(body))


def embed(body: Mapping[str, Any], served: Served, seed: int) -> dict[str, Any]:
    """The whole body of an embeddings answer."""
    size = body.get("dimensions") or next((n for word, n in _SIZES.items() if word in served.id), _USUAL_SIZE)
    packed = body.get("encoding_format") == "base64"
    data = []
    for index, text in enumerate(_inputs(body)):
        vector = _vector(str(text), size, seed)
        shown: Any = list(vector)
        if packed:
            shown = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": shown})
    tokens = embedding_tokens(body)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": served.version, "usage": usage}


def _inputs(body: Mapping[str, Any]) -> list[Any]:
    texts = body["input"]
    if isinstance(texts, str) or (texts and isinstance(texts[0], int)):
        return [texts]
    return list(texts)


def _tokens(text: Any) -> int:
    return count_tokens(text) if isinstance(text, str) else len(text) if isinstance(text, list) else 1


@lru_cache(maxsize=256)
def _vector(text: str, size: int, seed: int) -> tuple[float, ...]:
    values = [_NOISE[byte] for byte in shake_128(f"{seed} {text}".encode()).digest(size)]
    for word in text.lower().split():
        digest = blake2b(word.encode(), digest_size=4 * _PUSHES_PER_WORD).digest()
        for number in struct.unpack(f"<{_PUSHES_PER_WORD}I", digest):
            values[number % size] += 1.0 if number & 0x80000000 else -1.0
    norm = math.sqrt(sum(value * value for value in values))
    return tuple(value / norm for value in values)
