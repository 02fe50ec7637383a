"""A model that says what it is told to, whole or streamed: `Chats` over real replies and a real `ChatStream`."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import chat_events as ev

from ghmodels_async.clock import Clock
from ghmodels_async.errors import ServerError
from ghmodels_async.stream import ChatReply, ChatStream, ReplyMeta, StreamOutcome
from ghmodels_async.wire import ChatCompletion, Usage


@dataclass
class Line:
    """One reply of the script. `pieces` are what a stream sends; `pause` seconds pass before each of them."""

    pieces: list[str] = field(default_factory=list)
    calls: list[tuple[str | None, str, str]] = field(default_factory=list)
    finish: str = "stop"
    refusal: str | None = None
    usage: tuple[int, int] = (10, 5)
    pause: float = 0.0


def says(text: str, **about: Any) -> Line:
    """A reply in words, streamed word by word."""
    words = [word + " " for word in text.split(" ")]
    words[-1] = words[-1][:-1]
    return Line(pieces=words, **about)


def asks(*calls: tuple[str, Any] | tuple[str | None, str, str], **about: Any) -> Line:
    """A reply that asks for tools: pairs of name and arguments, or triples of id, name and JSON text."""
    full = []
    for number, call in enumerate(calls, 1):
        if len(call) == 2:
            name, arguments = call
            full.append((f"c{number}", name, arguments if isinstance(arguments, str) else json.dumps(arguments)))
        else:
            full.append(call)
    return Line(calls=full, finish=about.pop("finish", "tool_calls"), **about)


@dataclass
class Asked:
    """One request the model received."""

    model: str
    messages: list[dict[str, Any]]
    options: dict[str, Any]


class ScriptedModel:
    """Answers in turn. `asked` remembers the requests; `open` counts what is being answered right now."""

    def __init__(self, *script: Line | Exception, clock: Clock | None = None) -> None:
        self.script = list(script)
        self.clock = clock or Clock()
        self.asked: list[Asked] = []
        self.open = 0

    async def chat(self, model: str, messages: Any, **options: Any) -> ChatReply:
        line = self._next(model, messages, options)
        self.open += 1
        try:
            await self.clock.sleep(line.pause * max(len(line.pieces), 1))
        finally:
            self.open -= 1
        return ChatReply.from_completion(ChatCompletion.model_validate(_completion(line)), ReplyMeta(model=model))

    def stream(self, model: str, messages: Any, **options: Any) -> ChatStream:
        return ChatStream(_Opener(self, model, messages, options), clock=self.clock)

    def _next(self, model: str, messages: Any, options: dict[str, Any]) -> Line:
        # what was asked is kept as it was then: the caller's list grows
        self.asked.append(Asked(model, copy.deepcopy(list(messages)), dict(options)))
        line = self.script.pop(0)
        if isinstance(line, Exception):
            raise line
        return line


class _Opener:
    """Opens one scripted answer as bytes."""

    def __init__(self, owner: ScriptedModel, model: str, messages: Any, options: dict[str, Any]) -> None:
        self._owner = owner
        self._request = (model, messages, options)
        self.meta = ReplyMeta(model=model)

    async def open(self, begin: Any) -> None:
        line = self._owner._next(*self._request)
        self._owner.open += 1
        try:
            await begin(_Body(line, self._owner.clock))
        except BaseException:
            self._owner.open -= 1
            raise

    def classify(self, error: Any) -> Exception:
        return ServerError("the script said so", body=error)

    def finish(self, outcome: StreamOutcome, usage: Usage | None) -> None:
        self._owner.open -= 1


class _Body:
    def __init__(self, line: Line, clock: Clock) -> None:
        self._events = _events(line)
        self._pause = line.pause
        self._clock = clock

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for event in self._events:
            if self._pause:
                await self._clock.sleep(self._pause)
            else:
                await asyncio.sleep(0)
            yield event

    def release(self) -> None:
        pass


def _completion(line: Line) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(line.pieces) or None, "refusal": line.refusal}
    if line.calls:
        message["tool_calls"] = [
            {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
            for id_, name, arguments in line.calls
        ]
    prompt, completion = line.usage
    return {
        "id": "c-1",
        "model": "m-1",
        "choices": [{"index": 0, "message": message, "finish_reason": line.finish}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
    }


def _events(line: Line) -> list[bytes]:
    events = [ev.chunk({"role": "assistant"})]
    events += [ev.text(piece) for piece in line.pieces]
    if line.refusal is not None:
        events.append(ev.chunk({"refusal": line.refusal}))
    for index, (id_, name, arguments) in enumerate(line.calls):
        half = len(arguments) // 2
        first = {"index": index, "id": id_, "type": "function", "function": {"name": name, "arguments": ""}}
        events.append(ev.chunk({"tool_calls": [first]}))
        events += [
            ev.chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
            for part in (arguments[:half], arguments[half:])
        ]
    return [*events, ev.chunk({}, finish=line.finish), ev.usage(*line.usage), ev.DONE]


def contents(messages: Sequence[dict[str, Any]]) -> list[tuple[str, Any]]:
    """(role, content) of each message: what a test wants to see at a glance."""
    return [(message["role"], message.get("content")) for message in messages]
