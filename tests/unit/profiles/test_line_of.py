"""Finding the line of a key in TOML text."""

import pytest

from ghmodels_async.profiles import line_of

TEXT = """\
# a comment
top = 1
dotted.inner = 2
long = [
  1,
  [2, 3],
]

[a]
x = 1
"quoted key" = 2
[a.b]
x = 3
[ a . "c.d" ]  # with a comment
x = 4
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("dotted", "inner"), 3),
        (("long",), 4),
        (("long", "1"), 4),
        (("a",), 9),
        (("a", "x"), 10),
        (("a", "quoted key"), 11),
        (("a", "b"), 12),
        (("a", "b", "x"), 13),
        (("a", "c.d", "x"), 15),
        (("a", "b", "missing"), 12),
        (("missing",), 0),
    ],
)
def test_the_line_of_a_key_or_of_what_holds_it(path, line):
    assert line_of(TEXT, path) == line


def test_text_that_only_looks_like_a_key_is_passed_over():
    assert line_of('text = """\n"a\\q" = 1\n"""\nreal = 2\n', ("real",)) == 4
