"""A chat page on aiohttp.web: each browser's answer streams as server-sent events.

    ghmodels simulate --port 8080                              # in another terminal, instead of a live service
    GHMODELS_BASE_URL=http://127.0.0.1:8080/inference GITHUB_TOKEN=any python examples/web_aiohttp.py

A browser that goes away cancels its handler (`handler_cancellation=True`), wherever it is: waiting for quota, for the
first word or in mid-answer. The `async with` blocks then free connection, slot and queue place. On shutdown answers in
flight may finish for 10 s.
"""

from collections.abc import AsyncIterator

from aiohttp import web
from web_shared import PAGE, SSE_HEADERS, Clients, events, problem, question, token_of

from ghmodels_async.errors import GHModelsError

CLIENTS = web.AppKey("clients", Clients)


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer one prompt."""
    try:
        prompt = str((await request.json())["prompt"])
    except (ValueError, KeyError, TypeError):
        raise web.HTTPUnprocessableEntity(text='send {"prompt": "..."}') from None
    try:
        async with (
            request.app[CLIENTS].of(token_of(request.headers.get("Authorization"))) as gh,
            question(gh, prompt) as stream,  # entered with the first word: until then errors have a status
        ):
            response = web.StreamResponse(headers=SSE_HEADERS)
            await response.prepare(request)
            async for event in events(stream):
                await response.write(event)
            return response
    except GHModelsError as error:
        status, headers, body = problem(error)
        return web.json_response(body, status=status, headers=headers)


async def page(request: web.Request) -> web.Response:
    """The page."""
    return web.Response(text=PAGE, content_type="text/html")


async def _clients(app: web.Application) -> AsyncIterator[None]:
    app[CLIENTS] = Clients()
    yield
    await app[CLIENTS].aclose(drain=10)


def make_app() -> web.Application:
    """The application."""
    app = web.Application()
    app.cleanup_ctx.append(_clients)
    app.add_routes([web.get("/", page), web.post("/chat", chat)])
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=8000, handler_cancellation=True, shutdown_timeout=10)
