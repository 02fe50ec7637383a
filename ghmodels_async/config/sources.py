"""Where settings are written: environment, env file, configuration file. Each value remembers its place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ghmodels_async.errors import ConfigurationError
from ghmodels_async.profiles import line_of

__all__ = ["KEYS", "Value", "config_path", "read_config", "read_env_file", "values_of_environment"]

#: Every setting a file or a ``GHMODELS_`` variable can give.
KEYS = (
    "profile",
    "base_url",
    "plan",
    "organization",
    "enterprise",
    "ledger",
    "state_dir",
    "allow_http",
)

#: Names the provider guide uses, honoured for profiles that take a GitHub token.
_GUIDE = {
    "JAATO_GITHUB_ORGANIZATION": "organization",
    "JAATO_GITHUB_ENTERPRISE": "enterprise",
    "JAATO_GITHUB_ENDPOINT": "base_url",
}


class Value(NamedTuple):
    """One setting as written, and where: that is what an error message cites."""

    text: str
    source: str
    github_only: bool = False


def values_of_environment(env: Mapping[str, str], described: Mapping[str, str]) -> dict[str, Value]:
    """Pick the settings out of an environment; ``GHMODELS_`` names win over the guide's. Empty means not set.

    Args:
        env: Variables and values.
        described: Where a variable came from, for those not from the process's own environment.
    """
    found: dict[str, Value] = {}
    for name, key in _GUIDE.items():
        if env.get(name):
            found[key] = Value(env[name], described.get(name, f"environment variable {name}"), github_only=True)
    for key in KEYS:
        name = f"GHMODELS_{key.upper()}"
        if env.get(name):
            found[key] = Value(env[name], described.get(name, f"environment variable {name}"))
    return found


def config_path(env: Mapping[str, str]) -> Path | None:
    """Where the optional configuration file is: ``$XDG_CONFIG_HOME/ghmodels/config.toml``; None without a home."""
    given = env.get("XDG_CONFIG_HOME", "")
    if given.startswith("/"):  # the specification: a relative path is to be ignored
        return Path(given) / "ghmodels" / "config.toml"
    home = env.get("HOME", "")
    return Path(home) / ".config" / "ghmodels" / "config.toml" if home else None


def read_config(path: Path, *, required: bool) -> dict[str, Value]:
    """Read the TOML configuration file.

    Raises:
        ConfigurationError: It is required and missing, cannot be read, is not TOML, or has an unknown key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise ConfigurationError(f"The configuration file {path} does not exist.") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The configuration file {path} cannot be read: {error}") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from None
    found: dict[str, Value] = {}
    for key, value in table.items():
        line = line_of(text, (key,))
        if key not in KEYS:
            raise ConfigurationError(f"{path}:{line}: unknown setting {key!r}.", checked=f"known are {', '.join(KEYS)}")
        if not isinstance(value, (str, bool)):
            raise ConfigurationError(f"{path}:{line}: {key} is not a text.", fix=f'Write {key} = "..."')
        found[key] = Value(str(value).lower() if isinstance(value, bool) else value, f"{path}:{line}")
    return found


_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_ESCAPES = {"\\n": "\n", "\\t": "\t", '\\"': '"', "\\\\": "\\"}


def read_env_file(path: Path) -> Iterator[tuple[str, str, int]]:
    """Read ``NAME=value`` lines: name, value, line number. Comments, ``export`` and quotes are understood.

    Nothing is expanded: a value is never looked up in the environment or handed to a shell.

    Raises:
        ConfigurationError: The file cannot be read, or a line is something else. The line's text is not repeated: it
            may hold a key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The env file {path} cannot be read: {error}", fix="Check --env-file.") from None
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise ConfigurationError(f"{path}:{number}: not a NAME=value line.", fix="Write NAME=value, one per line.")
        yield match[1], _unquoted(match[2], path, number), number


def _unquoted(text: str, path: Path, number: int) -> str:
    quote = text[:1]
    if quote not in ("'", '"'):
        return re.split(r"\s+#", text, maxsplit=1)[0].rstrip()
    body = r"'([^']*)'" if quote == "'" else r'"((?:[^"\\]|\\.)*)"'
    match = re.fullmatch(body + r"\s*(?:#.*)?", text)
    if match is None:
        raise ConfigurationError(f"{path}:{number}: the quote is not closed, or text follows it.")
    return match[1] if quote == "'" else re.sub(r"\\.", lambda found: _ESCAPES.get(found[0], found[0]), match[1])
