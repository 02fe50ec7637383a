"""Run one code block of a page as a reader would: as a script, or as lines for an asyncio prompt with a client `gh`.

Usage: python run_block.py FILE
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import sys
from pathlib import Path
from types import CodeType


async def run(code: CodeType) -> None:
    from ghmodels_async import GitHubModels

    async with GitHubModels() as gh:
        result = eval(code, {"__name__": "__main__", "gh": gh})
        if inspect.isawaitable(result):
            await result


def main(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    code = compile(source, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if "asyncio.run(" in source:
        exec(code, {"__name__": "__main__"})
    else:
        asyncio.run(run(code))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
