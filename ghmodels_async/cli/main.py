"""The `ghmodels` command: finds the verb, runs it, turns an error into three lines and an exit code.

Verbs are loaded when they are called, because `--help` has to answer before pydantic and aiohttp have woken up.
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click

from ghmodels_async._version import __version__

__all__ = ["cli", "main"]

#: Verb -> (module of this package with a `command`, one line of help, written here so that no module is loaded for it).
_VERBS = {
    "chat": ("chat", "Ask a model; the answer streams to the terminal."),
    "models": ("models", "List models and what is known about them."),
    "limits": ("limits", "Show every limit: used, left, when it opens, where the number came from."),
    "doctor": ("doctor", "Check token, account, organisation, endpoint and quota, with the fix."),
    "batch": ("batch", "Run files of prompts through the quota, resumable."),
    "simulate": ("simulate", "Serve a simulated endpoint with real limits on 127.0.0.1."),
}


class _Verbs(click.Group):
    """A group whose commands are modules not loaded yet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        module = importlib.import_module(f"{__package__}.{_VERBS[name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], _VERBS, n=1)
            raise click.UsageError(
                f"No such command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""), ctx
            )
        return super().resolve_command(ctx, args)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ghmodels")
def cli() -> None:
    """Talk to GitHub Models and other quota-bound LLM services without ever running into their limits.

    Exit codes: 0 well, 1 the work failed, 2 usage or refused plan, 3 refused by the service, 4 out of quota.
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and end the process.

    Raises:
        SystemExit: Always; the code tells how it went.
    """
    _prepare_streams()
    ended_by: list[int] = []

    def terminate(number: int, _: FrameType | None) -> None:
        """End as Ctrl-C does: what is in flight is settled, and other processes need not wait for its lease."""
        ended_by.append(number)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start background jobs
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, terminate)
    try:
        code = cli.main(args=args, prog_name="ghmodels", standalone_mode=False)
        sys.stdout.flush()  # a full disk is noticed here, and not when nobody listens any more
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print("Interrupted.", file=sys.stderr)
        sys.exit(128 + (ended_by or [signal.SIGINT])[-1])
    except BrokenPipeError:
        _silence_stdout()
        sys.exit(1)
    except Exception as error:
        from .failures import report

        number = report(error)
        if isinstance(error, OSError):
            _silence_stdout()
        sys.exit(number)
    sys.exit(code if isinstance(code, int) else 0)


def _prepare_streams() -> None:
    """Make any text printable: a letter this terminal has not is a question mark, a closed stream takes everything."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.open(os.devnull, os.O_WRONLY), "w", closefd=False)))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _silence_stdout() -> None:
    """Nobody takes our output any more (`| head`, a full disk): the interpreter's last flush must not complain."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        pass
