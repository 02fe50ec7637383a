"""A real browser for tests: Chromium without a window, spoken to over its own debugging protocol.

No driver package: a handful of commands over one WebSocket is all a page of ours needs.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

__all__ = ["Tab", "chromium", "open_tab"]

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
)  # fmt: skip


def chromium() -> str:
    """The browser's path; a test that needs it fails where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise AssertionError("no Chromium here: `make browser` installs it where apt does")


class Tab:
    """One page. `troubles` holds what its console and its scripts complained about."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, session: str) -> None:
        self._socket, self._session = socket, session
        self._numbers = itertools.count(100)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.troubles: list[str] = []

    async def listen(self) -> None:
        """Take in what the browser says, until it is cancelled."""
        async for message in self._socket:
            said = json.loads(message.data)
            if waiting := self._answers.pop(said.get("id", 0), None):
                waiting.set_result(said)
            elif said.get("method") == "Runtime.exceptionThrown":
                details = said["params"]["exceptionDetails"]
                self.troubles.append(details.get("exception", {}).get("description") or details["text"])

    async def ask(self, method: str, **parameters: Any) -> Any:
        """Send a command and wait for its result."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "sessionId": self._session, "method": method, "params": parameters})
        said = await self._answers[number]
        assert "error" not in said, said
        return said["result"]

    async def run(self, script: str) -> Any:
        """The value of an expression; a promise is awaited."""
        result = await self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    async def until(self, script: str, within: float = 8.0) -> None:
        """Wait until an expression is true."""
        due = asyncio.get_running_loop().time() + within
        while not await self.run(script):
            assert asyncio.get_running_loop().time() < due, f"not within {within:g} s: {script}; {self.troubles}"
            await asyncio.sleep(0.02)

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self.ask("Input.insertText", text=text)

    async def press_enter(self) -> None:
        """Press Enter where the focus is."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        await self.ask("Input.dispatchKeyEvent", type="keyDown", **key)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **key)


@asynccontextmanager
async def open_tab(url: str, profile: Path) -> AsyncIterator[Tab]:
    """A tab that shows `url`, in a browser of its own whose profile is a new folder."""
    browser = await asyncio.create_subprocess_exec(
        chromium(), *_FLAGS, f"--user-data-dir={profile}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert browser.stderr is not None
    try:
        async with asyncio.timeout(20):
            while not (found := re.search(rb"DevTools listening on (\S+)", await browser.stderr.readline())):
                assert browser.returncode is None, "the browser ended"
        draining = asyncio.create_task(browser.stderr.read())
        async with aiohttp.ClientSession() as http, http.ws_connect(found[1].decode(), max_msg_size=0) as socket:
            target = await _say(socket, 1, "Target.createTarget", url="about:blank")
            session = await _say(socket, 2, "Target.attachToTarget", targetId=target["targetId"], flatten=True)
            tab = Tab(socket, session["sessionId"])
            listening = asyncio.create_task(tab.listen())
            try:
                await tab.ask("Runtime.enable")
                await tab.ask("Page.navigate", url=url)
                await tab.until(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")
                yield tab
            finally:
                listening.cancel()
                draining.cancel()
                await asyncio.gather(listening, draining, return_exceptions=True)
    finally:
        if browser.returncode is None:
            browser.kill()
        await browser.wait()


async def _say(socket: aiohttp.ClientWebSocketResponse, number: int, method: str, **parameters: Any) -> Any:
    await socket.send_json({"id": number, "method": method, "params": parameters})
    while (said := json.loads((await socket.receive()).data)).get("id") != number:
        pass
    return said["result"]
