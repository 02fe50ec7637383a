"""Where ledgers are, and how an account is named without its token.

The directory is ``$XDG_STATE_HOME/ghmodels`` (``~/.local/state/ghmodels``), for the user only. An account's name is an
HMAC of its token under a random key that is made once per host and kept beside the ledgers, mode 0600: a ledger that is
copied elsewhere tells nothing about the token, not even to somebody who can list candidates.

Source: XDG Base Directory Specification 0.8, "user-specific state data".
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["account_key", "ledger_path", "state_directory"]

SALT_BYTES = 32


def state_directory(environment: Mapping[str, str] | None = None) -> Path:
    """Where this user's ledgers are. A relative `XDG_STATE_HOME` is ignored, as its specification asks."""
    environment = os.environ if environment is None else environment
    stated = Path(environment.get("XDG_STATE_HOME") or "")
    home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    return (stated if stated.is_absolute() else home / ".local" / "state") / "ghmodels"


def account_key(token: str, *, directory: Path | None = None) -> str:
    """An opaque name for the account that `token` belongs to: the same on this host for as long as the salt lives.

    Where no salt can be kept, the name changes with every process: then no ledger can be kept there either.

    Args:
        token: The key as it is sent; empty for an endpoint without one.
        directory: Where the salt is kept; by default `state_directory()`.
    """
    salt = _salt(state_directory() if directory is None else directory)
    return hmac.new(salt, token.encode(), hashlib.sha256).hexdigest()[:32]


def ledger_path(directory: Path, account: str, base_url: str) -> Path:
    """The file of one account on one endpoint; the host is in its name for people, the rest is a digest."""
    host = urlsplit(base_url).hostname or "endpoint"
    safe = "".join(c if c.isalnum() or c in ".-" else "_" for c in host)[:60]
    digest = hashlib.sha256(f"{account}\0{base_url.rstrip('/')}".encode()).hexdigest()[:20]
    return directory / f"{safe}-{digest}.sqlite3"


_process_salt = secrets.token_bytes(SALT_BYTES)


def _salt(directory: Path) -> bytes:
    path = directory / "salt"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(2):
            if path.exists():
                salt = path.read_bytes()
                if len(salt) == SALT_BYTES:
                    return salt
                path.unlink()  # torn by a full disk long ago: its accounts cannot be named any more
            _publish(path, secrets.token_bytes(SALT_BYTES))
        return path.read_bytes()
    except OSError:
        return _process_salt


def _publish(path: Path, salt: bytes) -> None:
    """Make `path` appear with its whole content, once: two first processes must not use two salts."""
    draft = path.with_name(f".salt-{secrets.token_hex(6)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, salt)
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
