"""Tokens: where they are looked for, what is checked locally, where they may go, how they are renewed."""

from __future__ import annotations

import asyncio
import gc
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ghmodels_async.errors import ConfigurationError, TokenNotFoundError
from ghmodels_async.profiles import Auth, Profile
from ghmodels_async.transport import Token, TokenSource, check_scope, credential_headers, discover_token

CLASSIC = "ghp_" + "a" * 36
GITHUB = Profile(
    name="github",
    title="GitHub Models",
    base_url="https://models.github.ai/inference",
    organization_url="https://models.github.ai/orgs/{organization}/inference",
    catalog_url="https://models.github.ai/catalog/models",
    user_url="https://api.github.com/user",
    key_variables=("GITHUB_TOKEN", "GH_TOKEN"),
)
GROQ = Profile(name="groq", title="Groq", base_url="https://api.groq.com/openai/v1", key_variables=("GROQ_API_KEY",))
LOCAL = Profile(name="local", title="A local server", auth=Auth(required=False))
AZURE = Profile(name="foundry", title="Foundry", key_variables=("K",), auth=Auth(header="api-key", scheme=""))


def find(env: dict[str, str], profile: Profile = GITHUB, explicit: str | None = None, **about: Any) -> Token:
    return discover_token(explicit, profile, env, **about)


def test_the_argument_counts_first() -> None:
    token = find({"GITHUB_TOKEN": "ghp_" + "b" * 36}, explicit=CLASSIC)
    assert (token.value, token.source, token.kind) == (CLASSIC, "the token argument", "ghp_")


def test_variables_count_in_the_profiles_order() -> None:
    assert find({"GH_TOKEN": CLASSIC}).source == "GH_TOKEN"
    assert find({"GH_TOKEN": "gho_x", "GITHUB_TOKEN": CLASSIC}).source == "GITHUB_TOKEN"


def test_white_space_around_a_token_is_dropped() -> None:
    assert find({"GITHUB_TOKEN": f" {CLASSIC}\r\n"}).value == CLASSIC


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("   ", "is blank"),
        (f"{CLASSIC}\nGH_TOKEN=x", "white space or a line break"),
        ("ghp_ab cd", "white space"),
        ("ghp_\x00", "white space or a line break"),
        ("ghp_ä", "no header can carry"),
        ("sk-proj-abc", "another service's key"),
    ],
)
def test_what_cannot_be_a_token_is_refused_locally_and_not_shown(value: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        find({"GITHUB_TOKEN": value, "GH_TOKEN": CLASSIC})
    assert "GITHUB_TOKEN" in str(caught.value)
    assert not value.strip() or value.strip() not in str(caught.value)


def test_a_github_token_never_goes_to_another_service() -> None:
    with pytest.raises(ConfigurationError, match=r"GitHub token \(ghp_…\), which is never sent to Groq"):
        find({"GROQ_API_KEY": CLASSIC}, GROQ)
    with pytest.raises(ConfigurationError, match="never sent to A local server"):
        find({}, LOCAL, explicit=CLASSIC)


def test_a_service_without_keys_needs_none() -> None:
    assert find({}, LOCAL).value == ""
    assert find({}, LOCAL, explicit="secret").value == "secret"
    optional = LOCAL.model_copy(update={"key_variables": ("LOCAL_KEY",)})
    assert find({}, optional).value == ""
    assert find({"LOCAL_KEY": "k"}, optional).value == "k"


def test_a_missing_token_lists_every_place_as_the_guide_does() -> None:
    with pytest.raises(TokenNotFoundError) as caught:
        find({"GH_TOKEN": "", "PATH": ""})
    assert caught.value.checked.splitlines() == [
        "token argument: not given",
        "GITHUB_TOKEN: not set",
        "GH_TOKEN: empty",
        "gh auth token: gh is not installed",
    ]
    assert str(caught.value).startswith("No token found for GitHub Models.\nChecked:\n  token argument: not given\n")
    assert "models: read" in caught.value.fix


def test_a_missing_key_of_another_service_does_not_ask_gh() -> None:
    with pytest.raises(TokenNotFoundError) as caught:
        find({"PATH": "/nowhere"}, GROQ)
    assert caught.value.checked.splitlines() == ["token argument: not given", "GROQ_API_KEY: not set"]


def fake_gh(folder: Path, script: str) -> dict[str, str]:
    program = folder / "gh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"}


