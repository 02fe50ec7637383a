from __future__ import annotations

import os
import stat
from pathlib import Path

from ghmodels_async.limits.ledger import account_key, ledger_path, state_directory

TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"


def test_ledgers_are_user_state(tmp_path: Path) -> None:
    assert state_directory({"XDG_STATE_HOME": "/var/state", "HOME": "/home/me"}) == Path("/var/state/ghmodels")
    assert state_directory({"HOME": "/home/me"}) == Path("/home/me/.local/state/ghmodels")
    assert state_directory({"XDG_STATE_HOME": "", "HOME": "/home/me"}) == Path("/home/me/.local/state/ghmodels")
    assert state_directory({"XDG_STATE_HOME": "not/absolute", "HOME": "/h"}) == Path("/h/.local/state/ghmodels")
    assert state_directory({}) == Path.home() / ".local/state/ghmodels"
    assert state_directory() == Path(os.environ["XDG_STATE_HOME"]) / "ghmodels"


def test_an_account_keeps_its_name_and_hides_its_token(tmp_path: Path) -> None:
    name = account_key(TOKEN, directory=tmp_path)
    assert name == account_key(TOKEN, directory=tmp_path)
    assert name != account_key(TOKEN + "x", directory=tmp_path)
    assert TOKEN not in name
    assert all(TOKEN.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_another_host_names_the_account_differently(tmp_path: Path) -> None:
    assert account_key(TOKEN, directory=tmp_path / "a") != account_key(TOKEN, directory=tmp_path / "b")


def test_only_the_user_can_read_the_salt(tmp_path: Path) -> None:
    account_key(TOKEN, directory=tmp_path / "state")
    assert stat.S_IMODE((tmp_path / "state" / "salt").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert [file.name for file in (tmp_path / "state").iterdir()] == ["salt"], "no drafts stay behind"


def test_a_torn_salt_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "salt").write_bytes(b"half")
    name = account_key(TOKEN, directory=tmp_path)
    assert len((tmp_path / "salt").read_bytes()) == 32
    assert name == account_key(TOKEN, directory=tmp_path)


def test_without_a_place_for_the_salt_the_name_lasts_as_long_as_the_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    nowhere = tmp_path / "file" / "below"
    assert account_key(TOKEN, directory=nowhere) == account_key(TOKEN, directory=nowhere)


def test_each_endpoint_of_an_account_has_its_own_file(tmp_path: Path) -> None:
    github = ledger_path(tmp_path, "account", "https://models.github.ai/inference")
    assert github == ledger_path(tmp_path, "account", "https://models.github.ai/inference/")
    assert github.name.startswith("models.github.ai-")
    assert github.suffix == ".sqlite3"
    assert github != ledger_path(tmp_path, "account", "https://models.github.ai/orgs/x/inference")
    assert github != ledger_path(tmp_path, "other", "https://models.github.ai/inference")
    assert ledger_path(tmp_path, "a", "http://[::1]:8080/v1").name.startswith("__1-")
    assert ledger_path(tmp_path, "a", "no host").name.startswith("endpoint-")
