"""What a command says is about commands: options, variables and files, and never about Python's arguments."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ghmodels_async
from ghmodels_async.cli.wording import reworded

PACKAGE = Path(ghmodels_async.__file__).parent

#: Argument, call, attribute: what advice to programmers looks like.
PYTHON = re.compile(
    r"(?<![-\w])[a-z][a-z_]+=|\w\(\)|GitHubModels|`error\.|extra_body|\bbase_url\b|\bargument\b|allow_\w+="
)

#: No verb leads here: what only programs can do, and what is sent or logged for programmers.
NOT_REACHED = (
    "abilities", "bulk", "client", "content", "deadline", "middleware", "openai_compat", "schemas", "simulator",
    "structured", "terms", "tools", "conversation", "embeddings", "limits/overrides", "limits/desk", "transport/loops",
    "view", "wire", "wiring", "call", "batch", "cli", "profiles", "stream/delta",
    "transport/trust",
)  # fmt: skip

#: Said of a file, where these are the words to look for or to write.
OF_A_FILE = (
    "base_url in the configuration file",
    "base_url of profile",
    'organization_url = "https',
    "allow_http is neither",
    "in the configuration file",
    "--param max_completion_tokens=N",
)

#: Texts that are no messages, parts of one that is reworded as a whole, and those about several clients or a ledger
#: object in one process.
NO_MESSAGE = (
    "url=(https",
    "?mode=rw",
    "plan('plan', status=",
    "the token argument",
    "token argument: not given",
    "ledger=plan, shared=True",
    "Make the ledger with shared=True",
    "Give every client of the account shared=True",
)


def sentences(module: Path) -> Iterator[str]:
    """Every text of a module that could be part of a message, values as the expressions that give them."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in ast.walk(node)}
            yield "".join(map(filled, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


def filled(part: ast.expr) -> str:
    """A piece of an f-string, with a likely value for an expression."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    return "'plan'" if part.conversion == ord("r") else "plan"


def reachable() -> list[Path]:
    found = []
    for module in sorted(PACKAGE.rglob("*.py")):
        name = module.relative_to(PACKAGE).with_suffix("").as_posix()
        if not any(name == part or name.startswith(f"{part}/") for part in NOT_REACHED):
            found.append(module)
    return found


def test_no_advice_of_the_library_speaks_python_on_the_command_line() -> None:
    spoken = [text for module in reachable() for text in sentences(module) if " " in text or "=" in text]
    assert len(spoken) > 300
    wrong = []
    for text in spoken:
        told = reworded(text)
        for known in OF_A_FILE:
            told = told.replace(known, "")
        if text.startswith(NO_MESSAGE):
            continue
        if PYTHON.search(told):
            wrong.append(told)
    assert wrong == [], "reword it in cli/wording.py, or say above why no command can meet it"


def test_advice_that_needs_no_other_words_stays() -> None:
    for text in ("Choose one of: free, pro.", "Wait, then send it again", "GHMODELS_BASE_URL=URL", "checked: seed=7"):
        assert reworded(text) == text


TOKEN = {"GITHUB_TOKEN": "ghp_not_a_real_one_0000"}
NOWHERE = ("--base-url", "http://127.0.0.1:9/v1")


@pytest.mark.parametrize(
    ("words", "variables", "advice"),
    [
        (("chat", "m", "hi"), {}, "Set GITHUB_TOKEN or GH_TOKEN to it, or sign in with `gh auth login`"),
        (("chat", "m", "hi", "--profile", "groq"), {}, "Set GROQ_API_KEY to it"),
        (("limits", "m", "--profile", "foundry"), {}, "--base-url URL, GHMODELS_BASE_URL=URL"),
        (("chat", "m", "hi", "--simulate", "--temperature", "9"), {}, "a profile file of your own (--profile FILE)"),
        (("chat", "", "hi", "--simulate"), {}, "`ghmodels models` lists them"),
        (("chat", "m", "hi", "--base-url", "http://example.com/v1"), {}, "GHMODELS_ALLOW_HTTP=1"),
        (("chat", "m", "hi", "--base-url", "ftp://example.com/v1"), {}, "--base-url is not an http(s) address"),
        (("chat", "m", "hi", "--plan", "gold"), {}, "plan, from --plan"),
        (("models", "--profile", "nope"), {}, "from --profile"),
        (("chat", "m", "hi", *NOWHERE), {**TOKEN, "GHMODELS_LEDGER": "tape"}, "GHMODELS_LEDGER=sqlite for a file"),
        (("chat", "m", "hi", *NOWHERE), {"GITHUB_TOKEN": "two words"}, "or sign in with `gh auth login`"),
        (("batch", "plan", "5", "-m", "m", "--plan", "gold"), {}, "plan, from --plan"),
        (("batch", "retry-failed", "nowhere"), {}, "Name a run directory"),
        (("doctor", "--no-ask"), {}, "--profile NAME (or GHMODELS_PROFILE), one of:"),
    ],
)
def test_wrong_input_is_answered_with_what_to_type(shell, words, variables, advice) -> None:
    ran = shell(*words, **variables)
    told = ran.out + ran.err
    assert ran.code != 0
    assert advice in told
    assert "this is a defect" not in told
    for known in OF_A_FILE:
        told = told.replace(known, "")
    assert not PYTHON.search(told), told


def test_doctors_json_speaks_of_commands_too(shell) -> None:
    checks = json.loads(shell("doctor", "--no-ask", "--json").out)["checks"]
    assert not PYTHON.search("\n".join(line for check in checks for line in check["fix"]))


def test_a_programmers_error_still_names_the_argument() -> None:
    from ghmodels_async import GitHubModels
    from ghmodels_async.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match=r"base_url=\.\.\."):
        GitHubModels("key", profile="foundry")
