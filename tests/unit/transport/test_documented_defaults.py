"""The table of defaults in docs/transport.md says what the code does."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

from ghmodels_async import errors
from ghmodels_async.transport import RetryBudget, RetryPolicy, SessionPool

PAGE = (Path(__file__).parents[3] / "docs" / "transport.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)\.(\w+)` \| (\S+) \|", re.MULTILINE)


def defaults() -> dict[str, Any]:
    found: dict[str, Any] = {f"RetryPolicy.{f.name}": f.default for f in dataclasses.fields(RetryPolicy)}
    for kind in (SessionPool, RetryBudget):
        for name, parameter in inspect.signature(kind).parameters.items():
            if isinstance(parameter.default, (bool, int, float)):
                found[f"{kind.__name__}.{name}"] = parameter.default
    return found


def test_every_default_is_documented_with_its_value() -> None:
    documented = {f"{kind}.{name}": value for kind, name, value in ROW.findall(PAGE)}
    assert documented == {name: str(value) for name, value in defaults().items()}


def test_every_error_named_on_the_page_exists() -> None:
    names = set(re.findall(r"`(\w+Error)\b", PAGE))
    assert names
    assert [name for name in names if not hasattr(errors, name)] == []
