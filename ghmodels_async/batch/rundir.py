"""The directory of one run: what it is a run of, who works on it, where its parts lie.

run.json          what makes two starts the same run: input, template, parameters, models, profile
rows.jsonl        the input, when it came through a pipe or from memory
journal/          segments and locks; the only thing that must survive
output.jsonl      written by the merge: successes, in input order
errors.jsonl      written by the merge: failures, in input order
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ghmodels_async.errors import ConfigurationError

from .segments import sync_directory

__all__ = ["RunDirectory", "RunLockedError", "RunMismatchError", "Shard"]

FORMAT = 1
#: Real seconds between tries for a lock: a question about it takes microseconds, a run hours.
_PAUSES = (0.001, 0.01, 0.05)
_LOCK = re.compile(r"(\d+of\d+)\.lock")


class RunLockedError(ConfigurationError):
    """Another process works on this run. Nothing was changed."""


class RunMismatchError(ConfigurationError):
    """The directory belongs to a run of something else. Nothing was changed and nothing was spent."""


@dataclass(frozen=True, slots=True)
class Shard:
    """The `part`-th of `parts` processes: it does the rows whose number leaves `part - 1` when divided by `parts`."""

    part: int = 1
    parts: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """``2/4`` is the second of four. Raises ValueError."""
        match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        shard = cls(int(match[1]), int(match[2])) if match else None
        if shard is None or not 1 <= shard.part <= shard.parts:
            raise ValueError(f"expected i/n with 1 <= i <= n, such as 2/4, not {text!r}")
        return shard

    @property
    def name(self) -> str:
        return f"{self.part}of{self.parts}"

    def mine(self, ordinal: int) -> bool:
        return ordinal % self.parts == self.part - 1


class RunDirectory:
    """One run directory. Creating the object touches nothing.

    Args:
        path: The directory; made on `prepare`.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.journal = self.path / "journal"
        self.spool = self.path / "rows.jsonl"
        self.arriving = self.path / ".rows.jsonl.part"
        """A copy of rows not yet compared with those of earlier starts."""
        self.output = self.path / "output.jsonl"
        self.errors = self.path / "errors.jsonl"
        self._facts = self.path / "run.json"

    @property
    def exists(self) -> bool:
        """Whether a run was started here."""
        return self._facts.is_file()

    def facts(self) -> dict[str, Any]:
        """What `run.json` says.

        Raises:
            ConfigurationError: There is no run here, or it was made by a newer version.
        """
        try:
            facts: dict[str, Any] = json.loads(self._facts.read_bytes())
        except FileNotFoundError:
            raise ConfigurationError(
                f"There is no run in {str(self.path)!r}.",
                checked=f"{self._facts}: not found",
                fix="Name a run directory.",
            ) from None
        if facts.get("format") != FORMAT:
            raise ConfigurationError(
                f"{str(self.path)!r} was written by another version.",
                checked=f"run.json: format {facts.get('format')!r}, this version writes {FORMAT}",
                fix="Use the version that started the run, or a new directory.",
            )
        return facts

    def prepare(self, identity: Mapping[str, Any], *, accept_changes: bool = False) -> None:
        """Start a run of `identity` here, or make sure that this is one.

        Args:
            identity: JSON values that make two starts the same run.
            accept_changes: Let the new identity replace the old one; answers stay.

        Raises:
            RunMismatchError: Another identity was started here; the message names each difference.
        """
        self._make()
        identity = json.loads(json.dumps(identity))
        if not self.exists:
            self._write({"format": FORMAT, "identity": identity})
            return
        facts = self.facts()
        differences = _differences(facts["identity"], identity)
        if not differences:
            return
        if not accept_changes:
            raise RunMismatchError(
                f"{str(self.path)!r} is a run of something else.",
                checked="\n".join(differences),
                fix="Use a new directory, or --accept-changes to go on with the new settings (answers so far stay).",
            )
        facts.setdefault("before", []).append(facts["identity"])
        self._write({**facts, "identity": identity})

    def _make(self) -> None:
        try:
            self.journal.mkdir(parents=True, exist_ok=True)
            if not os.access(self.journal, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self.journal))
        except OSError as error:
            raise ConfigurationError(
                f"The run directory {str(self.path)!r} cannot be written: {error.strerror}.",
                checked=str(error.filename or self.journal),
                fix="Name another directory with -o, or make this one writable.",
            ) from None

    def remember(self, **facts: Any) -> None:
        """Add facts that are no part of the identity, durably."""
        self._write({**self.facts(), **facts})

    @contextlib.contextmanager
    def locked(self, shard: Shard) -> Iterator[None]:
        """Hold this shard of the run; the kernel gives it back when the process dies, however it dies.

        Raises:
            RunLockedError: Another process has it, or runs with another number of shards.
        """
        self._make()
        with contextlib.ExitStack() as stack:
            own = stack.enter_context((self.journal / f"{shard.name}.lock").open("a+"))
            if not _take_patiently(own):
                own.seek(0)
                self._refuse(shard.name, own.read().strip())
            for path in self.journal.glob("*.lock"):
                match = _LOCK.fullmatch(path.name)
                if match is None or match[1].endswith(f"of{shard.parts}"):
                    continue
                with path.open("r") as other:
                    if _held(other):
                        self._refuse(match[1], other.read().strip())
            own.truncate(0)
            own.write(f"process {os.getpid()}")
            own.flush()
            yield

    def holders(self) -> list[str]:
        """Who works on the run now, as ``shard 1of1: process 4711``. Nobody who works or starts is disturbed."""
        found = []
        for path in sorted(self.journal.glob("*.lock")):
            with path.open("r") as file:
                if _held(file):
                    found.append(f"shard {path.stem}: {file.read().strip() or 'starting'}")
        return found

    def _refuse(self, shard: str, holder: str) -> None:
        raise RunLockedError(
            f"{str(self.path)!r} is being worked on.",
            checked=f"shard {shard}: held by {holder or 'another process'}",
            fix="Wait for it or stop it (Ctrl-C once: it finishes what is in flight). Several processes: --shard i/n.",
        )

    def _write(self, facts: Mapping[str, Any]) -> None:
        beside = self.path / f".run.json.{secrets.token_hex(4)}"
        with beside.open("w", encoding="utf-8") as file:
            json.dump(facts, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._facts)
        sync_directory(self.path)


def _take(file: IO[str], how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _held(file: IO[str]) -> bool:
    """Whether somebody works under this lock. There is no way to ask but to share it for an instant."""
    if not _take(file, fcntl.LOCK_SH):
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _take_patiently(file: IO[str]) -> bool:
    """Take a lock; whoever only asks about it at this moment is waited for."""
    for pause in _PAUSES:
        if _take(file, fcntl.LOCK_EX):
            return True
        time.sleep(pause)
    return _take(file, fcntl.LOCK_EX)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    names = [name for name in (*old, *(set(new) - set(old))) if old.get(name) != new.get(name)]
    return [f"{name}: was {_shown(old.get(name))}, is {_shown(new.get(name))}" for name in names]


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "..."