def test_the_command_line_login_is_the_last_place(tmp_path: Path) -> None:
    env = fake_gh(tmp_path, 'test -z "$GH_TOKEN" && test "$*" = "auth token --hostname github.com" && echo gho_fromgh')
    token = find(env)
    assert (token.value, token.source, token.kind) == ("gho_fromgh", "`gh auth token`", "gho_")


@pytest.mark.parametrize(
    ("script", "note"),
    [("exit 1", "not signed in"), ("exit 0", "not signed in"), ("exec sleep 30", "no answer in 0.2 s")],
)
def test_a_command_line_that_does_not_help_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, note: str
) -> None:
    monkeypatch.setattr("ghmodels_async.transport.auth._GH_SECONDS", 0.2)
    with pytest.raises(TokenNotFoundError) as caught:
        find(fake_gh(tmp_path, script))
    assert f"gh auth token: {note}" in caught.value.checked


def test_a_command_line_that_cannot_run_is_listed(tmp_path: Path) -> None:
    env = fake_gh(tmp_path, "")
    (tmp_path / "gh").write_bytes(b"\x7fELF broken")
    with pytest.raises(TokenNotFoundError, match="cannot be run"):
        find(env)


def test_the_command_line_can_be_left_alone(tmp_path: Path) -> None:
    with pytest.raises(TokenNotFoundError, match="gh auth token: not asked"):
        find(fake_gh(tmp_path, "echo gho_x"), gh=False)


def test_a_token_shows_itself_masked() -> None:
    token = Token(CLASSIC, "GITHUB_TOKEN", "ghp_")
    assert CLASSIC not in repr(token)
    assert str(token) == "ghp_…aaaa from GITHUB_TOKEN"
    assert Token("short", "x").masked == "…"


def test_headers_are_in_the_profiles_style() -> None:
    assert credential_headers(Token("k", "s"), GROQ) == {"Authorization": "Bearer k"}
    assert credential_headers(Token("k", "s"), AZURE) == {"api-key": "k"}
    assert credential_headers(Token("", "s"), LOCAL) == {}


@pytest.mark.parametrize(
    "url",
    [
        "https://models.github.ai/inference/chat/completions",
        "https://models.github.ai/orgs/acme/inference/embeddings",
        "https://models.github.ai/catalog/models",
        "https://api.github.com/user",
    ],
)
def test_a_key_goes_to_its_profiles_own_origins(url: str) -> None:
    check_scope(Token(CLASSIC, "x", "ghp_"), GITHUB, url)


def test_a_key_goes_nowhere_else_unless_the_address_was_given() -> None:
    token, url = Token(CLASSIC, "x", "ghp_"), "http://127.0.0.1:8080/v1/chat/completions"
    with pytest.raises(ConfigurationError, match="is not sent to"):
        check_scope(token, GITHUB, url)
    check_scope(token, GITHUB, url, base_url="http://127.0.0.1:8080/v1")
    with pytest.raises(ConfigurationError):
        check_scope(token, GITHUB, "https://models.github.ai.evil.example/", base_url="http://127.0.0.1:8080/v1")


def test_no_key_may_go_anywhere() -> None:
    check_scope(Token("", "no key needed"), LOCAL, "http://127.0.0.1:1/")


class Vault:
    """A token callable that gives a new token each time, after a moment."""

    def __init__(self, *values: Any) -> None:
        self.values = list(values)
        self.asked = 0

    async def __call__(self) -> Any:
        self.asked += 1
        await asyncio.sleep(0)
        value = self.values.pop(0)
        if isinstance(value, Exception):
            raise value
        return value


