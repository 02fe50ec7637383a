"""The simulator's public names, and what it costs to have its pytest plugin installed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from ghmodels_async import simulator


def test_checkers_and_running_programs_see_the_same_names() -> None:
    tree = ast.parse(Path(simulator.__file__).read_text(encoding="utf-8"))
    (guard,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in guard.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == simulator._HOMES
    assert sorted(simulator.__all__) == sorted(seen)


@pytest.mark.parametrize("name", simulator.__all__)
def test_every_public_name_loads(name: str) -> None:
    assert getattr(simulator, name) is not None
    assert name in dir(simulator)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Magic'"):
        _ = simulator.Magic


def test_the_pytest_plugin_brings_no_web_server_along() -> None:
    code = (
        "import sys, ghmodels_async.simulator.pytest_plugin; print(sorted({'aiohttp', 'pydantic'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
