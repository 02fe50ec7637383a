"""docs/cli.md against the commands it describes. Its examples run in test_every_block_runs.py."""

import re
from pathlib import Path

import click

from ghmodels_async.cli.main import cli
from ghmodels_async.cli.orders import _ORDERS
from ghmodels_async.simulator import FAULTS, WINDOW_KINDS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "cli.md").read_text(encoding="utf-8")


def commands(group=cli):
    context = click.Context(group)
    return {name: group.get_command(context, name) for name in group.list_commands(context)}


def options_of(command):
    return {word for option in command.params for word in option.opts if word.startswith("--")}


def section(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def test_every_verb_has_a_row_and_a_section_with_an_example():
    for name in commands():
        assert re.search(rf"^\| `{name}[ `]", PAGE, re.MULTILINE), name
        assert re.search(rf"^ghmodels {name}\b", section(name), re.MULTILINE), name


def test_every_option_on_the_page_exists():
    verbs = commands()
    known = set().union(*map(options_of, [*verbs.values(), *commands(verbs["batch"]).values()]))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) - {"--help"}
    assert named <= known


def test_every_option_of_the_simulation_is_on_the_page():
    options = options_of(commands()["simulate"])
    shared = section("simulate") + PAGE[: PAGE.index("## chat")]
    assert {option for option in options if option not in shared} == set()
    assert all(f"`{kind}`" in section("simulate") for kind in WINDOW_KINDS)


def test_every_fault_the_command_takes_is_described():
    described = (DOCS / "simulator.md").read_text(encoding="utf-8")
    assert [name for name in FAULTS if f"`{name}`" not in described] == []


def test_every_order_of_a_conversation_is_on_the_page():
    assert [order for order in _ORDERS if f"`{order}" not in section("chat")] == []
