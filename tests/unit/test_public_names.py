"""The names of the package: what is promised is there, and loading one does not load the world."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ghmodels_async

SOURCE = ast.parse(Path(ghmodels_async.__file__).read_text(encoding="utf-8"))


def names_for_type_checkers():
    block = next(node for node in SOURCE.body if isinstance(node, ast.If))
    return {alias.name: statement.module for statement in block.body for alias in statement.names}


@pytest.mark.parametrize("name", ghmodels_async.__all__)
def test_every_promised_name_is_there(name):
    assert getattr(ghmodels_async, name) is not None
    assert name in dir(ghmodels_async)


def test_type_checkers_and_machines_see_the_same_names():
    assert names_for_type_checkers() == ghmodels_async._HOMES
    assert {*ghmodels_async._HOMES, "__version__"} == set(ghmodels_async.__all__)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ghmodels_async.nothing


def test_the_package_alone_loads_neither_aiohttp_nor_pydantic():
    code = "import ghmodels_async, sys; print(sorted({'aiohttp', 'pydantic', 'rich'} & sys.modules.keys()))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_the_client_loads_no_part_that_a_chat_does_not_use():
    code = "from ghmodels_async import GitHubModels; import sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    spare = {"conversation", "embeddings", "openai_compat", "simulator", "structured", "tools", "verification"}
    loaded = set(shown.stdout.split())
    assert loaded.isdisjoint({"tenacity", "html", *(f"ghmodels_async.{part}" for part in spare)})
