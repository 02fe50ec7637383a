"""Steps and token kinds: the words a message ends with."""

from __future__ import annotations

import pytest

from ghmodels_async.errors import token_kind
from ghmodels_async.errors.advice import missing_token_steps, steps


@pytest.mark.parametrize(
    ("token", "kind"),
    [("github_pat_11A", "github_pat_"), ("ghp_a", "ghp_"), ("gho_a", "gho_"), ("ghu_a", "ghu_"), ("ghs_a", "ghs_"),
     ("sk-abc", ""), ("", ""), ("xghp_a", "")],
)  # fmt: skip
def test_a_token_is_known_by_its_prefix(token: str, kind: str) -> None:
    assert token_kind(token) == kind


def test_one_step_has_no_number_and_empty_ones_vanish() -> None:
    assert steps("", "do this", "") == "do this"
    assert steps("a", "", "b") == "1. a\n2. b"


def test_a_missing_github_token_is_explained_from_creation_to_sso() -> None:
    text = missing_token_steps(("GITHUB_TOKEN", "GH_TOKEN"), github=True)
    for part in ("https://github.com/settings/personal-access-tokens", "models: read", "GITHUB_TOKEN or GH_TOKEN",
                 "gh auth login", "SSO"):  # fmt: skip
        assert part in text


def test_a_missing_key_of_another_service_is_explained_without_github() -> None:
    text = missing_token_steps(("GROQ_API_KEY",), github=False)
    assert "GROQ_API_KEY" in text
    assert "github" not in text.lower()
    assert "the token argument" in missing_token_steps((), github=False)
