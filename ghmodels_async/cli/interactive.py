"""`ghmodels chat MODEL` without a prompt: a conversation at a terminal.

The event loop runs only while an answer comes (`asyncio.Runner` keeps it between turns); the keyboard is read outside
it. So Ctrl-C means what people expect, without a thread: at the prompt it throws the line away, and in an answer it
cancels the turn, whose history the conversation then settles.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

from .answer import note_ending, write_answer
from .failures import report
from .keyboard import Keyboard
from .options import ClientOptions
from .orders import Orders, Room
from .patience import waiting
from .session import open_sender

if TYPE_CHECKING:
    from ghmodels_async.conversation import Conversation
    from ghmodels_async.stream import ChatReply

__all__ = ["converse"]

#: Real seconds the loop gets to end what an answer leaves behind, and to notice what happened while nobody ran it, e.g.
#: a server that hung up.
_CATCH_UP = 0.01


def converse(options: ClientOptions, model: str, *, system: str | None, **fields: Any) -> None:
    """Talk until Ctrl-D or /quit.

    Args:
        options: Which client to open.
        model: Id of the first model.
        system: Instruction, None for none.
        fields: Request fields for every turn; those that are None are left out.

    Raises:
        GHModelsError: No client, no token, or the plan does not have the model. What goes wrong later is printed.
    """
    wanted = {name: value for name, value in fields.items() if value is not None}
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            room = runner.run(_enter(stack, options, model, system, wanted))
            print(f"{model} on {_where(room, options)}. /help lists what can be typed, Ctrl-D ends.")
            _exchange(runner, room)
        finally:
            runner.run(stack.aclose())


async def _enter(
    stack: AsyncExitStack, options: ClientOptions, model: str, system: str | None, fields: dict[str, Any]
) -> Room:
    gh = await stack.enter_async_context(open_sender(options))
    await gh.limits.open()
    gh.limits.explain(model)  # a model the plan does not have is refused before the first question
    return Room(gh, model, system, fields)


def _exchange(runner: asyncio.Runner, room: Room) -> None:
    """Question and answer, order and effect, until somebody leaves."""
    orders = Orders(room)
    keyboard = Keyboard(orders.complete)
    while not room.left:
        try:
            line = keyboard.read()
        except KeyboardInterrupt:
            print("\n(Ctrl-D or /quit ends)")
            continue
        if line is None:
            return
        if line.startswith("/") and not line.startswith("//"):
            print(orders.obey(line))
        elif line.strip():
            _ask(runner, room, line.removeprefix("/") if line.startswith("//") else line)


def _ask(runner: asyncio.Runner, room: Room, question: str) -> None:
    from ghmodels_async.errors import GHModelsError

    before = len(room.talk.messages)
    try:
        note_ending(runner.run(_answer(room, room.talk, question)))
    except KeyboardInterrupt:
        kept = len(room.talk.messages) > before
        print("(stopped; what was said is kept)" if kept else "\n(stopped; as if it had not been asked)")
    except GHModelsError as error:
        report(error)
    with suppress(KeyboardInterrupt):
        runner.run(asyncio.sleep(_CATCH_UP))  # the slot goes back to the other processes now, not at the next question
    if room.talk.left_out:
        print(f"({room.talk.left_out} older messages did not fit into the request)", file=sys.stderr)


async def _answer(room: Room, talk: Conversation, question: str) -> ChatReply:
    await asyncio.sleep(_CATCH_UP)
    async with waiting(room.gh, talk.model) as patience, talk.stream(question) as turn:
        await write_answer(turn, patience)
    return turn.reply


def _where(room: Room, options: ClientOptions) -> str:
    simulated = "simulated " if options.simulate else ""
    return f"{simulated}{room.gh.profile.title}, plan {room.gh.plan}"
