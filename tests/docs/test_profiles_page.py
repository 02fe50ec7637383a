"""docs/profiles.md against the profiles it describes."""

import re
from pathlib import Path

import pytest

from ghmodels_async import profiles
from ghmodels_async.profiles.schema import ProfileFile

PAGE = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text(encoding="utf-8")
OWN_FILES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
ANCHORS = {"rolling": "rolling", "utc": "UTC midnight", "us-pacific": "US Pacific midnight"}


def rows_of(first_cell):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.splitlines()
        if re.match(rf"\| `{first_cell}`", line)
    ]


@pytest.mark.parametrize("name", profiles.names())
def test_a_shipped_profile_is_in_the_table_as_it_is(name):
    profile = profiles.load(name)
    (row,) = rows_of(name)
    assert row[1] == (f"`{profile.key_variables[0]}`" if profile.key_variables else "none")
    assert row[2] == ", ".join(profile.plans)
    assert row[6] == ("yes" if profile.dialect.headers_binding else "no")
    assert row[7] == profile.date
    days = {
        rate.anchor
        for plans in profile.rows.values()
        for q in plans.values()
        for rate in q.rates
        if rate.window == 86400
    }
    assert row[5] in {ANCHORS[anchor] for anchor in days or {"rolling"}} | ({"–"} if name == "local" else set())


@pytest.mark.parametrize("name", [name for name in profiles.names() if not name.startswith("github")])
def test_every_amount_of_the_first_plan_stands_in_the_table(name):
    profile = profiles.load(name)
    row = profile.default_row or next(iter(profile.rows), None)
    rates = [*(profile.rows[row][profile.plans[0]].rates if row else ()), *profile.account]
    (cells,) = rows_of(name)
    for rate in rates:
        assert re.search(rf"(?<![\d,]){rate.amount:,}(?![\d,]*\d)", cells[3]), rate


@pytest.mark.parametrize("row", profiles.load("github").rows)
def test_githubs_rows_stand_in_the_table_cell_by_cell(row):
    github = profiles.load("github")
    (cells,) = rows_of(row)
    for plan, cell in zip(github.plans, cells[2:], strict=True):
        quota = github.rows[row].get(plan)
        if quota is None:
            assert cell == "n/a"
            continue
        minute, day = (next(r.amount for r in quota.rates if r.window == window) for window in (60, 86400))
        assert cell == f"{minute} / {day}, {quota.tokens_in} / {quota.tokens_out or '–'}, {quota.concurrent}"


@pytest.mark.parametrize("text", OWN_FILES)
def test_an_example_file_loads(text, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    assert profiles.load(str(path)).rows


def test_the_key_table_names_every_key():
    table = PAGE[PAGE.index("| key | meaning |") :]
    for key in ProfileFile.model_fields:
        assert re.search(rf"`{key}(\.ROW)?`", table), key
    for key in profiles.Dialect.model_fields:
        assert f"`{key}`" in table, key
