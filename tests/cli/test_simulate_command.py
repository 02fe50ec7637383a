"""`ghmodels simulate`, as a stranger runs it."""

import json
import signal
import socket
import time
import urllib.error
import urllib.request

import pytest


def ask(address, model="openai/gpt-4o-mini", path="/chat/completions"):
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]}).encode()
    request = urllib.request.Request(
        f"{address}{path}", body, {"Authorization": "Bearer any", "Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_it_serves_until_ctrl_c_and_says_what_it_saw(shell, ctrl_c, simulator_address):
    with shell.running("simulate", "--speed", "20") as process:
        address = simulator_address(process)
        assert ask(address)["choices"][0]["message"]["content"].startswith("[simulated]")
        ran = ctrl_c(process)
    assert (ran.code, ran.err) == (0, "")
    assert "1 request, 0 refused with 429." in ran.out


def test_a_polite_kill_ends_it_as_well(shell, ctrl_c, simulator_address):
    with shell.running("simulate") as process:
        simulator_address(process)
        assert ctrl_c(process, signal.SIGTERM).code == 0


def test_it_refuses_as_the_plan_says(shell, ctrl_c, simulator_address):
    with shell.running("simulate", "--plan", "free", "--speed", "20") as process:
        address = simulator_address(process)
        ask(address, "deepseek/deepseek-r1")
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(address, "deepseek/deepseek-r1")
        assert caught.value.code == 429
        assert caught.value.headers["x-ratelimit-type"] == "UserByModelByMinute"
        caught.value.close()
        assert "2 requests, 1 refused with 429." in ctrl_c(process).out


def test_the_lines_it_prints_can_be_run(shell, simulator_address):
    with shell.running("simulate", "--plan", "pro", "--speed", "20") as process:
        simulator_address(process)
        lines = []
        while not lines or "ghmodels chat" not in lines[-1]:
            lines.append(process.stdout.readline().strip())
        variables = dict(word.split("=", 1) for line in lines if line.startswith("export") for word in line.split()[1:])
        assert variables["GHMODELS_PLAN"] == "pro"
        words = lines[-1].replace("'", "").split()
        ran = shell(*words[1:], **variables)
    assert ran.code == 0
    assert ran.out.startswith("[simulated]")


def test_a_taken_port_is_a_usage_error(shell):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = shell("simulate", "--port", str(taken.getsockname()[1]))
    assert ran.code == 2
    assert "cannot listen" in ran.err


def test_a_chosen_port_is_used(shell):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with shell.simulator("--port", str(port)) as address:
        assert address == f"http://127.0.0.1:{port}/inference"


@pytest.mark.parametrize("profile", ["groq", "openrouter", "mistral", "local"])
def test_every_kind_of_service_can_be_simulated(shell, profile):
    ran = shell("chat", "some-model", "hello", "--simulate", "--profile", profile, "--speed", "20")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("[simulated]")


def test_it_breaks_when_asked_to(shell):
    with shell.simulator("--fault", "retired=1", "--fast") as address:
        ran = shell("chat", "openai/gpt-4o-mini", "hello", "--base-url", address, GITHUB_TOKEN="x")
    assert ran.code == 3
    assert "410" in ran.err


def test_a_lingering_slot_is_full_for_as_long_as_told(shell):
    """One request at a time: whoever leaves in mid-answer still holds the slot."""
    model = "deepseek/deepseek-r1"
    with shell.simulator("--linger", "600", "--speed", "20", "--concurrency-scope", "account") as address:
        body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": "a story"}]})
        headers = {"Authorization": "Bearer any", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{address}/chat/completions", body.encode(), headers)
        urllib.request.urlopen(request, timeout=20).close()
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(address, "microsoft/mai-ds-r1")
        assert caught.value.code == 429
        assert "UserConcurrentRequests" in caught.value.headers["x-ratelimit-type"]
        caught.value.close()


def test_latency_is_added_to_every_request(shell):
    with shell.simulator("--fast", "--latency", "20", "20", "--heavy-tail", "0.5", "--speed", "20") as address:
        began = time.perf_counter()
        ask(address)
        assert time.perf_counter() - began >= 1.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fault", "reset_midstream=0.1"), "Did you mean reset_mid_stream?"),
        (("--fault", "gremlins=0.1"), "There are: bare_headers"),
        (("--fault", "stall"), "RATE from 0 to 1, e.g. stall=0.05"),
        (("--fault", "stall=nan"), "RATE from 0 to 1"),
        (("--fault", "stall=0.6", "--fault", "truncate=0.6"), "add up to more than 1"),
        (("--latency", "0.5", "0.1"), "LOW is above HIGH: 0.5 0.1"),
        (("--heavy-tail", "0.1"), "add --latency LOW HIGH"),
        (("--linger", "-1"), "--linger"),
        (("--plan", "gold"), "Choose one of: free, pro, business, enterprise"),
    ],
)
def test_misbehaviour_that_cannot_be_is_a_usage_error(shell, words, said):
    ran = shell("simulate", *words)
    assert ran.code == 2
    assert ran.out == ""
    assert said in ran.err
