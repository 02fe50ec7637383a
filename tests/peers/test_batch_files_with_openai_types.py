"""Batch files move between us and OpenAI: its SDK's types read what we write, and its files are read by us."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types import BatchError, BatchRequestCounts, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter
from simulated import LOW, connect

from ghmodels_async import Clock
from ghmodels_async.batch import run_batch
from ghmodels_async.simulator import Fault, Simulation

CALL: CompletionCreateParamsNonStreaming = {
    "model": LOW,
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Héllo, 世界?"}],
    "temperature": 0.2,
    "max_tokens": 40,
}


def openai_lines(count: int) -> list[dict[str, Any]]:
    """As OpenAI's batch guide writes them."""
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(CALL)
    url = "/v1/chat/completions"
    return [{"custom_id": f"request-{n}", "method": "POST", "url": url, "body": dict(CALL)} for n in range(count)]


@pytest.mark.virtual_time
async def test_openai_types_read_our_output_and_our_errors(tmp_path: Path, clock: Clock) -> None:
    simulation = Simulation(plan="enterprise", clock=clock, fast=True)
    simulation.script([None, Fault.output_filtered(), None, None])
    rows = [
        *openai_lines(4),
        {"custom_id": "large", "body": {"model": LOW, "messages": [{"role": "user", "content": "word " * 20000}]}},
    ]
    async with connect(simulation, clock) as gh:
        summary = await run_batch(gh, rows, run_dir=tmp_path)
    assert (summary.progress.done, summary.progress.failed) == (4, 1)
    output = [json.loads(line) for line in (tmp_path / "output.jsonl").read_text().splitlines()]
    for line in output:
        assert {"id", "custom_id", "response", "error"} <= set(line)
        assert (line["error"], line["response"]["status_code"]) == (None, 200)
        reply = openai.types.chat.ChatCompletion.model_validate(line["response"]["body"], strict=True)
        assert isinstance(reply, ChatCompletion)
        assert reply.object == "chat.completion"
        assert reply.created > 0
        assert reply.choices[0].finish_reason in ("stop", "length", "content_filter")
        assert reply.choices[0].message.role == "assistant"
        assert reply.usage is not None
        assert reply.usage.total_tokens == line["usage"]["total_tokens"] > 0
    (bad,) = [json.loads(line) for line in (tmp_path / "errors.jsonl").read_text().splitlines()]
    assert bad["custom_id"] == "large"
    if bad["error"] is not None:
        assert BatchError.model_validate(bad["error"], strict=True).line == 5
    else:
        assert bad["response"]["status_code"] == 413
        assert "message" in bad["response"]["body"]["error"]


@pytest.mark.virtual_time
async def test_a_row_without_an_answer_has_an_error_openai_types_read(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"custom_id": "c", "body": 7}\n' + json.dumps(openai_lines(1)[0]) + "\n")
    async with connect(Simulation(plan="enterprise", clock=clock, fast=True), clock) as gh:
        await run_batch(gh, path, run_dir=tmp_path / "run")
    line = json.loads((tmp_path / "run" / "errors.jsonl").read_text())
    assert line["response"] is None
    error = BatchError.model_validate(line["error"], strict=True)
    assert (error.code, error.line) == ("invalid", 1)


def test_the_counts_of_a_summary_are_openais() -> None:
    from ghmodels_async.batch import Progress

    counts = BatchRequestCounts.model_validate(Progress(total=9, before_done=5, done=2, failed=1).counts, strict=True)
    assert (counts.total, counts.completed, counts.failed) == (9, 7, 1)


@pytest.mark.virtual_time
@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_openai_types_read_our_vectors(tmp_path: Path, clock: Clock, encoding: str) -> None:
    model = "openai/text-embedding-3-small"
    body = {"model": model, "input": ["one", "two"], "dimensions": 8, "encoding_format": encoding}
    rows = [{"custom_id": f"e{n}", "method": "POST", "url": "/v1/embeddings", "body": body} for n in range(3)]
    simulation = Simulation(plan="enterprise", clock=clock, fast=True)
    async with connect(simulation, clock) as gh:
        summary = await run_batch(gh, [*rows, {"prompt": "beside them", "model": LOW}], run_dir=tmp_path)
    assert (summary.progress.done, summary.progress.failed) == (4, 0)
    assert sum(arrival.kind == "embeddings" for arrival in simulation.log) == 3
    output = [json.loads(line) for line in (tmp_path / "output.jsonl").read_text().splitlines()]
    for line in output[:3]:
        answer = line["response"]["body"]
        if encoding == "base64":  # openai decodes such texts itself before its types see them
            assert all(len(base64.b64decode(item["embedding"])) == 8 * 4 for item in answer["data"])
            continue
        reply = CreateEmbeddingResponse.model_validate(answer, strict=True)
        assert [(item.index, len(item.embedding)) for item in reply.data] == [(0, 8), (1, 8)]
        assert reply.usage.prompt_tokens == line["usage"]["prompt_tokens"] > 0
