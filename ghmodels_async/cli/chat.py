"""`ghmodels chat`: one question and its streamed answer, or a conversation (see `interactive`)."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from typing import TYPE_CHECKING, Any

import click

from .answer import note_ending, write_answer
from .options import ClientOptions, client_options, json_option
from .patience import Patience, waiting
from .screen import print_json, tame
from .session import open_sender

if TYPE_CHECKING:
    from ghmodels_async.client import GitHubModels
    from ghmodels_async.stream import ChatReply

__all__ = ["command"]


@click.command(name="chat")
@click.argument("model")
@click.argument("prompt", nargs=-1)
@click.option("--system", metavar="TEXT", help="System instruction.")
@click.option("--temperature", type=float, metavar="T", help="Sampling temperature, in the range of the endpoint.")
@click.option("--top-p", type=float, metavar="P", help="Share of likely tokens to sample from.")
@click.option("--max-tokens", type=int, metavar="N", help="Most tokens of the answer.")
@click.option("--no-stream", is_flag=True, help="Print the answer when it is whole.")
@json_option
@client_options
def command(
    options: ClientOptions, model: str, prompt: tuple[str, ...], *, as_json: bool, no_stream: bool, **given: Any
) -> None:
    """Ask MODEL; the answer streams to the terminal.

    The words of PROMPT are joined; piped input is appended after a line break, so that a file can be asked about:

        ghmodels chat openai/gpt-4.1-mini "Summarise this:" < notes.txt

    Without PROMPT, on a terminal, it is a conversation: /help lists what can be typed beside questions.
    """
    asked = _question(prompt)
    if asked:
        asyncio.run(_chat(options, model, asked, as_json=as_json, no_stream=no_stream, **given))
    elif as_json or no_stream:
        raise click.UsageError("Nothing to ask: --json and --no-stream need a PROMPT, or one piped in.")
    elif not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("Nothing to ask: give a PROMPT, or pipe one in. A conversation needs a terminal.")
    else:
        from .interactive import converse

        converse(options, model, **given)


async def _chat(
    options: ClientOptions, model: str, asked: str, *, system: str | None, no_stream: bool, as_json: bool, **fields: Any
) -> None:
    messages = [*([{"role": "system", "content": system}] if system else []), {"role": "user", "content": asked}]
    wanted = {name: value for name, value in fields.items() if value is not None}
    async with open_sender(options) as gh, waiting(gh, model) as patience:
        if as_json or no_stream:
            reply = await gh.chat(model, messages, **wanted)
            patience.end()
            if as_json:
                print_json(_plain(reply))
            else:
                print(tame(reply.text or ""))
        else:
            reply = await _stream(gh, patience, model, messages, wanted)
    note_ending(reply)


async def _stream(
    gh: GitHubModels, patience: Patience, model: str, messages: list[dict[str, str]], wanted: dict[str, Any]
) -> ChatReply:
    async with gh.stream(model, messages, **wanted) as stream:
        await write_answer(stream, patience)
    return stream.reply


def _question(words: tuple[str, ...]) -> str:
    """What is asked.

    Raises:
        click.UsageError: Bytes that are no text. To send something in their place would be to ask something else.
    """
    try:
        question = "\n".join(part for part in (" ".join(words), _piped()) if part)
        question.encode()
    except UnicodeError:
        encoding = sys.stdin.encoding if sys.stdin else "utf-8"
        raise click.UsageError(f"The question is not {encoding} text; convert it, e.g. with iconv.") from None
    return question


def _piped() -> str:
    """What a pipe or a file feeds in; a terminal, /dev/null or a socket is not waited for."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return ""
    return sys.stdin.read().strip("\n") if stat.S_ISFIFO(mode) or stat.S_ISREG(mode) else ""


def _plain(reply: ChatReply) -> dict[str, Any]:
    meta, cost = reply.meta, reply.cost
    return {
        "model": reply.model,
        "text": reply.text,
        "reasoning": reply.reasoning or None,
        "refusal": reply.refusal or None,
        "finish_reason": reply.finish_reason,
        "tool_calls": [call.model_dump(exclude_none=True) for call in reply.tool_calls or ()],
        "usage": reply.usage.model_dump(exclude_none=True) if reply.usage else None,
        "cost": None if cost.units is None else {"units": float(cost.units), "dollars": float(cost.dollars or 0)},
        "meta": {
            "attempts": meta.attempts,
            "queue_wait": round(meta.queue_wait, 3),
            "request_id": meta.request_id,
        },
    }
