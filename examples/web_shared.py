"""What both web examples have in common: a client per user, errors as HTTP, a reply as server-sent events, the page.

One `SessionPool` serves all users: connections are shared, keys are not. Clients of one token share one limiter inside
the library, however many requests, tabs or client objects there are; `Clients` bounds how many are kept.
"""

import asyncio
import json
import math
import os
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

from ghmodels_async import ChatStream, GateOptions, GitHubModels, errors
from ghmodels_async.transport import SessionPool

MODEL = os.environ.get("WEB_MODEL", "openai/gpt-4.1-mini")
#: Seconds a browser may be kept waiting, for quota and answer together.
PATIENCE = 60.0
#: Calls per account that may wait; the next one is told to come back.
QUEUE = int(os.environ.get("WEB_QUEUE", "20"))


class Clients:
    """A bounded number of clients, least recently used out first. Clients in use are never closed.

    Args:
        most: How many clients are kept.
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._pool = SessionPool()
        self._clients: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._clients)

    @asynccontextmanager
    async def of(self, token: str | None) -> AsyncIterator[GitHubModels]:
        """The client of one user's token; None: the server's own."""
        key = sha256((token or "").encode()).hexdigest()
        entry = self._clients.get(key)
        if entry is None:
            entry = self._clients[key] = _Entry(
                GitHubModels(token, transport=self._pool, limits=GateOptions(queue_limit=QUEUE))
            )
        self._clients.move_to_end(key)
        entry.users += 1
        try:
            yield entry.client
        finally:
            entry.users -= 1
            await self._let_go()

    async def aclose(self, drain: float = 10.0) -> None:
        """Let calls in flight finish for up to `drain` seconds, then close everything."""
        entries, self._clients = list(self._clients.values()), OrderedDict()
        await asyncio.gather(*(entry.client.aclose(drain=drain) for entry in entries))
        await self._pool.aclose()

    async def _let_go(self) -> None:
        idle = [key for key, entry in self._clients.items() if not entry.users]
        for key in idle[: max(0, len(self._clients) - self._most)]:
            await self._clients.pop(key).client.aclose()


class _Entry:
    def __init__(self, client: GitHubModels) -> None:
        self.client = client
        self.users = 0


def token_of(authorization: str | None) -> str | None:
    """The user's own token from ``Authorization: Bearer …``; None if the browser sent none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def question(gh: GitHubModels, prompt: str) -> ChatStream:
    """A stream that is served before batch work and gives up when nobody would wait any longer."""
    return gh.stream(MODEL, prompt, priority="interactive", deadline=PATIENCE)


def problem(error: errors.GHModelsError) -> tuple[int, dict[str, str], dict[str, str]]:
    """Status, headers and JSON body for an error that came before the first word."""
    headers: dict[str, str] = {}
    if isinstance(error, errors.QueueFullError):
        status, wait = 503, error.retry_after
    elif isinstance(error, errors.WouldExceedDeadlineError):
        status, wait = 503, error.eta
    elif isinstance(error, errors.RateLimitError):  # the user's own quota is used up
        status, wait = 429, error.retry_after
    else:
        status, wait = _status(error), None
    if wait is not None or status == 503:
        headers["Retry-After"] = str(max(1, math.ceil(wait or 1)))
    return status, headers, {"error": error.why, "fix": error.fix}


def _status(error: errors.GHModelsError) -> int:
    """First match wins."""
    for kinds, status in (
        ((errors.TokenNotFoundError, errors.TokenInvalidError), 401),
        ((errors.TokenPermissionError, errors.ModelsDisabledError, errors.ModelAccessError), 403),
        ((errors.RequestTooLargeError,), 413),
        ((errors.BadRequestError, errors.ConfigurationError, errors.PlanError), 400),
        ((errors.RequestTimeoutError,), 504),
    ):
        if isinstance(error, kinds):
            return status
    return 502


async def events(stream: ChatStream) -> AsyncIterator[bytes]:
    """The reply as server-sent events: one per piece of text, then `done`, or `error` if it broke."""
    try:
        async for text in stream.text:
            yield _event("text", {"text": text})
    except errors.GHModelsError as error:
        yield _event("error", {"error": error.why, "fix": error.fix})
    else:
        reply = stream.reply
        tokens = reply.usage.total_tokens if reply.usage else None
        yield _event("done", {"finish_reason": reply.finish_reason, "tokens": tokens})


def _event(name: str, data: dict[str, object]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


SSE_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}

PAGE = r"""<!doctype html>
<meta charset="utf-8"><title>Ask</title><link rel="icon" href="data:,">
<form><input name="prompt" size="60" required autofocus><button>Ask</button><button type="button">Stop</button></form>
<pre style="white-space: pre-wrap"></pre>
<script>
const [form, out] = [document.querySelector("form"), document.querySelector("pre")];
let asking;
form.querySelector("[type=button]").onclick = () => asking?.abort();
form.onsubmit = async (submit) => {
  submit.preventDefault();
  asking?.abort();                                    // leaving frees the slot at once
  const mine = asking = new AbortController();
  out.textContent = "";
  const show = (text) => { if (mine === asking) out.textContent += text; };
  try {
    await ask(form.prompt.value, mine.signal, show);
  } catch (error) {                                   // stopped on purpose, or the connection is gone
    if (!mine.signal.aborted) show(`\n[The answer was cut off, or there is no connection: ${error.message}]`);
  }
};
async function ask(prompt, signal, show) {
  const answer = await fetch("/chat", {
    method: "POST", signal, headers: {"Content-Type": "application/json"}, body: JSON.stringify({prompt}),
  });
  if (!answer.ok) {
    const [told, again] = [await answer.json().catch(() => ({})), answer.headers.get("Retry-After")];
    show((told.error ?? `The server answered ${answer.status}.`) + (again ? ` Try again in ${again} s.` : ""));
    return show(told.fix ? `\n${told.fix}` : "");
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let ended = false;
  for (let rest = "", part; !(part = await reader.read()).done;) {
    const blocks = (rest + part.value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      ended ||= !block.startsWith("event: text");
      const data = JSON.parse(block.slice(block.indexOf("data: ") + 6));
      show(data.text ?? (data.error ? `\n[${data.error}]` : ""));
    }
  }
  if (!ended) throw new Error("it ended without an end");
}
</script>
"""
