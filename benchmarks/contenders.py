"""The clients under test, each reduced to the same two acts: ask for one reply, read one stream.

`floor` is what a good script does: one aiohttp session, orjson, the reply's text and usage, nothing validated. `ours`
is the library with everything on: four limits, a ledger file with leases, phase timeouts, validated objects.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

MODEL = "openai/gpt-4.1-mini"
PROMPT = "Why is the sky blue? Answer in one sentence."
MESSAGES = [{"role": "user", "content": PROMPT}]
TOKEN = "ghp_benchmarkbenchmarkbenchmarkbench0000"  # of the right shape, worth nothing

#: GitHub's four limits (a model's minute, day and calls in flight, the account's minute), too large to make anybody
#: wait: the limiter does all its work, the day is leased from the ledger file in blocks, and nothing is throttled.
LIMITS = {
    MODEL: {"requests_per_minute": 10_000_000, "requests_per_day": 1_000_000_000, "concurrent": 1_000_000},
    "account": {"requests_per_minute": 10_000_000},
}


class Client(Protocol):
    """One client, connected to one base URL."""

    async def chat(self) -> str:
        """Ask for one reply and return its text."""
        ...

    async def stream(self) -> int:
        """Read one stream to its end; how many pieces had text."""
        ...

    def pieces(self) -> AsyncIterator[str]:
        """The texts of one stream as they come, for latencies and for streams that stay open."""
        ...

    async def aclose(self) -> None: ...


class Floor:
    """Raw aiohttp: `parse` makes objects of the bytes; None only reads them."""

    def __init__(self, url: str, parse: Callable[[bytes], Any] | None) -> None:
        import aiohttp

        self._url = url + "/chat/completions"
        self._parse = parse
        self._headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
        )
        self._dumps = _dumps()

    async def chat(self) -> str:
        body = self._dumps({"model": MODEL, "messages": MESSAGES})
        async with self._session.post(self._url, data=body, headers=self._headers) as response:
            data = await response.read()
        if self._parse is None:
            return "?" if data else ""
        reply = self._parse(data)
        return str(reply["choices"][0]["message"]["content"])

    async def stream(self) -> int:
        count = 0
        async for _ in self.pieces():
            count += 1
        return count

    async def pieces(self) -> AsyncIterator[str]:
        body = self._dumps({"model": MODEL, "messages": MESSAGES, "stream": True})
        async with self._session.post(self._url, data=body, headers=self._headers) as response:
            buffer = b""
            async for data in response.content.iter_any():
                if self._parse is None:
                    yield "?"
                    continue
                *events, buffer = (buffer + data).split(b"\n\n") if buffer else data.split(b"\n\n")
                for event in events:
                    if event == b"data: [DONE]":
                        continue
                    chunk = self._parse(event[6:])
                    if chunk["choices"] and (text := chunk["choices"][0]["delta"].get("content")):
                        yield text

    async def aclose(self) -> None:
        await self._session.close()


class Ours:
    """This library, everything on; `options` of the client on top."""

    def __init__(self, url: str, **options: Any) -> None:
        from ghmodels_async import GitHubModels
        from ghmodels_async.config import resolve

        self._state = tempfile.TemporaryDirectory(prefix="bench-ledger-")
        settings = resolve(profile="github", base_url=url, plan="free", state_dir=self._state.name, env={})
        self.gh = GitHubModels(TOKEN, settings=settings, **{"limits": LIMITS, "ledger": "sqlite", **options})

    async def chat(self) -> str:
        return (await self.gh.chat(MODEL, PROMPT)).text

    async def stream(self) -> int:
        count = 0
        async with self.gh.stream(MODEL, PROMPT) as stream:
            async for delta in stream:
                if delta.text:
                    count += 1
        return count

    async def pieces(self) -> AsyncIterator[str]:
        async with self.gh.stream(MODEL, PROMPT) as stream:
            async for delta in stream:
                if delta.text:
                    yield delta.text

    async def aclose(self) -> None:
        await self.gh.aclose()
        self._state.cleanup()


class OpenAI:
    """The official package, over its own backend or over aiohttp."""

    def __init__(self, url: str, *, over_aiohttp: bool) -> None:
        import openai

        options: dict[str, Any] = {}
        if over_aiohttp:
            options["http_client"] = openai.DefaultAioHttpClient()
        self._client = openai.AsyncOpenAI(api_key=TOKEN, base_url=url, **options)

    async def chat(self) -> str:
        reply = await self._client.chat.completions.create(model=MODEL, messages=MESSAGES)  # type: ignore[arg-type]
        return reply.choices[0].message.content or ""

    async def stream(self) -> int:
        count = 0
        async for _ in self.pieces():
            count += 1
        return count

    async def pieces(self) -> AsyncIterator[str]:
        stream = await self._client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)  # type: ignore[call-overload]
        async with stream:
            async for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    yield chunk.choices[0].delta.content

    async def aclose(self) -> None:
        await self._client.close()


class Azure:
    """azure-ai-inference, its asynchronous client over aiohttp."""

    def __init__(self, url: str) -> None:
        from azure.ai.inference.aio import ChatCompletionsClient
        from azure.core.credentials import AzureKeyCredential

        self._client = ChatCompletionsClient(url, AzureKeyCredential(TOKEN))

    async def chat(self) -> str:
        reply = await self._client.complete(model=MODEL, messages=MESSAGES)
        return str(reply.choices[0].message.content)

    async def stream(self) -> int:
        count = 0
        async for _ in self.pieces():
            count += 1
        return count

    async def pieces(self) -> AsyncIterator[str]:
        stream = await self._client.complete(model=MODEL, messages=MESSAGES, stream=True)
        async with stream:
            async for chunk in stream:
                if chunk.choices and chunk.choices[0].delta and chunk.choices[0].delta.content:
                    yield chunk.choices[0].delta.content

    async def aclose(self) -> None:
        await self._client.close()


def _loads() -> Callable[[bytes], Any]:
    try:
        import orjson
    except ImportError:  # the guard may run without it: a slower floor, a little more slack
        return json.loads
    return orjson.loads


def _dumps() -> Callable[[Any], bytes]:
    try:
        import orjson
    except ImportError:
        return lambda value: json.dumps(value).encode()
    return orjson.dumps


#: Name on the command line -> (name in tables, how to make it).
CONTENDERS: dict[str, tuple[str, Callable[[str], Client]]] = {
    "bytes": ("raw aiohttp, body read, nothing parsed", lambda url: Floor(url, None)),
    "aiohttp": ("raw aiohttp + orjson", lambda url: Floor(url, _loads())),
    "ours": ("ghmodels-async, everything on", Ours),
    "azure": ("azure-ai-inference", Azure),
    "openai-aiohttp": ("openai, aiohttp backend", lambda url: OpenAI(url, over_aiohttp=True)),
    "openai": ("openai, default backend", lambda url: OpenAI(url, over_aiohttp=False)),
}


async def check(client: Client, scenario: str) -> None:
    """One request of each kind, so that nobody is measured who does not do the work."""
    if scenario.startswith("chat"):
        assert await client.chat()
    else:
        await asyncio.wait_for(anext(aiter(client.pieces())), 10)
