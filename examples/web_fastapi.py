"""A chat page on FastAPI: each browser's answer streams as server-sent events.

    ghmodels simulate --port 8080                              # in another terminal, instead of a live service
    GHMODELS_BASE_URL=http://127.0.0.1:8080/inference GITHUB_TOKEN=any \\
        uvicorn --app-dir examples web_fastapi:app --timeout-graceful-shutdown 10

ASGI servers do not cancel a handler whose browser has gone, they only say so to whoever listens. `Answer` listens all
the time: while the call waits for quota, for the first word, and in mid-answer. Leaving then frees connection, slot and
queue place at once.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send
from web_shared import PAGE, SSE_HEADERS, Clients, events, problem, question, token_of

from ghmodels_async.errors import GHModelsError


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Clients live as long as the application; answers in flight may finish for 10 s."""
    app.state.clients = Clients()
    yield
    await app.state.clients.aclose(drain=10)


app = FastAPI(lifespan=lifespan)


class Prompt(BaseModel):
    """What the page sends."""

    prompt: str


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    """The page."""
    return PAGE


@app.post("/chat")
async def chat(asked: Prompt, request: Request) -> Response:
    """Answer one prompt."""
    return Answer(request.app.state.clients, token_of(request.headers.get("Authorization")), asked.prompt)


class Answer(Response):
    """A reply as server-sent events, given up as soon as the browser has gone."""

    def __init__(self, clients: Clients, token: str | None, prompt: str) -> None:
        super().__init__()
        self._clients, self._token, self._prompt = clients, token, prompt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Cancellation: safe, the call is closed."""
        telling = asyncio.create_task(self._tell(scope, receive, send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait((telling, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            unfinished = [task for task in (telling, leaving) if not task.done()]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        if telling.done() and not telling.cancelled():
            telling.result()

    async def _tell(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with (
                self._clients.of(self._token) as gh,
                question(gh, self._prompt) as stream,  # entered with the first word: until then errors have a status
            ):
                headers = [(name.lower().encode(), value.encode()) for name, value in SSE_HEADERS.items()]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                async for event in events(stream):
                    await send({"type": "http.response.body", "body": event, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except GHModelsError as error:
            status, more, body = problem(error)
            await JSONResponse(body, status_code=status, headers=more)(scope, receive, send)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
