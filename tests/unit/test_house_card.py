"""The house card's point 6: short files and functions, or a sentence on top that says why not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import ghmodels_async

PACKAGE = Path(ghmodels_async.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Names, and lines from the first statement behind the docstring to the last."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            yield node.name, (node.end_lineno or 0) - body[0].lineno + 1


def test_there_are_files_to_look_at() -> None:
    assert len(FILES) > 100


def test_functions_have_forty_lines_at_most() -> None:
    assert [(path.name, name, lines) for path in FILES for name, lines in functions(path) if lines > 40] == []


def test_files_have_250_lines_at_most_or_say_on_top_why_they_are_longer() -> None:
    long = [path for path in FILES if len(path.read_text().splitlines()) > 250]
    tops = {path.name: ast.get_docstring(ast.parse(path.read_text())) or "" for path in long}
    assert [name for name, top in tops.items() if "onger" not in top] == []
