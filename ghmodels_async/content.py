"""Content parts: text, images and audio from a path, bytes or a URL, in the wire's own shape.

    from ghmodels_async import content

    message = content.user("What is this?", content.image("cat.png"))

Everything here happens before anything is spent: a file that is missing, empty, too large or of a kind no model reads
is refused with what was looked at and what to do. `check` compares messages with what the model's card says it takes.

Kinds are told by the first bytes, never by a file's name: a wrong suffix is common and the server looks at the bytes.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from .catalog import CatalogEntry
from .errors import ContentError

__all__ = ["Part", "Source", "audio", "check", "image", "modalities_of", "text", "user"]

#: One element of a message's `content` list, in the wire's own shape.
Part = dict[str, Any]
Source = str | os.PathLike[str] | bytes

#: What OpenAI's vision guide allowed per image until 2025; a base64 body of it already is 28 MB. `max_bytes` moves it.
DEFAULT_MAX_BYTES = 20 * 1024 * 1024

# First bytes -> kind. "accepted" kinds: OpenAI's vision guide (PNG, JPEG, WEBP, non-animated GIF) and the
# `AudioContentFormat` of azure-ai-inference 1.0.0b9 (wav, mp3), read 2026-11-22. The others are only named in errors.
_IMAGES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_ALSO_KNOWN: tuple[tuple[bytes, str], ...] = (
    (b"ID3", "mp3 audio"),
    (b"fLaC", "FLAC audio"),
    (b"OggS", "Ogg audio"),
    (b"\x1aE\xdf\xa3", "a WebM or Matroska file"),
    (b"%PDF", "a PDF document"),
    (b"BM", "a BMP image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML document"),
    (b"PK\x03\x04", "a ZIP archive"),
    *((signature, f"a {kind.removeprefix('image/').upper()} image") for signature, kind in _IMAGES),
)
_MODALITY = {"image_url": "image", "input_audio": "audio", "audio_url": "audio"}


def text(value: str) -> Part:
    """Make a text part."""
    return {"type": "text", "text": value}


def image(
    source: Source,
    *,
    detail: Literal["auto", "low", "high"] | None = None,
    media_type: str | None = None,
    max_bytes: int | None = DEFAULT_MAX_BYTES,
) -> Part:
    """Make an image part.

    Args:
        source: A path, the image's bytes, or a URL (``https:``, ``http:`` or ``data:``) as a string. A file is read
            now, synchronously; a large one is better read with ``asyncio.to_thread(content.image, path)``.
        detail: How closely the model should look; more detail costs more tokens. None: the server's default.
        media_type: E.g. ``image/avif``, for a kind this module does not accept by itself. None: told by the bytes.
        max_bytes: Largest image to read; None means no limit.

    Raises:
        ContentError: It cannot be read, is empty, too large, or not an image a model reads. Nothing was sent.
    """
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        url = source
    else:
        data = _bytes_of(source, "image", max_bytes)
        kind = media_type or _image_kind(data)
        if kind is None:
            raise _wrong_kind(source, data, "image", "PNG, JPEG, WEBP or GIF", "media_type")
        url = f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return {"type": "image_url", "image_url": {"url": url} | ({"detail": detail} if detail else {})}


def audio(source: Source, *, format: str | None = None, max_bytes: int | None = DEFAULT_MAX_BYTES) -> Part:
    """Make an audio part: `input_audio` for a file or bytes, `audio_url` for an ``http`` or ``https`` URL.

    Args:
        source: A path, the recording's bytes, or a URL as a string. A file is read now, synchronously.
        format: E.g. ``flac``, for a server that takes more than ``wav`` and ``mp3``. None: told by the bytes.
        max_bytes: Largest recording to read; None means no limit.

    Raises:
        ContentError: It cannot be read, is empty, too large, or neither WAV nor MP3. Nothing was sent.
    """
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        return {"type": "audio_url", "audio_url": {"url": source}}
    data = _bytes_of(source, "audio", max_bytes)
    kind = format or _audio_kind(data)
    if kind is None:
        raise _wrong_kind(source, data, "audio", "WAV or MP3", "format")
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(data).decode("ascii"), "format": kind}}


def user(*parts: str | Part) -> dict[str, Any]:
    """Make a user message of parts, in order; a string becomes a text part."""
    if not parts:
        raise ValueError("a message needs at least one part")
    return {"role": "user", "content": [text(part) if isinstance(part, str) else part for part in parts]}


def modalities_of(messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int, str]]:
    """Every part that is not text: (position of the message, position of the part, ``image`` or ``audio``)."""
    for position, message in enumerate(messages):
        parts = message.get("content")
        if isinstance(parts, list):
            for place, part in enumerate(parts):
                modality = _MODALITY.get(part.get("type", "")) if isinstance(part, Mapping) else None
                if modality:
                    yield position, place, modality


def check(messages: Sequence[Mapping[str, Any]], entry: CatalogEntry | None) -> None:
    """Refuse parts that the model's card says it cannot take.

    Args:
        messages: What is to be sent.
        entry: The model's catalog entry; None, or one without modalities, refuses nothing.

    Raises:
        ContentError: A part is of a modality the model does not take. Nothing was sent.
    """
    takes = entry.supported_input_modalities if entry is not None else []
    if entry is None or not takes:
        return
    for position, place, modality in modalities_of(messages):
        if modality not in takes:
            raise ContentError(
                f"Model {entry.id} takes no {modality}.",
                model=entry.id,
                checked=f"messages[{position}].content[{place}]: {modality}\nmodel card: takes {', '.join(takes)}",
                fix=f"Choose a model that takes {modality} (its card says so), or leave the part out.",
            )


def _bytes_of(source: Source, what: str, max_bytes: int | None) -> bytes:
    if isinstance(source, str) and source[:5].lower() == "data:":
        data = _data_url(source, what)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    else:
        data = _file(Path(source), what, max_bytes)
    if not data:
        raise ContentError(f"The {what} is empty.", checked=_name(source), fix=f"Give the {what}'s own bytes.")
    if max_bytes is not None and len(data) > max_bytes:
        raise _too_large(source, what, len(data), max_bytes)
    return data


def _file(path: Path, what: str, max_bytes: int | None) -> bytes:
    try:
        size = path.stat().st_size
        if max_bytes is not None and size > max_bytes:  # before reading: it may not fit into memory
            raise _too_large(path, what, size, max_bytes)
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ContentError(
            f"The {what} cannot be read: {reason}.",
            checked=_name(path),
            fix="Give an existing file, its bytes, or a URL that starts with https://.",
        ) from None


def _data_url(url: str, what: str) -> bytes:
    header, comma, payload = url.partition(",")
    try:
        if not comma:
            raise ValueError
        raw = unquote_to_bytes(payload)
        return base64.b64decode(raw, validate=True) if header.lower().endswith(";base64") else raw
    except (ValueError, binascii.Error):
        raise ContentError(
            f"The {what}'s data URL is malformed.",
            checked=header[:60],
            fix="Write data:<media type>;base64,<the bytes in base64>, or give the bytes themselves.",
        ) from None


def _image_kind(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _IMAGES if data.startswith(signature)), None)


def _audio_kind(data: bytes) -> str | None:
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return "wav"
    # An MPEG frame begins with eleven set bits; layer bits 00 would be AAC in ADTS, which is no mp3.
    frame = len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0 and data[1] & 0x06 != 0
    return "mp3" if frame or data.startswith(b"ID3") else None


def _wrong_kind(source: Source, data: bytes, what: str, accepted: str, bypass: str) -> ContentError:
    known = next((name for signature, name in _ALSO_KNOWN if data.startswith(signature)), None)
    if data[4:8] == b"ftyp":
        known = "a HEIC or AVIF image" if data[8:11] in (b"hei", b"avi", b"mif") else "an MP4 or M4A file"
    elif data[:4] == b"RIFF":
        known = {b"WAVE": "WAV audio", b"WEBP": "a WEBP image"}.get(data[8:12], "a RIFF file")
    return ContentError(
        f"This is no {what} a model reads: {known or 'its first bytes are unknown'}.",
        checked=f"{_name(source)}\naccepted: {accepted}",
        fix=f"Convert it to one of these, or pass {bypass}= if your server takes it as it is.",
    )


def _too_large(source: object, what: str, size: int, max_bytes: int) -> ContentError:
    return ContentError(
        f"The {what} has {size:,} bytes; the limit is {max_bytes:,}.",
        checked=_name(source),
        fix="Make it smaller (models scale images down anyway), or pass max_bytes=.",
    )


def _name(source: object) -> str:
    """Where it came from, without quoting it: bytes and data URLs are the caller's own content."""
    if isinstance(source, str) and source[:5].lower() == "data:":
        return "a data URL"
    return f"file {os.fspath(source)}" if isinstance(source, (str, os.PathLike)) else "bytes in memory"
