"""Tables on screens of every width, and a watch on a screen that changes."""

import os
import re
import signal
import sys

import pytest
from terminal import Terminal


@pytest.fixture
def at_a_terminal(shell):
    def opened(*words, columns=100, **variables):
        env = {**shell.env, "TERM": "xterm", **variables}
        return Terminal([sys.executable, "-m", "ghmodels_async", *words], env, shell.home, columns)

    return opened


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_screen_and_no_number_is_cut(at_a_terminal, columns):
    words = ("limits", "openai/gpt-4o", "meta/llama-4-maverick-17b-128e-instruct-fp8", "--simulate")
    with at_a_terminal(*words, columns=columns) as terminal:
        assert terminal.end() == 0
    lines = terminal.screen.splitlines()
    assert max(len(line) for line in lines) <= columns
    assert lines[0].split()[-2:] == ["Left", "Opens"] if columns < 70 else ["Opens", "Source"]
    days = [line for line in lines if "UserByModelByDay" in line]
    assert days and all(re.search(r"\b50\b", line) for line in days)


@pytest.mark.parametrize("columns", [40, 60, 120])
def test_a_model_id_can_be_copied_from_screens_that_hold_it(at_a_terminal, columns):
    with at_a_terminal("models", "meta/llama-4", columns=columns) as terminal:
        assert terminal.end() == 0
    shown = terminal.screen
    assert ("meta/llama-4-maverick-17b-128e-instruct-fp8" in shown) == (columns >= 60)
    assert "1,000,000" in shown
    assert ("Takes" in shown) == (columns == 120)


def test_a_watch_follows_other_processes_and_the_size_of_its_window(shell, at_a_terminal):
    model = "openai/gpt-4o-mini"
    token = {"GITHUB_TOKEN": "x"}
    with (
        shell.simulator("--fast") as address,
        at_a_terminal("limits", model, "--watch", "--base-url", address, **token) as terminal,
    ):
        terminal.expect("UserByModelByDay     150/day       0   150")
        assert shell("chat", model, "hi", "--base-url", address, **token).code == 0
        terminal.expect("UserByModelByDay     150/day       1   149")
        terminal.resize(40, rows=6)
        terminal.expect("more lines; name models to see fewer")
        terminal.resize(100)
        terminal.expect("UserByModelByDay     150/day       1   149")
        terminal.type("\x03")
        terminal.expect("UserByModelByDay     150/day       1   149")  # it stays when the watch has gone
        assert terminal.end() == 0
    assert "Traceback" not in terminal.screen


def test_a_watch_in_a_pipe_prints_one_table_after_the_other(shell):
    with shell.running("limits", "openai/gpt-4o", "--simulate", "--watch") as process:
        while not process.stdout.readline().startswith("Limit "):
            assert process.poll() is None
        os.kill(process.pid, signal.SIGINT)
        more = sum(line.startswith("Limit ") for line in process.stdout)
        assert (process.wait(20), process.stderr.read()) == (0, "")
    assert more <= 2, "the first came when it was made, not with all that a buffer holds"


def test_no_color_is_obeyed(at_a_terminal):
    with at_a_terminal("limits", "--simulate", NO_COLOR="1") as terminal:
        assert terminal.end() == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", terminal.raw)


def test_a_dumb_terminal_gets_no_escape_sequences(at_a_terminal):
    with at_a_terminal("limits", "--simulate", TERM="dumb") as terminal:
        assert terminal.end() == 0
    assert "\x1b" not in terminal.raw
