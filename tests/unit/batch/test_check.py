"""Everything that can be known to be wrong before the first call."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest

from ghmodels_async import profiles
from ghmodels_async.batch import Checked, Recipe, check_rows, duplicates
from ghmodels_async.batch import check as check_module
from ghmodels_async.batch.duplicates import Duplicates
from ghmodels_async.batch.sources import Pipe

MINI = "openai/gpt-4.1-mini"


def check(rows: Iterable[Any], *, models: tuple[str, ...] = (MINI,), plan: str = "free", **recipe: Any) -> Checked:
    lines = (row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
    source = Pipe(io.BytesIO(b"\n".join(lines)))
    return check_rows(source.rows(), Recipe(**recipe), models, profiles.load("github"), plan)


def whys(found: Checked) -> list[tuple[int, str]]:
    return [(problem.line, problem.why) for problem in found.problems]


def test_a_sound_input_has_no_problem() -> None:
    found = check([{"prompt": "a"}, {"prompt": "b", "task": 1}])
    assert (found.rows, found.wrong, dict(found.models)) == (2, 0, {MINI: 2})
    assert found.notes == ["fields that are no request fields and stay unused: task (1 rows)"]


def test_every_problem_has_its_line_and_the_first_twenty_are_kept() -> None:
    found = check([b"{", *({"prompt": n} for n in range(50)), {"prompt": "fine"}])
    assert found.wrong == 51
    assert [line for line, _ in whys(found)] == list(range(1, 21))
    assert whys(found)[0][1].startswith("not JSON")


def test_an_id_may_occur_once() -> None:
    found = check([{"id": "x", "prompt": "a"}, {"id": "y", "prompt": "a"}, b"[]", {"id": "x", "prompt": "b"}])
    assert whys(found) == [(3, "expected a JSON object, found a list"), (4, "the same id as line 1")]


def test_values_outside_what_the_endpoint_takes_are_found() -> None:
    (only,) = whys(check([{"prompt": "a", "temperature": 1.5}]))
    assert only[0] == 1
    assert "temperature = 1.5" in only[1]


def test_a_row_with_more_words_than_tokens_allowed_can_never_pass() -> None:
    found = check([{"prompt": "word " * 8000}, {"prompt": "word " * 8001}, {"prompt": "x" * 30_000}])
    assert whys(found) == [(2, f"too large: at least 8,001 tokens, {MINI} takes 8,000 on plan free")]


def test_a_spilled_row_is_too_large_only_if_no_model_takes_it() -> None:
    prompt = {"prompt": "word " * 5000}
    assert check([prompt], models=("openai/gpt-5", MINI), plan="pro").wrong == 0
    assert check([prompt], models=("openai/gpt-5",), plan="pro").wrong == 1


def test_an_unknown_model_is_named_with_the_nearest() -> None:
    assert whys(check([{"prompt": "a"}], models=("openai/gpt-4.1-minni",))) == [
        (0, f"unknown model 'openai/gpt-4.1-minni'; did you mean {MINI}?")
    ]
    row = {"custom_id": "c", "body": {"model": "openai/nope", "messages": [{"role": "user", "content": "u"}]}}
    assert whys(check([row], models=()))[0][1].startswith("unknown model 'openai/nope'")


def test_a_model_outside_the_plan_is_named_with_the_plans_that_have_it() -> None:
    assert whys(check([{"prompt": "a"}], models=("openai/gpt-5",))) == [
        (0, "model openai/gpt-5 is not available on plan free (on pro, business, enterprise)")
    ]


def test_a_row_for_a_model_of_another_kind_is_found() -> None:
    vectors = "openai/text-embedding-3-small"
    rows = [{"prompt": "a"}, {"input": "a"}]
    assert whys(check(rows)) == [(2, f"a row for embeddings, which {MINI} does not do")]
    assert whys(check(rows, models=(vectors,))) == [(1, f"a row for chat, which {vectors} does not do")]


def test_a_row_without_any_model_is_a_problem() -> None:
    assert whys(check([{"prompt": "a"}], models=())) == [(1, "the row names no model; give one with --model")]


def test_an_empty_input_is_a_problem() -> None:
    assert whys(check([])) == [(0, "the input has no rows")]


def test_what_other_services_would_refuse_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_module, "OPENAI_ROWS", 1)
    monkeypatch.setattr(check_module, "OPENAI_BYTES", 10)
    notes = check([{"prompt": "a"}, {"prompt": "b"}]).notes
    assert len(notes) == 2
    assert all("OpenAI and Azure" in note for note in notes)


@pytest.mark.parametrize("kept", [5, 100_000])
def test_duplicates_are_found_however_many_names_there_are(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    monkeypatch.setattr(duplicates, "_KEPT", kept)
    monkeypatch.setattr(duplicates, "_BUFFERED", 16)
    with Duplicates() as names:
        for place in range(1, 5001):
            names.add(f"name {place % 4990}", place)
        found = sorted(names.repeats())
    assert found == [(4990 + n, n) for n in range(1, 11)]
