"""docs/simulator.md against the simulator it describes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ghmodels_async import profiles
from ghmodels_async.simulator import FAULTS, WINDOW_KINDS
from ghmodels_async.simulator.accounts import Accounts
from ghmodels_async.simulator.answer import Call

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(title: str) -> list[str]:
    rows = [line for line in section(title).splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


def test_the_programs_on_the_page_run(tmp_path: Path) -> None:
    programs = [block for block in BLOCKS if "def test_" not in block]
    assert len(programs) == 2
    for number, code in enumerate(programs):
        script = tmp_path / f"block{number}.py"
        script.write_text(code, encoding="utf-8")
        ran = subprocess.run([sys.executable, "-W", "error", script], capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr


def test_the_test_on_the_page_is_a_test_that_passes(tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if "def test_" in block)
    application = """
import json, urllib.request, http.client

class MyApplication:
    def __init__(self, base_url, key):
        self.address, self.key = base_url + "/chat/completions", key

    def answer_a_hundred_questions(self):
        for number in range(10):
            messages = [{"role": "user", "content": f"question {number}"}]
            body = json.dumps({"model": "openai/gpt-4.1", "messages": messages}).encode()
            try:
                request = urllib.request.Request(self.address, body, {"Authorization": "Bearer " + self.key})
                urllib.request.urlopen(request).read()
            except (http.client.IncompleteRead, ConnectionError):
                pass
"""
    (tmp_path / "test_page.py").write_text(application + block, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "ghmodels_async.simulator.pytest_plugin", str(tmp_path)]
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_named_fault_is_in_the_table_and_nothing_else() -> None:
    assert sorted(first_cells("Faults")) == sorted(FAULTS)


def test_every_window_is_in_the_table() -> None:
    assert first_cells("Windows") == list(WINDOW_KINDS)


@pytest.mark.parametrize("word", first_cells("Tokens that ask to be refused"))
def test_every_word_on_the_page_gets_a_key_refused(word: str) -> None:
    accounts = Accounts(profiles.load("github").auth)
    token = accounts.token(Call("POST", "/", {"authorization": f"Bearer ghp_{word.upper().replace('-', '_')}"}))
    assert not accounts.known(token) or accounts.objection(token, None, "m") is not None


def test_every_behaviour_says_what_it_rests_on() -> None:
    rows = [line.split("|")[2].strip() for line in section("How faithful it is").splitlines() if line.startswith("| ")]
    bases = ("captured", "documented", "convention", "guess", "invented", "basis")
    assert len(rows) > 25 and all(row.startswith(bases) for row in rows)
