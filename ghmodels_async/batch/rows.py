"""From one line of a file to one request. Pure: no file, no clock.

Four shapes of a row are understood, in this order:

1. an OpenAI batch line: ``{"custom_id": ..., "method": "POST", "url": "/v1/chat/completions", "body": {...}}``
2. ``{"messages": [...]}`` (or ``{"input": [{"role": ...}, ...]}``): a chat request, other request fields beside it
3. ``{"prompt": "..."}``: one user message, other request fields beside it
4. ``{"input": "text" or ["text", ...]}``: an embeddings request

With a template the row is a mapping of variables instead and shape 3 is made of it. Parameters of the command line
fill what a row leaves open, never what it says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from hashlib import blake2b
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import from_json

from ghmodels_async.errors import ConfigurationError
from ghmodels_async.wire import ChatRequest, EmbeddingsRequest

from .template import Template

__all__ = ["CHAT_URL", "EMBEDDINGS_URL", "Job", "RawRow", "Recipe", "RowError", "row_hash"]

CHAT_URL = "/v1/chat/completions"
EMBEDDINGS_URL = "/v1/embeddings"

_CHAT_FIELDS = frozenset(ChatRequest.model_fields) - {"extra_headers", "messages", "stream", "stream_options"}
_EMBEDDINGS_FIELDS = frozenset(EmbeddingsRequest.model_fields) - {"extra_headers", "input"}
_BATCH_FIELDS = frozenset({"custom_id", "method", "url", "body"})


class RowError(ValueError):
    """One row cannot become a request. `line` is 1-based in the input, `why` one sentence."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


class RawRow(NamedTuple):
    """One row as it was read: its place among the rows (from 0), its line in the input (from 1), its bytes."""

    ordinal: int
    line: int
    data: bytes


class Job(NamedTuple):
    """One row understood. `body` may lack a model: then any model of the run may serve it."""

    ordinal: int
    line: int
    hash: int
    custom_id: str
    url: str
    body: dict[str, Any]
    ignored: tuple[str, ...] = ()
    """Fields of a short line that are no request fields, for `batch check` to mention."""

    @property
    def model(self) -> str | None:
        """The model the row itself asks for."""
        return self.body.get("model")

    @property
    def embeddings(self) -> bool:
        return self.url == EMBEDDINGS_URL

    def request(self, model: str) -> ChatRequest | EmbeddingsRequest:
        """The validated request for `model` (unless the row names its own).

        Raises:
            RowError: A field is unknown or has the wrong type.
        """
        body = {**self.body, "model": self.body.get("model") or model}
        # a batch may have been written for a caller who streams; how we transport the answer is our business
        body.pop("stream", None)
        body.pop("stream_options", None)
        try:
            return EmbeddingsRequest.model_validate(body) if self.embeddings else ChatRequest.model_validate(body)
        except ValidationError as error:
            raise RowError(self.line, _first_problem(error)) from None


