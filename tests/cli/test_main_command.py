"""The command as a whole: help, wrong words, and which error ends with which code."""

import time

import pytest

from ghmodels_async import errors
from ghmodels_async.cli.failures import exit_code
from ghmodels_async.cli.options import WINDOWS
from ghmodels_async.simulator import WINDOW_KINDS


def test_help_names_every_verb_and_the_exit_codes(shell):
    ran = shell("--help")
    assert ran.code == 0
    assert ran.err == ""
    for word in ("chat", "models", "limits", "doctor", "batch", "simulate", "4 out of quota"):
        assert word in ran.out.replace("\n  ", " ")


def test_help_comes_at_once(shell):
    def took():
        began = time.perf_counter()
        shell("--help")
        return time.perf_counter() - began

    assert min(took() for _ in range(3)) <= 0.4


@pytest.mark.parametrize("verb", ["chat", "models", "limits", "doctor", "batch", "simulate"])
def test_every_verb_explains_itself(shell, verb):
    ran = shell(verb, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: ghmodels {verb}")


def test_the_version_is_the_packages(shell):
    from ghmodels_async import __version__

    assert shell("--version").out.split()[-1] == __version__


def test_a_misspelt_verb_is_answered_with_the_nearest(shell):
    ran = shell("modles")
    assert ran.code == 2
    assert "No such command 'modles'. Did you mean 'models'?" in ran.err


def test_the_window_kinds_are_the_simulators():
    assert WINDOWS == WINDOW_KINDS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--speed", "60"), "--speed needs --simulate"),
        (("--seed", "3"), "--seed is a property of the simulated service"),
        (("--window", "fixed"), "--window is a property of the simulated service"),
        (("--simulate", "--base-url", "http://127.0.0.1:1/v1"), "cannot be combined with --base-url"),
        (("--simulate", "--speed", "0"), "speed"),
        (("--simulate", "--speed", "nan"), "'nan' is not a number"),
        (("--simulate", "--speed", "inf"), "'inf' is not a number"),
        (("--env-file", "absent.env"), "absent.env"),
        (("--plan", "gold", "--simulate"), "no plan 'gold'"),
        (("--profile", "nope", "--simulate"), "no profile named 'nope'"),
        (("--profile", "foundry"), "no common address"),
    ],
)
def test_options_that_cannot_be_used_end_with_2(shell, words, said):
    ran = shell("chat", "openai/gpt-4o", "hi", *words)
    assert ran.code == 2
    assert ran.out == ""
    assert said in ran.err


def test_without_a_token_it_says_where_it_looked_and_what_to_do(shell):
    ran = shell("chat", "openai/gpt-4o", "hi")
    assert ran.code == 2
    assert ran.err.startswith("Error: No token found")
    assert "GITHUB_TOKEN: not set" in ran.err
    assert "To fix:" in ran.err


CODES = [
    (errors.QuotaExhaustedError("x", status=None, limit="d", reset_at=None), 4),
    (errors.RateLimitError("x", status=429), 4),
    (errors.WouldExceedDeadlineError(eta=3.0), 4),
    (errors.QueueFullError(queued=1), 4),
    (errors.ConfigurationError("x"), 2),
    (errors.TokenNotFoundError("x"), 2),
    (errors.BadRequestError("x", status=None), 2),
    (errors.BadRequestError("x", status=400), 3),
    (errors.ModelNotFoundError("x", status=404), 3),
    (errors.TokenInvalidError("x", status=401), 3),
    (errors.ServiceRetiredError("x", status=410), 3),
    (errors.ServerError("x", status=500), 1),
    (errors.ConnectionFailedError("x", sent=False), 1),
    (OSError("disk full"), 1),
    (ValueError("a defect"), 1),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=lambda value: type(value).__name__)
def test_each_kind_of_failure_has_its_code(error, code):
    assert exit_code(error) == code
