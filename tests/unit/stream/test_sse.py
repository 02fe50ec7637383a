"""`SSEDecoder`, clause by clause of WHATWG HTML 9.2.5 and 9.2.6."""

import time

import pytest

from ghmodels_async.stream import EventTooLargeError, ServerSentEvent, SSEDecoder


def decode(*parts: bytes, limit: int = 1 << 20) -> list[ServerSentEvent]:
    decoder = SSEDecoder(limit=limit)
    events = [event for part in parts for event in decoder.feed(part)]
    return events + decoder.close()


def data_of(*parts: bytes) -> list[str]:
    return [event.data for event in decode(*parts)]


def test_the_standards_stock_example_is_one_event_of_three_lines() -> None:
    assert data_of(b"data: YHOO\ndata: +2\ndata: 10\n\n") == ["YHOO\n+2\n10"]


def test_the_standards_four_blocks_are_two_events_with_their_ids() -> None:
    stream = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n"
    assert decode(stream) == [
        ServerSentEvent("message", "first event", "1", None),
        ServerSentEvent("message", "second event", "", None),
    ]
    assert decode(stream, b"\n")[-1] == ServerSentEvent("message", " third event", "", None)


def test_the_standards_empty_data_lines_are_events() -> None:
    assert data_of(b"data\n\ndata\ndata\n\ndata:") == ["", "\n"]


def test_a_space_after_the_colon_is_optional_and_only_one_is_dropped() -> None:
    assert data_of(b"data:test\n\ndata: test\n\ndata:  test\n\n") == ["test", "test", " test"]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_each_line_end_ends_a_line(end: bytes) -> None:
    assert data_of(end.join([b"data: a", b"data: b", b"", b"data: c", b"", b""])) == ["a\nb", "c"]


def test_a_crlf_cut_in_the_middle_is_one_line_end() -> None:
    assert data_of(b"data: a\r", b"\n\r", b"\ndata: b\r", b"\n\r\n") == ["a", "b"]


def test_a_cr_at_the_end_of_a_read_is_a_line_end_of_its_own() -> None:
    assert data_of(b"data: a\r", b"data: b\r", b"\r") == ["a\nb"]


def test_a_cr_ends_its_line_before_the_next_byte_is_known() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\r\r") == [ServerSentEvent("message", "a", "", None)]
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"data: b\n\n") == [ServerSentEvent("message", "b", "", None)]


def test_nothing_fed_changes_nothing_between_cr_and_lf() -> None:
    assert data_of(b"data: a\r", b"", b"\ndata: b\r", b"", b"\n\n") == ["a\nb"]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_one_byte_order_mark_is_dropped_wherever_it_is_cut(cut: int) -> None:
    stream = b"\xef\xbb\xbfdata: a\n\n"
    assert data_of(stream[:cut], stream[cut:]) == ["a"]


def test_a_second_byte_order_mark_belongs_to_the_field_name() -> None:
    assert data_of(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\ndata: c\n\n") == ["c"]


def test_comments_are_dropped_even_inside_an_event() -> None:
    assert data_of(b": ping\n\n:\ndata: a\n: OPENROUTER PROCESSING\ndata: b\n\n") == ["a\nb"]


def test_an_event_name_counts_for_one_event_only() -> None:
    events = decode(b"event: error\ndata: a\n\ndata: b\n\nevent: lost\n\ndata: c\n\n")
    assert [event.event for event in events] == ["error", "message", "message"]


def test_an_id_stays_until_the_next_one() -> None:
    events = decode(b"id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n")
    assert [event.id for event in events] == ["7", "7", ""]


def test_an_id_with_a_nul_is_ignored() -> None:
    assert decode(b"id: 7\nid: 8\x009\ndata: a\n\n")[0].id == "7"


def test_retry_takes_ascii_digits_only() -> None:
    stream = "retry: 1500\ndata: a\n\nretry: 2s\nretry: -1\nretry: ٣\nretry\ndata: b\n\n".encode()
    assert [event.retry for event in decode(stream)] == [1500, 1500]
    assert decode(b"retry: " + b"9" * 5000 + b"\ndata: a\n\n")[0].retry is None


def test_unknown_fields_and_other_letter_cases_are_ignored() -> None:
    assert data_of(b"Data: a\nfoo: b\n data: c\ndata: d\n\n") == ["d"]


def test_a_character_cut_between_reads_is_whole() -> None:
    stream = "data: 早上好 🌍\n\n".encode()
    assert data_of(*[stream[at : at + 1] for at in range(len(stream))]) == ["早上好 🌍"]


def test_invalid_utf8_becomes_replacement_characters() -> None:
    assert data_of(b"data: \xff\xe6\x97 \xf0\x9f\n\nevent: \xff\ndata: b\n\n") == ["\ufffd\ufffd \ufffd", "b"]


def test_an_event_without_its_empty_line_is_discarded() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert decoder.close() == []
    assert decoder.feed(b"\n") == []


@pytest.mark.parametrize(
    "odd",
    [
        b": ping\n\n",
        b"event: error\ndata: x\n\n",
        b"id: 7\ndata: x\n\n",
        b"data: x\r\n\r\n",
        b"data: x\ndata: y\n\n",
        b"data:x\n\n",
        b"data: \n\n",
        b"\n\n",
        b"data: \xff\xe6\n\n",
        b"data: \xef\xbb\xbfx\n\n",
        "data: 早上好 🌍\n\n".encode(),
    ],
)
@pytest.mark.parametrize("rest", [b"", b"data: cu", b": cu", b"\n"])
def test_a_read_full_of_events_is_what_its_bytes_are_one_by_one(odd: bytes, rest: bytes) -> None:
    plain = b"data: a\n\n"
    for stream in (odd, plain + odd, plain + plain + odd + plain + rest):
        assert decode(plain, stream, plain) == decode(plain, *[bytes([byte]) for byte in stream], plain)


def test_a_line_of_several_megabytes_is_one_event() -> None:
    line = b"x" * (3 << 20)
    assert len(decode(b"data: ", line, b"\n\n", limit=16 << 20)[0].data) == 3 << 20


@pytest.mark.parametrize(
    "stream",
    [
        b"data: " + b"x" * 100,
        b"data: " + b"x" * 100 + b"\n\n",
        b": " + b"x" * 100 + b"\n\n",
        b"data:" + b"x" * 40 + b"\ndata: " + b"x" * 40 + b"\ndata: y\n\n",
    ],
)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_an_event_over_the_bound_is_refused_by_name_and_good_events_survive(stream: bytes, step: int) -> None:
    decoder = SSEDecoder(limit=90)
    stream = b"data: good\n\n" + stream
    good = []
    with pytest.raises(EventTooLargeError, match="larger than 90 bytes") as caught:
        for at in range(0, len(stream), step):
            good += decoder.feed(stream[at : at + step])
    assert caught.value.limit == 90
    assert [event.data for event in good + caught.value.events] == ["good"]


def test_comments_for_ever_never_fill_the_buffer() -> None:
    decoder = SSEDecoder(limit=64)
    for _ in range(1000):
        assert decoder.feed(b": keep-alive\n") == []
    assert decoder.feed(b"data: a\n\n") != []


def test_byte_by_byte_takes_linear_time() -> None:
    def seconds(size: int) -> float:
        decoder = SSEDecoder()
        stream = b"data: " + b"x" * size + b"\n\n"
        began = time.process_time()
        for at in range(len(stream)):
            decoder.feed(stream[at : at + 1])
        return time.process_time() - began

    small, large = min(seconds(20_000) for _ in range(3)), min(seconds(160_000) for _ in range(3))
    assert large < small * 8 * 3
