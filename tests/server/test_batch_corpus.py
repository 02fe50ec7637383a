"""Prompts nobody here wrote: `logiqa` and `ukraine_eit` of PyPI `evals`.

The package unpacks to 750 MB, so `make corpus` installs it and runs this file; other runs leave it out.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from ghmodels_async import GitHubModels, profiles
from ghmodels_async.batch import Recipe, check_rows, open_source, run_batch
from ghmodels_async.simulator import TOKEN, Simulation

SPEC = importlib.util.find_spec("evals")
DATA = Path(SPEC.origin).parent / "registry" / "data" if SPEC and SPEC.origin else None
SETS = ("logiqa", "ukraine_eit")
MODEL = "openai/gpt-4.1-mini"

ODD: list[dict[str, Any]] = [
    {"prompt": ""},
    {"prompt": " \n\t"},
    {"prompt": "х" * 60_000},
    {"prompt": "𝄞👩🏽‍🚀 ‮ ﷽ \u0000 \u2028"},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "part"}]}]},
]

pytestmark = pytest.mark.corpus


def quick_profile(tmp_path: Path) -> profiles.Profile:
    path = tmp_path / "quick.toml"
    path.write_text(
        'name = "quick"\ntitle = "Quick"\nkey_variables = ["GITHUB_TOKEN"]\nplans = ["only"]\n'
        'source = "test"\ndate = "2026-11-22"\ndefault_row = "all"\n[limits.all]\nconcurrent = 40\n'
    )
    return profiles.load(str(path))


@pytest.mark.parametrize("name", SETS)
def test_every_row_of_a_corpus_is_a_sound_chat(name: str, tmp_path: Path) -> None:
    assert DATA is not None
    for path in sorted((DATA / name).glob("*.jsonl")):
        lines = len(path.read_bytes().split(b"\n")) - 1
        found = check_rows(open_source(path).rows(), Recipe(), (MODEL,), profiles.load("github"), "free")
        assert (found.rows, found.wrong, found.embeddings) == (lines, 0, 0), found.problems
        assert found.ignored["ideal"] == lines


@pytest.mark.timeout(300)
async def test_every_row_of_the_corpora_is_answered_once_over_real_sockets(tmp_path: Path) -> None:
    assert DATA is not None
    rows = tmp_path / "in.jsonl"
    with rows.open("wb") as file:
        for name in SETS:
            for path in sorted((DATA / name).glob("*.jsonl")):
                file.write(path.read_bytes())
        for row in ODD:
            file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    count = sum(1 for _ in open_source(rows).rows())
    assert count > 10_000
    profile = quick_profile(tmp_path)
    asyncio.get_running_loop().set_debug(False)  # some minutes otherwise
    simulation = Simulation(profile, fast=True, latency=(0.0, 0.0), keep=0)
    async with (
        simulation.serve() as server,
        GitHubModels(TOKEN, profile=profile, base_url=server.base_url, ledger="memory") as gh,
    ):
        summary = await run_batch(gh, rows, run_dir=tmp_path / "run", models=(MODEL,))
    assert summary.stopped is None
    assert summary.progress.done + summary.progress.failed == count
    assert summary.progress.failed <= len(ODD)
    seen: Counter[str] = Counter()
    with (tmp_path / "run" / "output.jsonl").open() as output:
        for line in output:
            row = json.loads(line)
            seen[row["custom_id"]] += 1
            ChatCompletion.model_validate(row["response"]["body"], strict=True)
    assert set(seen.values()) == {1}
    assert len(seen) == summary.progress.done
