"""`ghmodels chat`: one question, the answer streams to the terminal."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from typing import TYPE_CHECKING, Any

import click

from .options import ClientOptions, client_options, json_option
from .patience import Patience, waiting
from .session import open_client

if TYPE_CHECKING:
    from ghmodels_async.client import GitHubModels
    from ghmodels_async.stream import ChatReply

__all__ = ["command"]

#: Control characters a model may say but a terminal must not obey (escape sequences can rewrite what was shown).
_UNTRUSTED = {code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


@click.command(name="chat")
@click.argument("model")
@click.argument("prompt", nargs=-1)
@click.option("--system", metavar="TEXT", help="System instruction.")
@click.option("--temperature", type=float, metavar="T")
@click.option("--top-p", type=float, metavar="P")
@click.option("--max-tokens", type=int, metavar="N", help="Most tokens of the answer.")
@click.option("--no-stream", is_flag=True, help="Print the answer when it is whole.")
@json_option
@client_options
def command(options: ClientOptions, model: str, prompt: tuple[str, ...], **given: Any) -> None:
    """Ask MODEL; the answer streams to the terminal.

    The words of PROMPT are joined; piped input is appended after a line break, so that a file can be asked about:

        ghmodels chat openai/gpt-4.1-mini "Summarise this:" < notes.txt
    """
    asked = _question(prompt)
    if not asked:
        raise click.UsageError("Nothing to ask: give a PROMPT, or pipe one in.")
    asyncio.run(_chat(options, model, asked, **given))


async def _chat(
    options: ClientOptions, model: str, asked: str, *, system: str | None, no_stream: bool, as_json: bool, **fields: Any
) -> None:
    messages = [*([{"role": "system", "content": system}] if system else []), {"role": "user", "content": asked}]
    wanted = {name: value for name, value in fields.items() if value is not None}
    async with open_client(options) as gh, waiting(gh, model) as patience:
        if as_json or no_stream:
            reply = await gh.chat(model, messages, **wanted)
            patience.end()
            print(_as_json(reply) if as_json else _shown(reply.text or ""))
        else:
            reply = await _stream(gh, patience, model, messages, wanted)
    _note_ending(reply)


async def _stream(
    gh: GitHubModels, patience: Patience, model: str, messages: list[dict[str, str]], wanted: dict[str, Any]
) -> ChatReply:
    last = "\n"
    try:
        async with gh.stream(model, messages, **wanted) as stream:
            patience.end()
            async for delta in stream:
                if delta.text:
                    last = delta.text
                    sys.stdout.write(_shown(last))
                    sys.stdout.flush()
        return stream.reply
    finally:
        if not last.endswith("\n"):
            sys.stdout.write("\n")
            sys.stdout.flush()


def _question(words: tuple[str, ...]) -> str:
    parts = [" ".join(words), _piped()]
    return "\n".join(part for part in parts if part)


def _piped() -> str:
    """What a pipe or a file feeds in; a terminal, /dev/null or a socket is not waited for."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return ""
    return sys.stdin.read().strip("\n") if stat.S_ISFIFO(mode) or stat.S_ISREG(mode) else ""


def _shown(text: str) -> str:
    return text.translate(_UNTRUSTED) if sys.stdout.isatty() else text


def _note_ending(reply: ChatReply) -> None:
    if reply.refusal:
        print(f"The model refused: {_shown(reply.refusal)}", file=sys.stderr)
    if reply.finish_reason == "length":
        print("The answer was cut: the token limit was reached.", file=sys.stderr)
    elif reply.finish_reason == "content_filter":
        print("The answer was cut by the service's content filter.", file=sys.stderr)


def _as_json(reply: ChatReply) -> str:
    meta = reply.meta
    shown = {
        "model": reply.model,
        "text": reply.text,
        "reasoning": reply.reasoning or None,
        "refusal": reply.refusal or None,
        "finish_reason": reply.finish_reason,
        "tool_calls": [call.model_dump(exclude_none=True) for call in reply.tool_calls or ()],
        "usage": reply.usage.model_dump(exclude_none=True) if reply.usage else None,
        "meta": {
            "attempts": meta.attempts,
            "queue_wait": round(meta.queue_wait, 3),
            "request_id": meta.request_id,
        },
    }
    return json.dumps(shown, ensure_ascii=False, indent=2)
