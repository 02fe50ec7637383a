"""A talk on paper: plain JSON, read back with suspicion."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from ..errors import ConfigurationError
from ..tally import ModelUsage

__all__ = ["TalkRecord", "inconsistency"]

FORMAT = "ghmodels-conversation"
VERSION = 1

_ROLES = ("user", "assistant", "tool", "system", "developer")


def inconsistency(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Why a server would refuse these messages as a talk; None if it would not.

    Every tool call has its result right behind it, and every result its call.
    """
    open_calls: set[Any] = set()
    for position, message in enumerate(messages):
        role = message.get("role") if isinstance(message, Mapping) else None
        if role not in _ROLES:
            return f"messages[{position}] has no known role"
        if role == "tool":
            if message.get("tool_call_id") not in open_calls:
                return f"messages[{position}] is the result of no call before it"
            open_calls.discard(message.get("tool_call_id"))
        elif open_calls:
            return f"messages[{position}] comes before all results of the calls before it"
        else:
            open_calls = {call.get("id") for call in message.get("tool_calls") or ()}
    return "the last message's tool calls have no results" if open_calls else None


@dataclass(slots=True)
class TalkRecord:
    """What is saved of a talk. Tools are code and are given anew."""

    model: str
    system: str | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    usage: ModelUsage = field(default_factory=ModelUsage)

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {"format": FORMAT, "version": VERSION, **asdict(self)}

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, whole or not at all."""
        target = Path(path)
        fresh = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            text = json.dumps(self.as_dict(), ensure_ascii=False, indent=1)
            fresh.write_bytes(text.encode("utf-8", "surrogatepass"))
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)

    @classmethod
    def read(cls, source: str | os.PathLike[str] | Mapping[str, Any]) -> Self:
        """Read a record.

        Args:
            source: The path of a saved talk, its JSON text (beginning with ``{``), or what `as_dict` returned.

        Raises:
            ConfigurationError: It is not a saved talk, or one that no server would take.
        """
        name = "the saved talk"
        if not isinstance(source, Mapping):
            text = source if isinstance(source, str) and source.lstrip().startswith("{") else None
            name = name if text is not None else os.fspath(source)
            source = _parsed(_text_of(Path(source)) if text is None else text, name)
        if not isinstance(source, Mapping) or source.get("format") != FORMAT:
            raise _unfit(name, "it is not a saved conversation")
        if source.get("version") != VERSION:
            raise _unfit(name, f"it has version {source.get('version')!r}, this library reads {VERSION}")
        messages = source.get("messages")
        if not isinstance(source.get("model"), str) or not isinstance(messages, list):
            raise _unfit(name, "model or messages are missing")
        wrong = inconsistency(messages)
        if wrong is not None:
            raise _unfit(name, wrong)
        known = {one.name for one in fields(ModelUsage)}
        usage = {key: value for key, value in (source.get("usage") or {}).items() if key in known}
        return cls(source["model"], source.get("system"), [dict(message) for message in messages], ModelUsage(**usage))


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogatepass")
    except (OSError, ValueError) as error:
        raise _unfit(os.fspath(path), getattr(error, "strerror", None) or "it is not text") from None


def _parsed(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise _unfit(name, "it is not JSON") from None


def _unfit(name: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The talk cannot be restored: {why}.",
        checked=name,
        fix="Give a file that Conversation.save wrote, or what to_dict returned",
    )
