"""What a batch costs per row: checking, planning, resuming and merging any number of rows, and a run end to end.

    python benchmarks/batch.py                # 10,000,000 rows through pipes, 100,000 end to end: some 15 minutes
    python benchmarks/batch.py --quick        # a fiftieth of it

Rows come through a pipe from another process. CPU and peak memory are the measured process's own (`os.wait4`); the
maker of the rows and the server are other processes. The bare loop beside `batch run` is what anybody would write: one
aiohttp session, the same number of requests in flight, each answer read to its end, nothing kept and nothing limited.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

MODEL = "openai/gpt-4.1-mini"
CONCURRENCY = 64
PROFILE = f"""
name = "fast"
title = "A fast server"
plans = ["only"]
source = "this benchmark"
date = "2026-11-22"
default_row = "all"
[auth]
required = false
[limits.all]
concurrent = {CONCURRENCY}
"""
CHUNK = (
    '{"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    '"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":%s}]}'
)
ANSWER = "".join(
    f"data: {each}\n\n"
    for each in (
        *(CHUNK % (word, "null") for word in ("Twelve", " thousand", " three", " hundred", " and", " five")),
        CHUNK % ("", '"stop"'),
        '{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
        '"usage":{"prompt_tokens":12,"completion_tokens":6,"total_tokens":18}}',
        "[DONE]",
    )
).encode()


def row(number: int) -> bytes:
    return b'{"custom_id":"r%d","prompt":"Say the number %d in words, and nothing else."}' % (number, number)


def make_rows(count: int) -> None:
    """The rows, on standard output."""
    out = sys.stdout.buffer
    for start in range(0, count, 10_000):
        out.write(b"".join(row(n) + b"\n" for n in range(start, min(count, start + 10_000))))
    out.flush()


def make_journal(run: Path, count: int) -> None:
    """A run whose first `count` rows are finished, as `batch run` would have left it."""
    from ghmodels_async.batch import RunDirectory
    from ghmodels_async.batch.rows import row_hash
    from ghmodels_async.batch.segments import record_line

    directory = RunDirectory(run)
    directory.prepare({"models": [MODEL], "kind": "jsonl"})
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x" * 120}, "finish_reason": "stop"}],
    }
    envelope = {
        "id": "batch_req_" + "0" * 24,
        "custom_id": "r",
        "response": {"status_code": 200, "request_id": "r", "body": body},
        "error": None,
        "attempts": 1,
        "model": MODEL,
        "usage": {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18},
        "times": {"finished_at": "2026-11-22T12:00:00.000+00:00"},
    }
    tail = json.dumps(envelope, separators=(",", ":")).encode()
    with (directory.journal / "1of1-000001.jsonl").open("wb") as file, directory.spool.open("wb") as spool:
        for number in range(count):
            data = row(number)
            spool.write(data + b"\n")
            file.write(record_line(number, row_hash(data), 200, None, tail))
    directory.remember(spooled=True)


def measured(name: str, rows: int, command: list[str], *, piped: bool = False) -> None:
    """Run a command to its end; what it cost, per row."""
    maker = None
    start = time.perf_counter()
    if piped:
        maker = subprocess.Popen([sys.executable, __file__, "--make-rows", str(rows)], stdout=subprocess.PIPE)
    process = subprocess.Popen(command, stdin=maker.stdout if maker else subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    if maker is not None and maker.stdout is not None:
        maker.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - start
    cpu = usage.ru_utime + usage.ru_stime
    note = "" if status == 0 else f"  (exit {os.waitstatus_to_exitcode(status)})"
    figures = f"{rows / took:12,.0f} {cpu / rows * 1e6:10.1f} {usage.ru_maxrss / 1024:10.0f} {took:9.1f}"
    print(f"{name:44} {rows:12,} {figures}{note}", flush=True)
    if maker is not None:
        maker.wait()


def serve() -> None:
    """A server that answers every chat at once, on a free port, until standard input ends."""
    from aiohttp import web

    async def chat(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(body=ANSWER, headers={"Content-Type": "text/event-stream"})

    async def main() -> None:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/chat/completions", chat)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        print(site._server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

    asyncio.run(main())


@contextlib.contextmanager
def server() -> Iterator[str]:
    words = [sys.executable, __file__, "--serve"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.stdin.close()
        process.wait()


def bare(url: str, path: str) -> None:
    """What anybody would write: read a line, post it, read the answer."""
    import aiohttp

    async def worker(session: aiohttp.ClientSession, lines: Iterator[bytes]) -> None:
        for line in lines:
            prompt = json.loads(line)["prompt"]
            body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": prompt}]}
            async with session.post(f"{url}/chat/completions", json=body) as response:
                await response.read()

    async def main(lines: Iterator[bytes]) -> None:
        connector = aiohttp.TCPConnector(limit=CONCURRENCY)
        async with aiohttp.ClientSession(connector=connector) as session:
            await asyncio.gather(*(worker(session, lines) for _ in range(CONCURRENCY)))

    with Path(path).open("rb") as file:
        asyncio.run(main(file))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--make-rows", type=int)
    parser.add_argument("--make-journal", nargs=2)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--bare", nargs=2)
    asked = parser.parse_args()
    if asked.make_rows is not None:
        make_rows(asked.make_rows)
    elif asked.make_journal:
        make_journal(Path(asked.make_journal[0]), int(asked.make_journal[1]))
    elif asked.serve:
        serve()
    elif asked.bare:
        bare(*asked.bare)
    else:
        measure(200_000 if asked.quick else 10_000_000, 2_000 if asked.quick else 100_000)


def measure(many: int, called: int) -> None:
    batch = [sys.executable, "-m", "ghmodels_async", "batch"]
    print(f"{'':44} {'rows':>12} {'rows/s':>12} {'us CPU/row':>10} {'peak MB':>10} {'seconds':>9}")
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        measured("batch check, through a pipe", many, [*batch, "check", "-", "-m", MODEL], piped=True)
        measured("batch plan, through a pipe", many, [*batch, "plan", "-", "-m", MODEL], piped=True)
        run = place / "done"
        make_journal(run, many)
        measured("resume scan: batch status of a finished run", many, [*batch, "status", str(run)])
        again = [*batch, "run", "-o", str(run), "--simulate", "--no-check", "--accept-changes", "-m", MODEL]
        measured("starting a finished run again, and merging", many, again)
        measured("merging alone", many, [*batch, "merge", str(run)])
        rows = place / "rows.jsonl"
        rows.write_bytes(b"".join(row(n) + b"\n" for n in range(called)))
        (place / "fast.toml").write_text(PROFILE)
        with server() as url:
            measured("bare aiohttp loop", called, [sys.executable, __file__, "--bare", url, str(rows)])
            where = ["--profile", str(place / "fast.toml"), "--base-url", url, "-m", MODEL]
            measured("batch run", called, [*batch, "run", str(rows), "-o", str(place / "run"), *where])
            again = [*batch, "run", str(rows), "-o", str(place / "bare"), *where, "--no-check", "--json"]
            measured("batch run --no-check --json", called, again)


if __name__ == "__main__":
    main()
