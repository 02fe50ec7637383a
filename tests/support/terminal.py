"""A command at a terminal: its keyboard to type on, its screen to read."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

#: What a terminal obeys and does not show.
CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[=>]|\r")


class Terminal:
    """Starts a command with a pseudo-terminal as its standard input, output and error; `with` ends it.

    Args:
        command: Program and arguments.
        env: Its whole environment.
        cwd: Its working directory.
        columns: Width of the screen.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: Path, columns: int = 100) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(columns)
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=dict(env), cwd=cwd, preexec_fn=_lead
        )
        os.close(theirs)
        self._shown = b""
        self._read = 0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)

    @property
    def screen(self) -> str:
        """Everything shown so far, without what only moves the cursor or colours."""
        return CONTROL.sub("", self.raw)

    @property
    def raw(self) -> str:
        """The same with everything in it."""
        return self._shown.decode(errors="replace")

    def type(self, keys: str) -> None:
        """Press keys; ``\\r`` is Enter, ``\\x03`` Ctrl-C, ``\\x04`` Ctrl-D."""
        os.write(self._ours, keys.encode())

    def expect(self, text: str, within: float = 20) -> str:
        """Wait until `text` is shown after what was expected before; return what came up to it."""
        until = time.monotonic() + within
        while True:
            shown = self.screen
            found = shown.find(text, self._read)
            if found >= 0:
                passed, self._read = shown[self._read : found], found + len(text)
                return passed
            if not self._more(until - time.monotonic()):
                raise AssertionError(f"{text!r} was not shown; the screen:\n{shown}")

    def end(self, within: float = 20) -> int:
        """Wait until the command has ended; return its exit code."""
        until = time.monotonic() + within
        while self._more(until - time.monotonic()):
            pass
        return self.process.wait(max(0.1, until - time.monotonic()))

    def resize(self, columns: int, rows: int = 24) -> None:
        """Change the window's size; the command is told as by a real terminal."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if hasattr(self, "process"):
            self.process.send_signal(signal.SIGWINCH)

    def _more(self, patience: float) -> bool:
        """Read what is there; False at the end, or when nothing came in time."""
        if patience <= 0 or not select.select([self._ours], [], [], patience)[0]:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # Linux says so when the last process at the terminal has gone
            return False
        self._shown += data
        return bool(data)


def _lead() -> None:
    """Make the pseudo-terminal the one whose Ctrl-C reaches this process."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