async def test_a_plain_string_is_checked_at_once_and_never_renewed() -> None:
    source = TokenSource(CLASSIC, GITHUB, {})
    token = await source.current()
    assert token.value == CLASSIC
    assert not source.refreshable
    assert await source.refresh(token) is None
    with pytest.raises(ConfigurationError):
        TokenSource(" ", GITHUB, {})


async def test_a_place_is_looked_up_once() -> None:
    env = {"GITHUB_TOKEN": CLASSIC}
    source = TokenSource(None, GITHUB, env)
    first = await source.current()
    env.clear()
    assert await source.current() is first
    with pytest.raises(TokenNotFoundError):
        await TokenSource(None, GITHUB, env, gh=False).current()


async def test_a_plain_callable_will_do() -> None:
    source = TokenSource(lambda: CLASSIC, GITHUB, {})
    token = await source.current()
    assert (token.value, token.source) == (CLASSIC, "the token callable")


async def test_many_calls_ask_an_async_callable_once() -> None:
    vault = Vault(CLASSIC)
    source = TokenSource(vault, GITHUB, {})
    tokens = await asyncio.gather(*(source.current() for _ in range(10)))
    assert vault.asked == 1
    assert len(set(map(id, tokens))) == 1


async def test_a_rejected_token_is_renewed_once_for_everybody() -> None:
    vault = Vault("ghs_one", "ghs_two", "ghs_three")
    source = TokenSource(vault, GITHUB, {})
    old = await source.current()
    renewed = await asyncio.gather(*(source.refresh(old) for _ in range(10)))
    assert {token.value for token in renewed if token} == {"ghs_two"}
    late = await source.refresh(old)
    assert late is not None
    assert (late.value, vault.asked) == ("ghs_two", 2)


async def test_the_same_token_again_is_no_renewal() -> None:
    source = TokenSource(Vault("ghs_one", "ghs_one"), GITHUB, {})
    assert await source.refresh(await source.current()) is None


async def test_one_callers_cancellation_leaves_the_others_their_answer() -> None:
    vault = Vault("ghs_one")
    source = TokenSource(vault, GITHUB, {})
    first, second = asyncio.ensure_future(source.current()), asyncio.ensure_future(source.current())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).value == "ghs_one"
    assert first.cancelled()


async def test_a_callable_that_fails_is_asked_again_next_time() -> None:
    source = TokenSource(Vault(RuntimeError("vault sealed"), "ghs_one"), GITHUB, {})
    with pytest.raises(RuntimeError, match="vault sealed"):
        await source.current()
    assert (await source.current()).value == "ghs_one"


async def test_a_failure_nobody_waits_for_any_more_makes_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    source = TokenSource(Vault(RuntimeError("vault sealed")), GITHUB, {})
    asking = asyncio.ensure_future(source.current())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.sleep(0.01)
    del source
    gc.collect()
    assert caplog.messages == []


def test_a_callable_serves_successive_loops() -> None:
    vault = Vault("ghs_one", "ghs_two")
    source = TokenSource(vault, GITHUB, {})

    async def ask_and_leave() -> None:
        asyncio.ensure_future(source.current())  # noqa: RUF006 - left pending on purpose
        await asyncio.sleep(0)

    async def ask() -> str:
        return (await source.current()).value

    asyncio.run(ask_and_leave())
    assert asyncio.run(ask()) == "ghs_one"
    assert vault.asked == 2


async def test_a_callable_that_gives_no_string_is_refused_with_words() -> None:
    with pytest.raises(ConfigurationError, match="gave NoneType, not a string"):
        await TokenSource(Vault(None), GITHUB, {}).current()


async def test_a_callables_token_is_checked_too() -> None:
    with pytest.raises(ConfigurationError, match="never sent to Groq"):
        await TokenSource(lambda: CLASSIC, GROQ, {}).current()
