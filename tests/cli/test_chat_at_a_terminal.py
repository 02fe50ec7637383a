"""`ghmodels chat MODEL` at a terminal: a person types, the conversation answers."""

import json
import sys
from contextlib import contextmanager

import pytest
from terminal import Terminal

MODEL = "openai/gpt-4o-mini"
PROMPT = "> "


@pytest.fixture
def talk(shell):
    """Opens a conversation and waits for its first prompt."""

    @contextmanager
    def opened(*words, model=MODEL, speed="20", columns=100, **variables):
        command = [sys.executable, "-m", "ghmodels_async", "chat", model, *words]
        if not any(word.startswith("--base-url") for word in words):
            command += ["--simulate", "--speed", speed]
        env = {**shell.env, "TERM": "xterm", "PYTHONUNBUFFERED": "1", **variables}
        with Terminal(command, env, shell.home, columns) as terminal:
            terminal.expect("Ctrl-D ends")
            terminal.expect(PROMPT)
            yield terminal

    return opened


def say(terminal, line):
    """Type a line; return what was shown until the next prompt."""
    terminal.type(f"{line}\r")
    terminal.expect("\n")
    return terminal.expect(f"\n{PROMPT}")


def saved(shell, terminal, name="talk.json"):
    assert f"Saved to {name}" in say(terminal, f"/save {name}")
    return json.loads((shell.home / name).read_text())


def test_questions_and_answers_become_a_history(shell, talk):
    with talk() as terminal:
        assert say(terminal, "My name is Ada. Hello!").startswith("[simulated] ")
        assert say(terminal, "What is a volcano?").startswith("[simulated] ")
        roles = [message["role"] for message in saved(shell, terminal)["messages"]]
        terminal.type("/quit\r")
        assert terminal.end() == 0
    assert roles == ["user", "assistant", "user", "assistant"]
    assert "2 answers, " in terminal.screen


def test_ctrl_d_ends_it_well(talk):
    with talk() as terminal:
        terminal.type("\x04")
        assert terminal.end() == 0
    assert "Traceback" not in terminal.screen


def test_ctrl_c_at_the_prompt_throws_the_line_away(shell, talk):
    with talk() as terminal:
        terminal.type("half a questi\x03")
        terminal.expect("(Ctrl-D or /quit ends)")
        terminal.expect(PROMPT)
        assert saved(shell, terminal)["messages"] == []


def test_ctrl_c_in_an_answer_keeps_what_was_said_and_the_talk_goes_on(shell, talk):
    with talk(speed="0.2") as terminal:
        terminal.type("Tell me a very long story\r")
        terminal.expect("[simulated] ")
        terminal.type("\x03")
        terminal.expect("(stopped; what was said is kept)")
        terminal.expect(PROMPT)
        messages = saved(shell, terminal)["messages"]
        terminal.type("/quit\r")
        assert terminal.end() == 0
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[1]["content"].startswith("[simulated]")
    assert "Traceback" not in terminal.screen


def test_ctrl_c_before_the_first_word_forgets_the_question(shell, talk):
    with talk(model="deepseek/deepseek-r1", speed="5") as terminal:
        say(terminal, "hello")
        terminal.type("one more\r")
        terminal.expect("Waiting for quota: UserByModelByMinute opens in")
        terminal.type("\x03")
        terminal.expect("(stopped; as if it had not been asked)")
        terminal.expect(PROMPT)
        messages = saved(shell, terminal)["messages"]
        assert say(terminal, f"/model {MODEL}") == f"Going on with {MODEL}."
        assert "[simulated] " in say(terminal, "and now?")
    assert [message["content"] for message in messages if message["role"] == "user"] == ["hello"]


def test_an_instruction_is_shown_changed_and_taken_away(shell, talk):
    with talk("--system", "Be terse.") as terminal:
        assert say(terminal, "/system") == "Be terse."
        say(terminal, "/system Be kind.")
        assert saved(shell, terminal)["system"] == "Be kind."
        say(terminal, "/system -")
        assert say(terminal, "/system") == "There is no instruction."


def test_another_model_goes_on_with_the_same_history(shell, talk):
    with talk() as terminal:
        say(terminal, "hello")
        assert say(terminal, "/model openai/gpt-4.1-mini") == "Going on with openai/gpt-4.1-mini."
        say(terminal, "and you?")
        told = saved(shell, terminal)
    assert told["model"] == "openai/gpt-4.1-mini"
    assert len(told["messages"]) == 4


def test_a_model_the_plan_does_not_have_is_refused_and_one_nobody_knows_is_remarked_upon(talk):
    with talk() as terminal:
        assert "not available on plan 'free'" in say(terminal, "/model openai/o3")
        assert say(terminal, "/model") == MODEL
        assert "not in the catalog; near it are openai/gpt-4o" in say(terminal, "/model openai/gpt4o")


