"""`{{variables}}` in a text."""

from __future__ import annotations

import pytest

from ghmodels_async.batch import Template


def test_values_are_filled_in_as_text_or_as_json() -> None:
    row = {"name": "Ada", "tags": ["a", "ü"], "n": 3, "none": None}
    assert Template("{{name}} {{ tags }} {{n}}{{none}}!").render(row) == 'Ada ["a", "ü"] 3!'


def test_a_dotted_name_is_a_field_or_else_a_path() -> None:
    template = Template("{{a.b}}")
    assert template.render({"a": {"b": "deep"}}) == "deep"
    assert template.render({"a.b": "flat", "a": {"b": "deep"}}) == "flat"


def test_a_value_is_never_filled_in_again() -> None:
    assert Template("{{a}}").render({"a": "{{b}}", "b": "x"}) == "{{b}}"


def test_a_name_the_row_lacks_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="missing"):
        Template("{{missing}}").render({"a": 1})
    with pytest.raises(KeyError, match=r"a\.b"):
        Template("{{a.b}}").render({"a": 1})


def test_variables_are_named_once_in_order() -> None:
    assert Template("{{b}} {{a}} {{b}} {not} {{}}").variables == ("b", "a")
