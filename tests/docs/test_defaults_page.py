"""docs/defaults.md says what the code does, with the code's own reasons."""

from defaults_page import PAGE, TABLES, renewed


def test_the_page_is_as_the_code_makes_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page), "run: python tests/support/defaults_page.py"


def test_no_default_is_without_a_reason() -> None:
    for make in TABLES.values():
        for row in make().splitlines()[2:]:
            assert all(cell.strip() for cell in row.strip("|").split(" | ")), row
