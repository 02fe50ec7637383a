"""Names of tools, both ways."""

import re

from hypothesis import given
from hypothesis import strategies as st

from ghmodels_async.schemas import NameTable, wire_name

ALLOWED = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def test_a_name_that_may_travel_stays_as_it_is() -> None:
    assert wire_name("get_weather-2") == "get_weather-2"


def test_characters_a_server_refuses_become_underscores() -> None:
    assert wire_name("weather.get now") == "weather_get_now"
    assert wire_name("höhe") == "h_he"
    assert wire_name("<lambda>") == "_lambda_"
    assert wire_name("") == "_"


def test_a_long_name_is_cut_to_sixty_four() -> None:
    assert wire_name("x" * 80) == "x" * 64


def test_names_that_become_equal_stay_apart() -> None:
    table = NameTable(["a.b", "a b", "a_b"])
    assert table.wire_names == ["a_b_2", "a_b_3", "a_b"]
    assert [table.from_wire(name) for name in table.wire_names] == ["a.b", "a b", "a_b"]


def test_long_names_with_the_same_beginning_stay_apart_within_the_limit() -> None:
    table = NameTable(["x" * 70 + "1", "x" * 70 + "2"])
    assert table.wire_names == ["x" * 64, "x" * 62 + "_2"]


def test_the_same_name_twice_gets_two_wire_names() -> None:
    table = NameTable(["search", "search"])
    assert table.wire_names == ["search", "search_2"]
    assert table.to_wire("search") == "search"
    assert table.from_wire("search_2") == "search"


def test_unknown_names_pass_through_made_fit() -> None:
    table = NameTable(["a"])
    assert table.to_wire("old.tool") == "old_tool"
    assert table.from_wire("old_tool") == "old_tool"


@given(st.lists(st.text(max_size=70) | st.sampled_from(["a_b", "a.b", "a_b_2", "x" * 64, "x" * 65]), max_size=12))
def test_every_name_travels_and_finds_its_way_back(originals: list[str]) -> None:
    table = NameTable(originals)
    assert len(set(table.wire_names)) == len(originals)
    for original, wire in zip(originals, table.wire_names, strict=True):
        assert ALLOWED.fullmatch(wire)
        assert table.from_wire(wire) == original
        assert table.from_wire(table.to_wire(original)) == original