def row_hash(data: bytes) -> int:
    """64 bits that tell a changed row from the one that was answered."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


@dataclass(frozen=True)
class Recipe:
    """How rows become requests: the same recipe must be used for every start of one run.

    Args:
        template: Makes the prompt out of a row's variables; None when rows hold prompts or messages themselves.
        system: A system message put before rows that have none; a template too.
        parameters: Request fields for rows that do not set them (temperature, max_tokens, ...).
        id_field: Which field of a short line names it; None tries ``custom_id``, then ``id``.
        override_model: Whether the run's models serve also rows that name one.

    Raises:
        ConfigurationError: A parameter that is no field of any request: ten thousand rows would go without it.
    """

    template: Template | None = None
    system: Template | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    id_field: str | None = None
    override_model: bool = False

    def __post_init__(self) -> None:
        known = _CHAT_FIELDS | _EMBEDDINGS_FIELDS
        for name in self.parameters:
            if name not in known:
                raise ConfigurationError(f"{name!r} is no field of a request.", fix=_advice(name, known))

    def job(self, raw: RawRow) -> Job:
        """Understand one row.

        Raises:
            RowError: It is not JSON, not an object, of no known shape, or lacks a variable of the template.
        """
        try:
            row = from_json(raw.data)
        except ValueError as error:
            # a row is one line: what the parser says about lines is noise
            raise RowError(raw.line, f"not JSON: {error}".replace("at line 1 column", "at column")) from None
        if not isinstance(row, dict):
            raise RowError(raw.line, f"expected a JSON object, found {_kind(row)}")
        if "" in row and isinstance(row[""], list):
            raise RowError(raw.line, f"{len(row[''])} more cells than the header has names")
        if self.template is not None:
            return self._short(raw, row, self._rendered(raw, row), url=CHAT_URL, variables=True)
        if "body" in row:
            return self._batch_line(raw, row)
        if "messages" in row or "prompt" in row or "input" in row:
            return self._short_line(raw, row)
        known = '"body" (an OpenAI batch line), "messages", "prompt" or "input"'
        raise RowError(raw.line, f"the object has none of {known}; it has {_names(row)}")

    def _rendered(self, raw: RawRow, row: dict[str, Any]) -> dict[str, Any]:
        assert self.template is not None
        try:
            return {"messages": self._messages(row, [{"role": "user", "content": self.template.render(row)}])}
        except KeyError as error:
            name = error.args[0]
            raise RowError(raw.line, f"the template needs {name!r}; the row has {_names(row)}") from None

    def _messages(self, row: Mapping[str, Any], messages: list[Any]) -> list[Any]:
        first = messages[0] if messages else None
        told = isinstance(first, dict) and first.get("role") in ("system", "developer")
        if self.system is None or told:
            return messages
        return [{"role": "system", "content": self.system.render(row)}, *messages]

    def _batch_line(self, raw: RawRow, row: dict[str, Any]) -> Job:
        body, custom_id = row["body"], row.get("custom_id")
        if not isinstance(body, dict):
            raise RowError(raw.line, f'"body" must be an object, found {_kind(body)}')
        if not isinstance(custom_id, str) or not custom_id:
            raise RowError(raw.line, '"custom_id" must be a non-empty text')
        if row.get("method", "POST") != "POST":
            raise RowError(raw.line, f'"method" must be "POST", found {row["method"]!r}')
        url = str(row.get("url", CHAT_URL))
        if extra := set(row) - _BATCH_FIELDS:
            raise RowError(raw.line, f"unknown fields beside body: {', '.join(sorted(extra))}")
        if url.endswith("/embeddings"):
            return Job(raw.ordinal, raw.line, row_hash(raw.data), custom_id, EMBEDDINGS_URL, self._filled(body, True))
        if not url.endswith("/chat/completions"):
            raise RowError(raw.line, f"url {url!r} is neither chat completions nor embeddings")
        if isinstance(body.get("messages"), list):
            body = {**body, "messages": self._messages(row, body["messages"])}
        return Job(raw.ordinal, raw.line, row_hash(raw.data), custom_id, CHAT_URL, self._filled(body, False))

    def _short_line(self, raw: RawRow, row: dict[str, Any]) -> Job:
        if "messages" in row or _is_messages(row.get("input")):
            messages = row["messages"] if "messages" in row else row["input"]
            if not isinstance(messages, list):
                raise RowError(raw.line, f'"messages" must be a list, found {_kind(messages)}')
            return self._short(raw, row, {"messages": self._messages(row, messages)}, url=CHAT_URL)
        if "prompt" in row:
            if not isinstance(row["prompt"], str):
                raise RowError(raw.line, f'"prompt" must be text, found {_kind(row["prompt"])}')
            messages = self._messages(row, [{"role": "user", "content": row["prompt"]}])
            return self._short(raw, row, {"messages": messages}, url=CHAT_URL)
        return self._short(raw, row, {"input": row["input"]}, url=EMBEDDINGS_URL)

    def _short(
        self, raw: RawRow, row: dict[str, Any], body: dict[str, Any], *, url: str, variables: bool = False
    ) -> Job:
        known = _EMBEDDINGS_FIELDS if url == EMBEDDINGS_URL else _CHAT_FIELDS
        used = {"messages", "prompt", "input", "custom_id", "id", self.id_field}
        ignored: tuple[str, ...] = ()
        if not variables:
            body |= {name: value for name, value in row.items() if name in known}
            ignored = tuple(name for name in row if name not in known and name not in used)
        body = self._filled(body, url == EMBEDDINGS_URL)
        return Job(raw.ordinal, raw.line, row_hash(raw.data), self._id(raw, row), url, body, ignored)

    def _filled(self, body: dict[str, Any], embeddings: bool) -> dict[str, Any]:
        known = _EMBEDDINGS_FIELDS if embeddings else _CHAT_FIELDS
        if self.override_model:
            body = {name: value for name, value in body.items() if name != "model"}
        return {**{name: value for name, value in self.parameters.items() if name in known}, **body}

    def _id(self, raw: RawRow, row: Mapping[str, Any]) -> str:
        names = (self.id_field,) if self.id_field else ("custom_id", "id")
        for name in names:
            value = row.get(name)
            if value is not None and value != "":
                return str(value)
        if self.id_field:
            raise RowError(raw.line, f"the row has no {self.id_field!r} to name it by; it has {_names(row)}")
        return f"row-{raw.ordinal + 1}"


def _advice(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    return f"{meant}A field that only the server knows goes into extra_body: --param 'extra_body={{\"{name}\": ...}}'"


def _is_messages(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and "role" in value[0]


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _names(row: Mapping[str, Any]) -> str:
    names = sorted(map(str, row))
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "") if names else "no fields"


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"])) or "the request"
    more = error.error_count() - 1
    return f"{place}: {first['msg'].lower()}" + (f" (and {more} more)" if more else "")
