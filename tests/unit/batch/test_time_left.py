"""What the live view's time left is reckoned from: rows by the models that may take them."""

from __future__ import annotations

import pytest

from ghmodels_async import profiles
from ghmodels_async.batch import ModelProgress, ModelQuota, Progress, Quotas, Window, allowances, fresh_quotas
from ghmodels_async.batch.rows import RawRow, Recipe
from ghmodels_async.batch.survey import Kinds

GITHUB = profiles.load("github")
LOW, HIGH = "openai/gpt-4.1-mini", "openai/gpt-4.1"


def progress(asked: dict[str | None, int], **models: ModelProgress) -> Progress:
    done = sum(model.done for model in models.values())
    return Progress(total=sum(asked.values()), done=done, asked=asked, models=models)


def test_rows_bound_to_a_model_are_left_to_that_model() -> None:
    found = progress({"a": 10, "b": 200}, a=ModelProgress(done=7), b=ModelProgress(done=20, failed=1))
    found.failed = 1
    assert found.waiting_by_models((), {"a": 2, "b": 4}) == {("a",): 1, ("b",): 175}


def test_rows_that_name_no_model_are_left_to_those_of_the_run() -> None:
    found = progress({None: 100, "c": 5}, a=ModelProgress(done=30), b=ModelProgress(done=10), c=ModelProgress())
    assert found.waiting_by_models(("a", "b"), {"a": 1}) == {("a", "b"): 59, ("c",): 5}


def test_what_a_model_does_beyond_its_own_rows_was_open_to_all() -> None:
    found = progress({None: 100, "a": 5}, a=ModelProgress(done=30), b=ModelProgress(done=10))
    assert found.waiting_by_models(("a", "b"), {}) == {("a", "b"): 65}


def test_rows_nobody_attributed_are_not_forgotten() -> None:
    found = Progress(total=50, asked={"a": 20}, models={"a": ModelProgress()})
    assert found.waiting_by_models((), {}) == {("a",): 50}


def test_a_model_with_many_rows_decides_although_another_is_free() -> None:
    quotas = fresh_quotas(allowances(GITHUB, "free", [LOW, HIGH]))
    shared = quotas.forecast_bound({(LOW, HIGH): 60}).duration
    bound = quotas.forecast_bound({(HIGH,): 50, (LOW,): 10}).duration
    assert bound == quotas.forecast_bound({(HIGH,): 50}).duration > shared


def test_the_limit_of_the_account_holds_over_all_groups() -> None:
    models = tuple(ModelQuota(name, (Window(10, 60.0),)) for name in "abc")
    quotas = Quotas(models, account=(Window(10, 60.0, name="account"),))
    found = quotas.forecast_bound({("a",): 10, ("b",): 10, ("c",): 10})
    assert found.duration == pytest.approx(120.0)
    assert found.by_model == {"a": 10, "b": 10, "c": 10}


def test_the_survey_counts_rows_by_the_model_they_ask_for() -> None:
    kinds = Kinds(Recipe())
    rows = [b'{"prompt":"x"}', b'{"prompt":"y","model":"a"}', b'{"prompt":"z","model":"a"}', b'no JSON "model":"b"']
    for number, data in enumerate(rows):
        kinds.look(RawRow(number, number + 1, data))
    assert kinds.rows == {None: 1, "a": 2}
