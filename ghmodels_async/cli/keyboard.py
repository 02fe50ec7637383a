"""Lines typed at a terminal, edited and recalled with the standard library's readline where there is one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

try:
    import readline
except ImportError:  # e.g. Windows: lines come as the terminal gives them
    readline = None  # type: ignore[assignment]

__all__ = ["Keyboard"]

#: How many lines a question may have before Enter sends it: a backslash at the end of a line asks for one more.
_MORE = "\\"


class Keyboard:
    """Reads what a person types. Nothing typed is written to a file: recall lasts as long as the process.

    Args:
        complete: The ways to go on from a whole line that starts with a slash, for the Tab key.
    """

    def __init__(self, complete: Callable[[str], Sequence[str]]) -> None:
        self._complete = complete
        self._found: Sequence[str] = ()
        if readline is not None:
            readline.set_completer(self._nth)
            readline.set_completer_delims(" ")
            libedit = "libedit" in (readline.__doc__ or "")
            readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")

    def read(self, prompt: str = "> ") -> str | None:
        """Wait for a question.

        Returns:
            What was typed, several lines if all but the last ended with a backslash; None at the end of the input.

        Raises:
            KeyboardInterrupt: Ctrl-C; what had been typed is forgotten.
        """
        lines: list[str] = []
        while True:
            try:
                line = input("." * (len(prompt) - 1) + " " if lines else prompt)
            except EOFError:
                print()
                return None
            except UnicodeDecodeError as error:
                print(f"This line is not {error.encoding}; type it again.", file=sys.stderr)
                continue
            if not line.endswith(_MORE):
                return "\n".join([*lines, line])
            lines.append(line.removesuffix(_MORE))

    def _nth(self, word: str, number: int) -> str | None:
        """What readline asks for: the completions of the word under the cursor, one by one."""
        if number == 0:
            line = readline.get_line_buffer()[: readline.get_endidx()]
            self._found = self._complete(line) if line.startswith("/") else ()
        return self._found[number] if number < len(self._found) else None
