"""Deltas in, the reply so far out: constant work per delta, joined only when somebody looks.

The law: folding the deltas of a stream gives the reply the server would have sent whole.

Tool calls arrive in fragments. Fragments with the same index belong together; the first names the function. Servers
that send whole calls at once put them all at index 0 (Ollama) or leave the index out (Google): a fragment that names a
function under another id than its slot already has, or without an index, therefore begins a new call.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json

from ..wire import FragmentFields, ToolCall, Usage
from .delta import ChatDelta
from .reply import ChatReply, ReplyChoice, ReplyMeta

__all__ = ["Fold"]


class _Call:
    """One tool call being put together."""

    __slots__ = ("arguments", "id", "name", "type")

    def __init__(self) -> None:
        self.id: str | None = None
        self.type: str | None = None
        self.name = ""
        self.arguments: list[str] = []

    def add(self, fragment: FragmentFields) -> None:
        self.id = fragment.get("id") or self.id
        self.type = fragment.get("type") or self.type
        function = fragment.get("function") or {}
        self.name += function.get("name") or ""
        arguments = function.get("arguments")
        if arguments:
            text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            self.arguments.append(text)

    @property
    def call(self) -> ToolCall:
        function = {"name": self.name, "arguments": "".join(self.arguments)}
        return ToolCall.model_validate({"id": self.id, "type": self.type or "function", "function": function})


class _Choice:
    """One choice being put together: lists of pieces, joined on demand."""

    __slots__ = ("calls", "content", "finish", "finish_reason", "index", "last", "logprobs", "reasoning", "refusal",
                 "role", "slots", "text")  # fmt: skip

    def __init__(self, index: int) -> None:
        self.index = index
        self.role: str | None = None
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.content: list[str] | None = None  # the wire's own content, once it differs from the text
        self.calls: list[_Call] = []
        self.slots: dict[int, _Call] = {}
        self.logprobs: Any = None
        self.finish_reason: str | None = None
        self.last = ""  # JSON text of the last chunk with answer text
        self.finish = ""  # JSON text of the finishing chunk

    def add_call(self, fragment: FragmentFields) -> None:
        index = fragment.get("index")
        function = fragment.get("function")
        name, id = function and function.get("name"), fragment.get("id")
        if index is None:
            call = self.calls[-1] if self.calls and not name else None
        else:
            call = self.slots.get(index)
            if call is not None and name and id and call.id and id != call.id:
                call = None
        if call is None:
            call = _Call()
            self.calls.append(call)
            if index is not None:
                self.slots[index] = call
        call.add(fragment)

    def add_logprobs(self, logprobs: Any) -> None:
        """Append token entries to the lists of earlier chunks; anything that is not a list is replaced."""
        if not isinstance(logprobs, dict) or not isinstance(self.logprobs, dict):
            self.logprobs = logprobs
            if isinstance(logprobs, dict):  # lists of our own: the delta's stay as they came
                self.logprobs = {
                    key: list(value) if isinstance(value, list) else value for key, value in logprobs.items()
                }
            return
        for key, value in logprobs.items():
            known = self.logprobs.get(key)
            if isinstance(value, list) and isinstance(known, list):
                known.extend(value)
            elif value is not None or key not in self.logprobs:
                self.logprobs[key] = list(value) if isinstance(value, list) else value


class Fold:
    """The reply so far. `add` every delta once, in order.

    Attributes:
        usage: The last usage seen.
    """

    __slots__ = ("_choices", "_first", "_id", "_last", "_model", "_unfinished", "usage")

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._unfinished = 0  # choices without a finish reason
        self._first = ""  # JSON text of the first chunk, and of the last one without choices
        self._last = ""
        self._id: str | None = None
        self._model: str | None = None
        self.usage: Usage | None = None

    def add(self, delta: ChatDelta) -> None:
        """Take one delta in. Constant time."""
        index = delta.index
        choice = self._choices.get(index)  # type: ignore[arg-type]
        if choice is None:
            self._first = self._first or delta.data
            if index is None:
                self._last = delta.data
            else:
                choice = self._choices[index] = _Choice(index)
                self._unfinished += 1
        text = delta.text
        if text and choice is not None:
            choice.text.append(text)
            choice.last = delta.data
            if choice.content is not None and delta.content is None:
                choice.content.append(text)
        if not delta.plain:
            self._add_rest(delta, choice)

    def _add_rest(self, delta: ChatDelta, choice: _Choice | None) -> None:
        self.usage = delta.usage or self.usage
        self._id = self._id or delta.id
        self._model = self._model or delta.model
        if choice is None:
            return
        choice.role = choice.role or delta.role
        if delta.reasoning:
            choice.reasoning.append(delta.reasoning)
        if delta.refusal:
            choice.refusal.append(delta.refusal)
        if delta.content is not None:
            if choice.content is None:
                choice.content = choice.text[: -1 if delta.text else None]
            choice.content.append(delta.content)
        for fragment in delta.tool_calls:
            choice.add_call(fragment)
        if delta.logprobs is not None:
            choice.add_logprobs(delta.logprobs)
        if delta.finish_reason:
            self._unfinished -= choice.finish_reason is None
            choice.finish_reason = delta.finish_reason
            choice.finish = delta.data

    @property
    def begun(self) -> bool:
        """Whether any choice has said anything."""
        return bool(self._choices)

    @property
    def finished(self) -> bool:
        """Whether every choice seen so far has its finish reason, and there is at least one."""
        return self._unfinished == 0 and bool(self._choices)

    @property
    def open_call(self) -> tuple[str, str | None] | None:
        """A tool call whose arguments stop in the middle of their JSON: its name, its choice's finish reason.

        Arguments that are wrong rather than unfinished are not this floor's to judge.
        """
        for choice in self._choices.values():
            for call in choice.calls:
                if _unfinished("".join(call.arguments)):
                    return call.name or "?", choice.finish_reason
        return None

    @property
    def reply(self) -> ChatReply:
        """The reply so far. Costs its length: look when needed, not after every delta."""
        return self.with_meta(ReplyMeta())

    def with_meta(self, meta: ReplyMeta) -> ChatReply:
        """The reply so far, with how it came about."""
        ordered = sorted(self._choices.values(), key=lambda choice: choice.index)
        texts = [self._first, self._last]
        for choice in ordered:
            texts += [choice.last, choice.finish]
        return ChatReply(
            choices=tuple(_reply_choice(choice) for choice in ordered),
            usage=self.usage,
            id=self._id,
            model=self._model,
            meta=meta,
            chunks=tuple(dict.fromkeys(text for text in texts if text)),
        )


def _reply_choice(choice: _Choice) -> ReplyChoice:
    return ReplyChoice(
        index=choice.index,
        text="".join(choice.text),
        reasoning="".join(choice.reasoning),
        refusal="".join(choice.refusal),
        tool_calls=tuple(call.call for call in choice.calls),
        finish_reason=choice.finish_reason,
        role=choice.role or "assistant",
        logprobs=choice.logprobs,
        content=None if choice.content is None else "".join(choice.content),
    )


def _unfinished(arguments: str) -> bool:
    """Whether this is the beginning of a JSON text but not a whole one. Empty arguments mean none: finished."""
    if not arguments.strip():
        return False
    try:
        from_json(arguments)
    except ValueError as error:
        return "EOF while parsing" in str(error)
    return False
