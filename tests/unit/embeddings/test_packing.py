"""Packing texts into requests."""

from ghmodels_async.embeddings.packing import Packer, tokens_of


def packed(texts, most_texts, most_tokens, measure=len):
    packer = Packer(most_texts, most_tokens, measure)
    full = [request for text in texts if (request := packer.feed(text)) is not None]
    last = packer.close()
    return [*full, *([last] if last else [])]


def test_a_request_is_full_at_the_cap_on_texts():
    assert packed("abcde", 2, None) == [["a", "b"], ["c", "d"], ["e"]]


def test_a_request_is_full_at_the_cap_on_tokens():
    assert packed(["aaa", "bb", "c", "dddd", "e"], 100, 5) == [["aaa", "bb"], ["c", "dddd"], ["e"]]


def test_a_text_above_the_cap_gets_a_request_of_its_own():
    assert packed(["a", "bbbbbbbb", "c"], 100, 5) == [["a"], ["bbbbbbbb"], ["c"]]


def test_nothing_makes_no_request():
    assert packed([], 2, 5) == []


def test_before_anything_is_learned_other_scripts_count_more():
    assert tokens_of("x" * 100, None) == 34
    assert tokens_of("ж" * 50, None) == 56


def test_a_learned_ratio_counts_for_every_script_with_a_tenth_to_spare():
    assert tokens_of("x" * 100, 0.2) == tokens_of("ж" * 50, 0.2) == 23


def test_half_a_surrogate_pair_can_be_measured():
    assert tokens_of("\ud800", 1.0) == 4
