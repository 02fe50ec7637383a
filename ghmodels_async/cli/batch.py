"""`ghmodels batch`: files of prompts through the quota, resumable. One verb a file, loaded when it is called."""

from __future__ import annotations

import importlib

import click

__all__ = ["command"]

#: Verb -> (module of this package with a `command`, one line of help).
_VERBS = {
    "check": ("batch_check", "Say what is wrong with an input; nothing is sent."),
    "plan": ("batch_plan", "Say how long it will take, and what else could be done; nothing is sent."),
    "run": ("batch_run", "Run every row; started again it does only what is missing."),
    "status": ("batch_status", "Say how far a run is."),
    "retry-failed": ("batch_retry", "Run failed rows again."),
    "merge": ("batch_merge", "Write the output and the errors file from what is finished."),
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        found: click.Command = importlib.import_module(f"{__package__}.{_VERBS[name][0]}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _VERBS.items()])


@click.group(name="batch", cls=_Verbs)
def command() -> None:
    """Run files of prompts through the quota; nothing that was answered is ever asked again.

    Rows are OpenAI batch lines, {"prompt": ...} or {"messages": ...} lines, or CSV/TSV/Parquet with a template.
    """
