"""Laws of packing texts into requests: nothing lost, nothing moved, no cap passed, nothing wasted."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ghmodels_async.embeddings.packing import Packer, tokens_of

WEIGHTS = st.lists(st.integers(1, 50), max_size=60)


def packed(weights, most_texts, most_tokens):
    packer = Packer(most_texts, most_tokens, weights.__getitem__)
    full = [request for place in range(len(weights)) if (request := packer.feed(place)) is not None]
    last = packer.close()
    return [*full, *([last] if last else [])]


@given(WEIGHTS, st.integers(1, 10), st.none() | st.integers(1, 80))
def test_texts_come_out_once_and_in_order(weights, most_texts, most_tokens):
    requests = packed(weights, most_texts, most_tokens)
    assert [place for request in requests for place in request] == list(range(len(weights)))
    assert all(requests)


@given(WEIGHTS, st.integers(1, 10), st.none() | st.integers(1, 80))
def test_no_cap_is_passed_unless_one_text_alone_passes_it(weights, most_texts, most_tokens):
    for request in packed(weights, most_texts, most_tokens):
        assert len(request) <= most_texts
        if most_tokens is not None and len(request) > 1:
            assert sum(weights[place] for place in request) <= most_tokens


@given(WEIGHTS, st.integers(1, 10), st.none() | st.integers(1, 80))
def test_a_request_is_closed_only_when_the_next_text_would_not_fit(weights, most_texts, most_tokens):
    requests = packed(weights, most_texts, most_tokens)
    for request, following in pairwise(requests):
        tokens = sum(weights[place] for place in request) + weights[following[0]]
        assert len(request) == most_texts or (most_tokens is not None and tokens > most_tokens)


@given(st.text(), st.text(), st.floats(0.01, 2))
def test_more_text_is_never_fewer_tokens(one, other, ratio):
    assert tokens_of(one + other, ratio) >= tokens_of(one, ratio) >= 1
