"""Docstrings as descriptions."""

from ghmodels_async.schemas import read_docstring


def test_nothing_says_nothing() -> None:
    assert read_docstring(None).summary == ""
    assert read_docstring("").parameters == {}


def test_a_docstring_without_sections_is_all_summary() -> None:
    assert read_docstring("Get the weather.\n\n    Now.").summary == "Get the weather.\n\nNow."


def test_wrapped_lines_are_joined_and_items_are_kept() -> None:
    doc = read_docstring(
        """Do it
        well.

        Either:
        - this
        - that
        """
    )
    assert doc.summary == "Do it well.\n\nEither:\n- this\n- that"


def test_each_argument_has_its_own_text() -> None:
    doc = read_docstring(
        """Get the weather.

        Args:
            city: Where, e.g. ``Paris``:
                a name.
            days (int, optional): How many
                days.
            **rest: Ignored.

            unit:
                Celsius or not.

        Returns:
            city: never an argument.
        """
    )
    assert doc.summary == "Get the weather."
    assert doc.parameters == {
        "city": "Where, e.g. ``Paris``: a name.",
        "days": "How many days.",
        "rest": "Ignored.",
        "unit": "Celsius or not.",
    }


def test_sections_before_the_arguments_end_the_summary() -> None:
    doc = read_docstring("Go.\n\nNote:\n    Careful.\n\nArgs:\n    x: The x.")
    assert doc.summary == "Go."
    assert doc.parameters == {"x": "The x."}


def test_prose_inside_the_arguments_is_no_parameter() -> None:
    doc = read_docstring("Go.\n\nArgs:\n    some words first\n    x: The x.")
    assert doc.parameters == {"x": "The x."}
