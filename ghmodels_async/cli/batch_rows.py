"""Options that say what the rows are and who serves them, shared by the batch verbs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from ghmodels_async.batch import Recipe, Template

__all__ = ["RowOptions", "row_options"]


@dataclass(frozen=True, slots=True)
class RowOptions:
    """What the rows are and who serves them."""

    models: tuple[str, ...]
    recipe: Recipe

    @property
    def given(self) -> bool:
        """Whether the command line said anything about them."""
        return bool(self.models) or self.recipe != Recipe()


_NAMES = ("models", "template", "system", "parameters", "temperature", "max_tokens", "id_field", "override_model")
_OPTIONS = (
    click.option(
        "--model", "-m", "models", multiple=True, metavar="ID[,ID...]", help="Several share the rows (spilling)."
    ),
    click.option("--override-model", is_flag=True, help="Use --model even for rows that name one."),
    click.option("--template", "-t", metavar="TEXT|@FILE", help="Prompt with {{variables}}, filled from each row."),
    click.option("--system", metavar="TEXT|@FILE", help="System message for rows without one."),
    click.option("--temperature", type=float, metavar="T"),
    click.option("--max-tokens", type=int, metavar="N"),
    click.option("--param", "parameters", multiple=True, metavar="NAME=JSON", help="Any other field, for every row."),
    click.option("--id-field", metavar="NAME", help="Field that names a row. [custom_id or id]"),
)


def row_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the function receives one `RowOptions` as `rows` instead of them."""

    @wraps(command)
    def gathered(*given: Any, **named: Any) -> Any:
        mine = {name: named.pop(name) for name in _NAMES}
        return command(*given, rows=_rows(**mine), **named)

    decorated: Callable[..., Any] = gathered
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def _rows(
    *,
    models: tuple[str, ...],
    template: str | None,
    system: str | None,
    parameters: tuple[str, ...],
    temperature: float | None,
    max_tokens: int | None,
    id_field: str | None,
    override_model: bool,
) -> RowOptions:
    fields = dict(_parameter(text) for text in parameters)
    fields |= {
        name: value for name, value in (("temperature", temperature), ("max_tokens", max_tokens)) if value is not None
    }
    names = tuple(dict.fromkeys(name.strip() for text in models for name in text.split(",") if name.strip()))
    if override_model and not names:
        raise click.UsageError("--override-model needs a --model to use instead.")
    recipe = Recipe(
        template=_template(template),
        system=_template(system),
        parameters=fields,
        id_field=id_field,
        override_model=override_model,
    )
    return RowOptions(names, recipe)


def _template(text: str | None) -> Template | None:
    if text is None:
        return None
    if not text.startswith("@"):
        return Template(text)
    try:
        return Template(Path(text[1:]).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"The template cannot be read: {error}") from None


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"--param {text!r}: expected NAME=JSON, such as seed=7 or stop='[\"END\"]'.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
