"""What a conversation obeys: lines that start with a slash. Nothing here is sent to the service."""

from __future__ import annotations

import glob
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .session import stranger
from .wording import reworded

if TYPE_CHECKING:
    from ghmodels_async.client import GitHubModels
    from ghmodels_async.conversation import Conversation

__all__ = ["Orders", "Room"]

#: Order -> (its argument, what it does), as /help shows it.
_ORDERS = {
    "/system": ("[TEXT|-]", "show the instruction, change it, or take it away with -"),
    "/model": ("[ID]", "show the model, or go on with another one"),
    "/usage": ("", "tokens of the last answer and of the talk, and what is left of the quota"),
    "/save": ("[FILE]", "write the talk to a file"),
    "/load": ("FILE", "go on with a saved talk"),
    "/reset": ("", "forget what was said"),
    "/help": ("", "this list"),
    "/quit": ("", "end; so does Ctrl-D"),
}

_ADVICE = """\
Ctrl-C stops an answer. A line that ends with \\ goes on in the next one; // starts a question with a slash."""


@dataclass
class Room:
    """A client and the talk that goes on in it.

    Attributes:
        gh: The client, open.
        talk: The conversation; /load puts another in its place.
        path: Where it was saved last, or loaded from.
        left: Whether somebody said /quit.
    """

    gh: GitHubModels
    model: str
    system: str | None
    fields: dict[str, Any]
    path: Path | None = None
    left: bool = False
    talk: Conversation = field(init=False)

    def __post_init__(self) -> None:
        self.talk = self.begin(self.model, self.system)

    def begin(self, model: str, system: str | None, messages: list[dict[str, Any]] | None = None) -> Conversation:
        """A talk on this room's terms: a stopped answer is kept as far as it came, and a person is served first."""
        terms = {"priority": "interactive", **self.fields}
        return self.gh.conversation(model, system=system, messages=messages or (), on_interrupt="keep", **terms)


class Orders:
    """Obeys lines that start with a slash.

    Args:
        room: What they are about.
    """

    def __init__(self, room: Room) -> None:
        self._room = room

    def obey(self, line: str) -> str:
        """Do what the line says; return what to tell."""
        from ghmodels_async.errors import GHModelsError

        word, _, rest = line.strip().partition(" ")
        if word not in _ORDERS:
            return f"There is no {word}. /help lists what there is; // starts a question with a slash."
        argument = rest.strip()
        if argument and not _ORDERS[word][0]:
            return f"{word} stands alone."
        try:
            told: str = getattr(self, f"_{word.removeprefix('/')}")(argument)
        except (GHModelsError, OSError) as error:
            return f"Error: {reworded(str(error))}"
        return told

    def complete(self, line: str) -> list[str]:
        """The ways to go on from `line`: orders, model ids, or files."""
        word, space, rest = line.partition(" ")
        if not space:
            return [f"{order} " if _ORDERS[order][0] else order for order in _ORDERS if order.startswith(word)]
        if word == "/model":
            return [model for model in self._models() if model.startswith(rest)]
        if word in ("/save", "/load"):
            return sorted(glob.glob(f"{glob.escape(rest)}*"))  # noqa: PTH207 - the words as typed, ./ and all
        return []

    def _help(self, _: str) -> str:
        lines = [f"{f'{order} {argument}':<18}{does}" for order, (argument, does) in _ORDERS.items()]
        return "\n".join([*lines, _ADVICE])

    def _quit(self, _: str) -> str:
        self._room.left = True
        talk = self._room.talk.usage
        return f"{_counted(talk.replies, 'answer')}, {talk.total_tokens:,} tokens."

    def _reset(self, _: str) -> str:
        self._room.talk.reset()
        return "Forgotten. The instruction stays." if self._room.talk.system else "Forgotten."

    def _system(self, text: str) -> str:
        talk = self._room.talk
        if not text:
            return talk.system or "There is no instruction."
        talk.system = None if text == "-" else text
        return "The instruction is gone." if text == "-" else "From the next question on."

    def _model(self, model: str) -> str:
        room = self._room
        if not model:
            return room.talk.model
        room.gh.limits.explain(model)  # refuses what the plan does not have, before anything is asked
        room.talk.model = model
        remark = stranger(room.gh.profile, model)
        return f"Going on with {model}." + (f" {remark}" if remark else "")

    def _usage(self, _: str) -> str:
        room = self._room
        last, talk = room.talk.last_usage, room.talk.usage
        lines = [f"last answer  {last.prompt_tokens:,} in, {last.completion_tokens:,} out"] if last else []
        answers = _counted(talk.replies, "answer")
        lines += [f"talk         {talk.prompt_tokens:,} in, {talk.completion_tokens:,} out, {answers}"]
        lines += [f"cost         {room.gh.usage.cost} since the start of the program"]
        for state in room.gh.limits.explain(room.talk.model):
            if state.window is not None and state.unit == "requests":
                lines.append(f"quota        {state.limit}: {state.used:,} of {state.amount:,} used")
        return "\n".join(lines)

    def _save(self, name: str) -> str:
        path = Path(name).expanduser() if name else self._room.path
        if path is None:
            return "Name a file: /save FILE"
        if path.exists() and path != self._room.path and not _is_a_talk(path):
            return f"{path} is there already and is no saved talk. Nothing was written."
        self._room.talk.save(path)
        self._room.path = path
        return f"Saved to {path}."

    def _load(self, name: str) -> str:
        from ghmodels_async.conversation import TalkRecord

        if not name:
            return "Name a file: /load FILE"
        path = Path(name).expanduser()
        record = TalkRecord.read(path)
        self._room.gh.limits.explain(record.model)
        talk = self._room.begin(record.model, record.system, record.messages)
        talk.usage = record.usage
        self._room.talk, self._room.path = talk, path
        questions = sum(message["role"] == "user" for message in record.messages)
        return f"Going on after {_counted(questions, 'question')} with {record.model}."

    def _models(self) -> list[str]:
        from ghmodels_async import catalog

        shipped = self._room.gh.profile.catalog
        return [card.id for card in catalog.cards(shipped) if card.available] if shipped else []


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _is_a_talk(path: Path) -> bool:
    from ghmodels_async.conversation import TalkRecord
    from ghmodels_async.errors import ConfigurationError

    try:
        TalkRecord.read(path)
    except ConfigurationError:
        return False
    return True
