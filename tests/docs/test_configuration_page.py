"""docs/configuration.md against the settings it describes."""

import re
from pathlib import Path

import pytest

from ghmodels_async.config import resolve
from ghmodels_async.config.sources import KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_has_a_row_with_its_variable(key):
    assert re.search(rf"\| `{key}` \|.*`GHMODELS_{key.upper()}`", PAGE)


def test_the_example_file_is_a_configuration_file(tmp_path):
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    assert resolve(config_file=path, env={}).profile.name == "groq"


def test_the_example_code_runs():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    scope: dict[str, object] = {}
    exec(compile(code, "docs/configuration.md", "exec"), scope)
    assert "settings" in scope
