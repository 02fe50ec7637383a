"""Reading profiles: the shipped ones by name, anybody's own by path. Errors name the file and the line."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .lines import line_of
from .profile import Profile
from .schema import Misplaced, ProfileFile, to_profile

__all__ = ["ProfileError", "load", "names"]


class ProfileError(ValueError):
    """A profile that does not exist or cannot be read. The message starts with ``file:line:`` where there is one."""


@cache
def names() -> tuple[str, ...]:
    """The shipped profiles, GitHub's first, then by name."""
    found = sorted(item.name.removesuffix(".toml") for item in _shelf().iterdir() if item.name.endswith(".toml"))
    return tuple(sorted(found, key=lambda name: not name.startswith("github")))


def load(name_or_path: str) -> Profile:
    """Load a shipped profile by name, or a TOML file by path (anything with a slash or ending in ``.toml``).

    Shipped profiles are parsed once per process; a file is read anew each time.

    Raises:
        ProfileError: No such profile or file, not TOML, or a key or value that does not fit; names file and line.
    """
    if "/" in name_or_path or "\\" in name_or_path or name_or_path.endswith(".toml"):
        path = Path(name_or_path).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ProfileError(f"{path}: {error.strerror or error}") from None
        except UnicodeDecodeError as error:
            raise ProfileError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
        return _build(text, str(path))
    if name_or_path not in names():
        raise ProfileError(f"no profile named {name_or_path!r}; shipped are {', '.join(names())}")
    return _shipped(name_or_path)


def _shelf() -> Any:
    return files(__package__) / "data"


@cache
def _shipped(name: str) -> Profile:
    return _build(_shipped_text(name), f"{name}.toml")


def _shipped_text(name: str) -> str:
    text: str = (_shelf() / f"{name}.toml").read_text(encoding="utf-8")
    return text


def _build(text: str, label: str) -> Profile:
    raw = _parse(text, label)
    base = raw.get("based_on")
    if base is not None:
        if base not in names():
            line = line_of(text, ("based_on",))
            raise ProfileError(f"{label}:{line}: based_on: no shipped profile named {base!r}")
        raw = _merged(_flattened(base), raw)
    raw = {key: value for key, value in raw.items() if value != ""}
    try:
        return to_profile(ProfileFile.model_validate(raw))
    except Misplaced as error:
        raise _located(text, label, error.path, error.why) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        path = tuple(str(part) for part in first["loc"])
        why = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise _located(text, label, path, why) from None


def _located(text: str, label: str, path: tuple[str, ...], why: str) -> ProfileError:
    line = line_of(text, path)
    where = f"{label}:{line}" if line else label
    return ProfileError(f"{where}: {'.'.join(path)}: {why}")


def _parse(text: str, label: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # 3.11's message ends "(at line 3, column 9)"; the attributes only came with 3.14
        place = re.search(r"at line (\d+)", str(error))
        line = place[1] if place else len(text.splitlines())
        raise ProfileError(f"{label}:{line}: not TOML: {error}") from None


def _flattened(name: str) -> dict[str, Any]:
    raw = _parse(_shipped_text(name), f"{name}.toml")
    base = raw.pop("based_on", None)
    return _merged(_flattened(base), raw) if base else raw


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Tables merge key by key; everything else is replaced. A row of `limits` is replaced whole: half of one plan's
    table and half of another's would be nobody's limits."""
    result = dict(base)
    for key, value in own.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = {**old, **value}
        else:
            result[key] = value
    if "plans" in own and own["plans"] != base.get("plans"):
        # columns are laid out over `plans`: the base's rows would not fit the new ones
        result["limits"] = own.get("limits", {})
        result["models"] = own.get("models", {})
        result["default_row"] = own.get("default_row")
    return result
