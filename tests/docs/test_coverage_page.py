"""docs/coverage.md against the tests it names, and against what the documents list."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from ghmodels_async.wire import ChatRequest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "coverage.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+(?:\.py)?::test_\w+)`", PAGE)))

#: What reference B lists, in its order.
PARAMETERS = [
    "model",
    "messages",
    "frequency_penalty",
    "max_tokens",
    "modalities",
    "presence_penalty",
    "response_format",
    "seed",
    "stream",
    "stream_options",
    "stop",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
]
#: What guide A lists.
VARIABLES = ["GITHUB_TOKEN", "JAATO_GITHUB_ORGANIZATION", "JAATO_GITHUB_ENTERPRISE", "JAATO_GITHUB_ENDPOINT"]
ERRORS = [
    "TokenNotFoundError",
    "TokenInvalidError",
    "TokenPermissionError",
    "ModelsDisabledError",
    "ModelNotFoundError",
    "RateLimitError",
]
METHODS = [
    "initialize",
    "connect",
    "create_session",
    "send_message",
    "generate",
    "get_token_usage",
    "get_context_limit",
    "list_models",
]


@cache
def functions_of(path):
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("named", NAMED)
def test_a_named_test_exists(named):
    path, _, function = named.replace("SD::", "docs/test_source_documents.py::").partition("::")
    assert function in functions_of(path)


def test_every_row_of_an_item_is_shown_by_a_test():
    head, _, rest = PAGE.partition("## Moving over")
    rows = [line for line in (head + rest.partition("## Beyond")[2]).splitlines() if line.startswith("| ")]
    items = [line for line in rows if not line.startswith(("| item", "| ---"))]
    assert len(items) > 70
    assert [line for line in items if "::test_" not in line] == []


def test_every_test_of_the_source_documents_is_on_the_page():
    shown = {named.partition("::")[2] for named in NAMED if named.startswith("SD::")}
    there = {name for name in functions_of("docs/test_source_documents.py") if name.startswith("test_")}
    assert shown == there


@pytest.mark.parametrize("word", [*PARAMETERS, *VARIABLES, *ERRORS])
def test_every_parameter_variable_and_error_has_a_row(word):
    assert re.search(rf"^\| [^|]*`{word}[`.]", PAGE, re.MULTILINE), word


@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_the_guide_has_a_way_over(method):
    table = PAGE.partition("## Moving over")[2].partition("## Where")[0]
    assert f"provider.{method}(" in table


def test_every_documented_parameter_is_a_field():
    assert set(PARAMETERS) <= set(ChatRequest.model_fields)