def test_usage_counts_tokens_money_and_quota(talk):
    with talk() as terminal:
        say(terminal, "hello")
        told = say(terminal, "/usage")
    assert "last answer " in told
    assert "1 answer\n" in told
    assert "cost         $0.0" in told
    assert "UserByModelByDay: 1 of 150 used" in told


def test_a_saved_talk_goes_on_in_another_process(shell, talk):
    with talk("--system", "Be terse.") as terminal:
        say(terminal, "My name is Ada.")
        saved(shell, terminal)
    with talk(model="openai/gpt-4.1") as terminal:
        assert say(terminal, "/load talk.json") == f"Going on after 1 question with {MODEL}."
        say(terminal, "Who am I?")
        assert say(terminal, "/save") == "Saved to talk.json."
    told = json.loads((shell.home / "talk.json").read_text())
    assert (told["system"], len(told["messages"]), told["usage"]["replies"]) == ("Be terse.", 4, 2)


def test_a_file_that_is_no_talk_is_neither_loaded_nor_overwritten(shell, talk):
    (shell.home / "notes.txt").write_text("mine")
    with talk() as terminal:
        assert "it is not JSON" in say(terminal, "/load notes.txt")
        assert "Nothing was written" in say(terminal, "/save notes.txt")
        assert "No such file" in say(terminal, "/load absent.json")
        assert "Error" in say(terminal, "/save absent/talk.json")
    assert (shell.home / "notes.txt").read_text() == "mine"


def test_reset_forgets_what_was_said(shell, talk):
    with talk() as terminal:
        say(terminal, "hello")
        say(terminal, "/reset")
        assert saved(shell, terminal)["messages"] == []


def test_words_it_does_not_know_are_not_sent(shell, talk):
    with talk() as terminal:
        assert "There is no /frobnicate" in say(terminal, "/frobnicate now")
        assert "/reset stands alone" in say(terminal, "/reset everything")
        assert "/usage" in say(terminal, "/help")
        assert saved(shell, terminal)["messages"] == []
        say(terminal, "//etc is what?")
        assert saved(shell, terminal)["messages"][0]["content"] == "/etc is what?"


def test_a_line_goes_on_after_a_backslash(shell, talk):
    with talk() as terminal:
        terminal.type("first\\\r")
        terminal.expect("\n. ")
        say(terminal, "second")
        assert saved(shell, terminal)["messages"][0]["content"] == "first\nsecond"


def test_the_tab_key_completes_orders_and_models(talk):
    with talk() as terminal:
        terminal.type("/mo\topenai/gpt-4o-\t\r")
        terminal.expect(f"Going on with {MODEL}.")


def test_an_arrow_brings_back_the_line_before(talk):
    with talk() as terminal:
        say(terminal, "/system Be brief.")
        terminal.type("\x1b[A\r")
        terminal.expect("/system Be brief.")
        terminal.expect("From the next question on.")


def test_a_failure_is_told_and_the_talk_goes_on(shell, talk):
    with (
        shell.simulator("--speed", "20") as address,
        talk("--base-url", address, "--speed", "20", GITHUB_TOKEN="x") as terminal,
    ):
        say(terminal, "/model openai/gpt4o")
        assert "Did you mean openai/gpt-4o" in say(terminal, "hello")
        say(terminal, f"/model {MODEL}")
        assert "[simulated] " in say(terminal, "hello")


def test_what_can_never_work_ends_before_the_first_question(shell):
    for words, said in (
        (("chat", MODEL), "No token found"),
        (("chat", "openai/o3", "--simulate"), "not available on plan"),
        (("chat", MODEL, "--simulate", "--json"), "--json and --no-stream need a PROMPT"),
    ):
        env = {**shell.env, "TERM": "xterm"}
        with Terminal([sys.executable, "-m", "ghmodels_async", *words], env, shell.home) as terminal:
            terminal.expect(said)
            assert terminal.end() == 2


def test_without_a_terminal_there_is_no_conversation(shell):
    ran = shell("chat", MODEL, "--simulate")
    assert ran.code == 2
    assert "A conversation needs a terminal" in ran.err


def test_between_two_questions_nothing_is_held_that_other_processes_need(shell, talk):
    """One request at a time is all this model takes, and a lost slot comes back after half a minute only."""
    model, token = "openai/o3-mini", {"GITHUB_TOKEN": "x"}
    about = ("--plan", "enterprise")
    with (
        shell.simulator("--port", "0", "--fast", *about) as address,
        talk("--base-url", address, *about, model=model, **token) as terminal,
    ):
        say(terminal, "Hello")
        ran = shell("chat", model, "Hello", "--base-url", address, *about, timeout=15, **token)
        assert (ran.code, ran.err) == (0, "")
        terminal.type("\x04")
        assert terminal.end() == 0
