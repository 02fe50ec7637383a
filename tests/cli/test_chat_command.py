"""`ghmodels chat`, as a stranger runs it."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ghmodels_async.cli.screen import tame

CHAT = ("chat", "openai/gpt-4o-mini")


def test_an_answer_streams_to_standard_output(shell):
    ran = shell(*CHAT, "Why", "is", "the", "sky", "blue?", "--simulate", "--speed", "20")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("[simulated] ")
    assert "sky" in ran.out.lower()
    assert ran.out.endswith("\n")


def test_the_same_seed_answers_the_same(shell):
    words = (*CHAT, "Tell me about the sea", "--simulate", "--speed", "20")
    assert shell(*words, "--seed", "7").out == shell(*words, "--seed", "7").out


def test_piped_input_is_the_question(shell):
    ran = shell(*CHAT, "--simulate", "--speed", "20", stdin="What is a volcano?\n")
    assert ran.code == 0
    assert "volcano" in ran.out.lower()


def test_piped_input_is_appended_to_the_prompt(shell):
    ran = shell(*CHAT, "Summarise this:", "--simulate", "--json", "--speed", "20", stdin="volcano " * 50)
    reply = json.loads(ran.out)
    assert reply["usage"]["prompt_tokens"] > 50


def test_json_holds_the_whole_reply(shell):
    reply = json.loads(shell(*CHAT, "hello", "--simulate", "--json").out)
    answered = {"model", "text", "reasoning", "refusal", "finish_reason", "tool_calls"}
    assert set(reply) == answered | {"usage", "cost", "meta"}
    assert reply["finish_reason"] == "stop"
    assert reply["meta"]["attempts"] == 1
    assert reply["usage"]["total_tokens"] > 0
    assert reply["cost"]["dollars"] == pytest.approx(reply["cost"]["units"] / 100_000)
    assert reply["cost"]["units"] > 0


def test_a_whole_answer_can_be_waited_for(shell):
    ran = shell(*CHAT, "hello", "--simulate", "--no-stream")
    assert ran.code == 0
    assert ran.out.startswith("[simulated] ")


def test_a_cut_answer_says_so_on_standard_error(shell):
    ran = shell(*CHAT, "Tell me a long story about the sea", "--simulate", "--max-tokens", "5", "--speed", "20")
    assert ran.code == 0
    assert "cut: the token limit" in ran.err


def test_nothing_to_ask_is_a_usage_error(shell):
    ran = shell(*CHAT, "--simulate")
    assert ran.code == 2
    assert "Nothing to ask" in ran.err


def test_a_value_the_service_would_refuse_ends_with_2_before_sending(shell):
    ran = shell(*CHAT, "hi", "--simulate", "--temperature", "3")
    assert ran.code == 2
    assert "temperature = 3.0: from 0 to 1" in ran.err


def test_a_model_that_is_not_on_the_plan_ends_with_2(shell):
    ran = shell("chat", "openai/o3", "hi", "--simulate")
    assert ran.code == 2
    assert "not available on plan 'free'" in ran.err


def test_an_unknown_model_ends_with_3_and_names_the_nearest(shell):
    ran = shell("chat", "openai/gpt4o", "hi", "--simulate")
    assert ran.code == 3
    assert "Did you mean openai/gpt-4o" in ran.err


def test_a_server_that_is_not_there_ends_with_1(shell):
    ran = shell(*CHAT, "hi", "--base-url", "http://127.0.0.1:9/inference", GITHUB_TOKEN="x")
    assert ran.code == 1
    assert ran.out == ""
    assert "127.0.0.1:9" in ran.err


def test_a_token_never_shows(shell):
    with shell.simulator() as address:
        secret = "ghp_notmeanttobeseen0123456789abcdef0123"
        ran = shell("chat", "openai/gpt4o", "hi", "--base-url", address, GITHUB_TOKEN=secret)
    assert ran.code == 3
    assert secret not in ran.out + ran.err
    assert "notmeanttobeseen" not in ran.out + ran.err


def test_an_env_file_supplies_the_token(shell):
    (shell.home / "my.env").write_text("GITHUB_TOKEN=x\n")
    with shell.simulator("--speed", "20") as address:
        ran = shell(*CHAT, "hi", "--base-url", address, "--env-file", "my.env", "--speed", "20")
    assert ran.code == 0


def test_a_used_up_day_ends_with_4_in_the_next_process(shell):
    (shell.home / "tiny.toml").write_text(
        'name = "tiny"\nbase_url = "https://tiny.example/v1"\nkey_variables = ["TINY_KEY"]\ndefault_row = "all"\n'
        "[limits.all]\nrequests_per_day = 1\n"
    )
    with shell.simulator("--profile", "./tiny.toml", "--speed", "20") as address:
        words = ("chat", "any", "hi", "--profile", "./tiny.toml", "--base-url", address, "--speed", "20")
        first, second = (shell(*words, TINY_KEY="x") for _ in range(2))
    assert first.code == 0
    assert second.code == 4
    assert second.out == ""
    assert "UserByModelByDay" in second.err


def test_a_reader_that_leaves_is_no_failure_worth_a_word(shell):
    head, tail = os.pipe()
    os.close(head)
    done = subprocess.run(
        [sys.executable, "-m", "ghmodels_async", *CHAT, "hello", "--simulate"],
        stdin=subprocess.DEVNULL, stdout=tail, stderr=subprocess.PIPE, text=True, env=shell.env, check=False,
    )  # fmt: skip
    os.close(tail)
    assert done.stderr == ""
    assert done.returncode == 1


def test_a_background_job_that_ignores_ctrl_c_ends_by_sigterm(shell):
    process = subprocess.Popen(
        [sys.executable, "-m", "ghmodels_async", *CHAT, "Tell me a very long story", "--simulate", "--speed", "0.05"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=shell.env,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.read(12) == "[simulated] "
    process.terminate()
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said.strip()) == (143, "Interrupted.")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_in_mid_answer_leaves_what_was_said(shell, ctrl_c, number, code):
    with shell.running(*CHAT, "Tell me a very long story", "--simulate", "--speed", "0.2") as process:
        first = process.stdout.read(12)
        ran = ctrl_c(process, number)
    assert first == "[simulated] "
    assert ran.code == code
    assert ran.err.strip() == "Interrupted."
    assert ran.out.endswith("\n")


@pytest.mark.parametrize("text", ["\x1b]0;title\x07", "\x1b[2J", "\x9b2J", "a\rb", "\x00"])
def test_a_model_cannot_steer_the_terminal(monkeypatch, text):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert not any(character in tame(text) for character in "\x1b\x07\x9b\r\x00")
    assert tame("two\nlines\tand 🙂 é") == "two\nlines\tand 🙂 é"


def test_a_pipe_gets_the_bytes_as_they_are(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    assert tame("\x1b[2J") == "\x1b[2J"


def test_a_terminal_is_told_which_limit_is_waited_for(shell):
    """The second request of a minute, on a model with one a minute: a person sees why nothing comes."""
    model = "deepseek/deepseek-r1"
    with shell.simulator("--speed", "12") as address:
        words = ("chat", model, "hi", "--base-url", address, "--speed", "12")
        assert shell(*words, GITHUB_TOKEN="x").code == 0
        ours, theirs = pty.openpty()
        done = subprocess.run(
            [sys.executable, "-m", "ghmodels_async", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=60,
            env={**shell.env, "GITHUB_TOKEN": "x", "TERM": "xterm"}, check=False,
        )  # fmt: skip
        os.close(theirs)
        shown = os.read(ours, 100_000).decode()
        os.close(ours)
    assert done.returncode == 0
    assert "Waiting for quota: UserByModelByMinute opens in" in shown


def test_a_terminal_without_the_letters_gets_question_marks_and_json_gets_escapes(shell):
    words = (*CHAT, "Köln", "日本", "--simulate", "--speed", "20")
    narrow = {"PYTHONIOENCODING": "ascii"}
    ran = shell(*words, **narrow)
    assert (ran.code, ran.err) == (0, "")
    assert "K?ln" in ran.out
    assert "Köln" in json.loads(shell(*words, "--json", **narrow).out)["text"]


@pytest.mark.parametrize("variables", [{}, {"LANG": "C"}, {"PYTHONUTF8": "1"}])
def test_bytes_that_are_no_text_are_not_sent(shell, variables):
    env = {**shell.env, **variables}
    command = [sys.executable, "-m", "ghmodels_async", *CHAT, "--simulate"]
    piped = subprocess.run(command, input=b"K\xf6ln", capture_output=True, env=env, check=False)
    given = subprocess.run([*command, b"K\xf6ln"], stdin=subprocess.DEVNULL, capture_output=True, env=env, check=False)
    for done in (piped, given):
        assert done.returncode == 2
        assert b"The question is not utf-8 text" in done.stderr


def test_a_full_disk_is_told_once(shell):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ghmodels_async", *CHAT, "hello", "--simulate"],
            stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True, env=shell.env, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "Error: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_defect(shell, closed):
    line = f"{sys.executable} -m ghmodels_async chat {CHAT[1]} hello --simulate --speed 20 {closed}"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, env=shell.env, check=False)
    assert done.returncode == 0
    assert done.stderr == ""


def test_an_empty_model_is_refused_before_sending(shell):
    ran = shell("chat", "", "hi", "--simulate")
    assert ran.code == 2
    assert "This is no chat request: model" in ran.err
