"""Settings of one client: argument before environment before file, each value with the place it was written.

Theory: the places form ranks (arguments, environment, env file, configuration file). The profile is chosen first, by
the highest rank that names one. Settings that only make sense for an endpoint (address, plan, organisation, enterprise)
are then taken from a rank only if that rank does not name *another* profile: a file that says "foundry at this address"
must not send a Groq key there because somebody asked for ``--profile groq`` today.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ghmodels_async.errors import ConfigurationError
from ghmodels_async.profiles import Profile, ProfileError, load

from .endpoint import Endpoint, endpoint_of
from .sources import Value, config_path, read_config, read_env_file, values_of_environment

__all__ = ["Settings", "resolve"]

_OF_AN_ENDPOINT = ("base_url", "plan", "organization", "enterprise")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client runs with."""

    profile: Profile
    plan: str
    endpoint: Endpoint
    organization: str | None
    enterprise: str | None
    """Only for error messages: no endpoint has a route for it."""
    ledger: str
    """``memory``, ``sqlite`` or whatever else the ledger floor understands."""
    state_dir: Path | None
    """Folder for ledgers; None: the ledger floor's own default."""
    sources: Mapping[str, str]
    """Setting -> where its value was written; settings left at their default are absent."""
    env: Mapping[str, str] = field(repr=False)
    """The environment with the env file laid under it: where keys are looked for. May hold secrets."""


def resolve(
    *,
    profile: str | Profile | None = None,
    base_url: str | None = None,
    plan: str | None = None,
    organization: str | None = None,
    enterprise: str | None = None,
    ledger: str | None = None,
    state_dir: str | Path | None = None,
    allow_http: bool | None = None,
    env: Mapping[str, str] | None = None,
    env_file: str | Path | None = None,
    config_file: str | Path | None = None,
) -> Settings:
    """Gather the settings from every place.

    Args:
        profile: Name, path of a TOML file, or a profile. None: look further; in the end ``github``.
        base_url: Inference root. None: look further; in the end the profile's.
        plan: None: look further; in the end the profile's first plan.
        organization: Login; see `endpoint_of`.
        enterprise: Slug, for error messages.
        ledger: None: look further; in the end ``sqlite``.
        state_dir: None: look further; in the end the ledger floor's default.
        allow_http: Plain http to other hosts. None: look further; in the end no.
        env: Variables; None means the process's own.
        env_file: File of ``NAME=value`` lines, read only when named here; the environment wins over it.
        config_file: None: ``config.toml`` in the user's configuration folder, if there is one.

    Raises:
        ConfigurationError: Any value that cannot be used, with the place it was written. Nothing was sent.
    """
    given = {
        "base_url": base_url, "plan": plan, "organization": organization, "enterprise": enterprise, "ledger": ledger,
        "state_dir": None if state_dir is None else str(state_dir),
        "allow_http": None if allow_http is None else str(allow_http).lower(),
    }  # fmt: skip
    arguments = {key: Value(text, f"argument {key}") for key, text in given.items() if text is not None}
    process = dict(os.environ if env is None else env)
    filed, described = _env_file(env_file)
    ranks = [
        arguments,
        values_of_environment(process, {}),
        values_of_environment(filed, described),
        _config(process, config_file),
    ]
    chosen, named = _choose(profile, ranks)
    values = _merge(ranks, chosen, named.text)
    if named.source:
        values["profile"] = named
    return _settings(chosen, values, {**filed, **process})


def _settings(profile: Profile, values: dict[str, Value], env: dict[str, str]) -> Settings:
    def text(key: str) -> str | None:
        return values[key].text if key in values else None

    base = values.get("base_url")
    endpoint = endpoint_of(
        profile,
        base.text if base else None,
        text("organization"),
        allow_http=_truth(values.get("allow_http")),
        where=f"base_url ({base.source})" if base else "base_url",
    )
    folder = text("state_dir")
    return Settings(
        profile=profile,
        plan=_plan(profile, values.get("plan")),
        endpoint=endpoint,
        organization=text("organization"),
        enterprise=text("enterprise"),
        ledger=text("ledger") or "sqlite",
        state_dir=Path(folder).expanduser() if folder else None,
        sources={key: value.source for key, value in values.items()},
        env=env,
    )


def _env_file(path: str | Path | None) -> tuple[dict[str, str], dict[str, str]]:
    values: dict[str, str] = {}
    described: dict[str, str] = {}
    if path is not None:
        for name, value, line in read_env_file(Path(path).expanduser()):
            values[name] = value
            described[name] = f"{name} in {path}:{line}"
    return values, described


def _config(env: Mapping[str, str], given: str | Path | None) -> dict[str, Value]:
    if given is not None:
        return read_config(Path(given).expanduser(), required=True)
    path = config_path(env)
    return {} if path is None else read_config(path, required=False)


def _choose(given: str | Profile | None, ranks: list[dict[str, Value]]) -> tuple[Profile, Value]:
    if isinstance(given, Profile):
        return given, Value(given.name, "argument profile")
    if given:
        named = Value(given, "argument profile")
    else:
        named = next((rank["profile"] for rank in ranks if "profile" in rank), Value("github", ""))
    try:
        return load(named.text), named
    except ProfileError as error:
        raise ConfigurationError(
            f"The profile cannot be loaded: {error}",
            checked=f"profile = {named.text!r}, from {named.source}",
            fix="Name a shipped profile, or give the path of a TOML file that is one.",
        ) from None


def _merge(ranks: list[dict[str, Value]], profile: Profile, name: str) -> dict[str, Value]:
    """Highest rank first. `ranks[0]` are the arguments, which always belong to the chosen profile."""
    takes_github_tokens = "GITHUB_TOKEN" in profile.key_variables
    merged: dict[str, Value] = {}
    for rank in reversed(ranks):
        of_another = "profile" in rank and rank["profile"].text != name
        for key, value in rank.items():
            if key == "profile" or (of_another and key in _OF_AN_ENDPOINT):
                continue
            if value.github_only and not takes_github_tokens:
                continue
            merged[key] = value
    return merged


def _plan(profile: Profile, value: Value | None) -> str:
    if value is None:
        return profile.plans[0]
    if value.text in profile.plans:
        return value.text
    raise ConfigurationError(
        f"The profile {profile.name} has no plan {value.text!r}.",
        checked=f"plan, from {value.source}",
        fix=f"Choose one of: {', '.join(profile.plans)}.",
    )


def _truth(value: Value | None) -> bool:
    if value is None or value.text.lower() in ("0", "false", "no", "off"):
        return False
    if value.text.lower() in ("1", "true", "yes", "on"):
        return True
    raise ConfigurationError(
        f"allow_http is neither yes nor no: {value.text!r}.", checked=value.source, fix="Write 1 or 0."
    )
