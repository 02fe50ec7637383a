import pytest

from ghmodels_async.stream.content import ThinkSplitter, split_parts, split_thinking


def pieces(*contents: str) -> tuple[str, str]:
    splitter = ThinkSplitter()
    reasoning, text = "", ""
    for content in contents:
        more_reasoning, more_text = splitter.feed(content)
        reasoning, text = reasoning + more_reasoning, text + more_text
    more_reasoning, more_text = splitter.close()
    return reasoning + more_reasoning, text + more_text


CASES = [
    ("", ("", "")),
    ("Hello", ("", "Hello")),
    ("  Hello", ("", "  Hello")),
    ("<think>why</think>because", ("why", "because")),
    ("\n<think>\nwhy\n</think>\n\nbecause\n", ("\nwhy\n", "because\n")),
    ("<think></think>because", ("", "because")),
    ("<think>never closed </thin", ("never closed </thin", "")),
    ("<think>a </b></think>c", ("a </b>", "c")),
    ("<think>only</think>\n ", ("only", "")),
    ("An answer may say <think>x</think>.", ("", "An answer may say <think>x</think>.")),
    ("<thin ice>", ("", "<thin ice>")),
    ("<th", ("", "<th")),
    ("<think>a</think>b</think>c <think>d", ("a", "b</think>c <think>d")),
    (" " * 64 + "<think>a</think>b", ("", " " * 64 + "<think>a</think>b")),
    (" " * 63 + "<think>a</think>b", ("a", "b")),
    ("<think>", ("", "")),
]


@pytest.mark.parametrize(("content", "expected"), CASES)
def test_a_leading_tag_is_separated_however_it_is_cut(content: str, expected: tuple[str, str]) -> None:
    assert split_thinking(content) == expected
    assert pieces(*content) == expected
    for at in range(len(content)):
        assert pieces(content[:at], content[at:]) == expected


def test_what_cannot_be_a_tag_is_handed_out_at_once() -> None:
    splitter = ThinkSplitter()
    assert splitter.feed("<thi") == ("", "")
    assert splitter.feed("s") == ("", "<this")
    assert splitter.answering
    assert splitter.feed("<think>") == ("", "<think>")


def test_reasoning_is_handed_out_as_it_comes() -> None:
    splitter = ThinkSplitter()
    assert splitter.feed("<think>first") == ("first", "")
    assert splitter.feed(" second</") == (" second", "")
    assert splitter.feed("b></think>") == ("</b>", "")
    assert splitter.feed("\n\n") == ("", "")
    assert splitter.feed("text") == ("", "text")


def test_parts_are_joined_by_kind() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}, {"type": "text", "text": "m"}]},
        {"type": "thinking", "thinking": "!"},
        {"type": "thinking"},
        {"type": "thinking", "thinking": 5},
        {"type": "text", "text": "Hi"},
        {"type": "text", "text": None},
        {"type": "image_url", "image_url": {"url": "https://example.invalid/x.png"}},
        "odd",
    ]
    assert split_parts(parts) == ("hmm!", "Hi")
