"""Faults as values: what each makes of a good answer, and which request meets which."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any

import pytest

from ghmodels_async.simulator import FAULTS, Answer, Ending, Fault

Open = Callable[..., Any]
DONE = b"data: [DONE]\n\n"


def broken(desk: Open, fault: Fault, *, stream: bool = True, **fields: Any) -> Answer:
    asked = desk()
    asked.simulation.script([fault])
    answer: Answer = asked.ask(stream=stream, **fields)
    assert asked.last.fault == fault.name
    return answer


def events(answer: Answer) -> list[bytes]:
    return [part + b"\n\n" for part in answer.body.split(b"\n\n")[:-1]]


@pytest.mark.parametrize("name", sorted(FAULTS))
@pytest.mark.parametrize("stream", [True, False])
def test_every_named_fault_plays_on_every_kind_of_answer_and_shows_in_the_log(
    desk: Open, name: str, stream: bool
) -> None:
    asked = desk()
    asked.simulation.script([FAULTS[name]()])
    good, bad = (
        (answer.status, answer.frames, answer.ending, answer.head_after, answer.headers)
        for answer in (desk().ask(stream=stream), asked.ask(stream=stream))
    )
    assert asked.last.fault is not None
    assert (bad != good) is (stream or name not in ("comments", "crlf", "fields", "no_done", "no_finish_reason"))
    assert asked.ask(stream=stream).status == 200


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_has_upstreams_words(desk: Open, status: int) -> None:
    answer = broken(desk, Fault.server_error(status, retry_after=3))
    assert answer.status == status and answer.headers["retry-after"] == "3"
    assert json.loads(answer.body)["error"]["type"] == "server_error"


def test_the_retirement_is_word_for_word_and_costs_nothing(desk: Open) -> None:
    asked = desk()
    asked.simulation.script(Fault.retired(), when=lambda arrival: True)
    for method, path in (("POST", "/inference/chat/completions"), ("GET", "/catalog/models")):
        answer = asked.ask(method=method, path=path)
        assert answer.status == 410 and not asked.last.admitted
        assert asked.json(answer) == {
            "error": {
                "code": "github_models_retirement_brownout",
                "message": "GitHub Models is temporarily unavailable as part of a scheduled retirement brownout.",
            }
        }


def test_a_scripted_429_can_come_with_a_date_without_headers_and_without_words(desk: Open) -> None:
    asked = desk()
    asked.simulation.script(
        [
            Fault.day_spent(wait=40312),
            Fault.rate_limited(wait=90, date=True),
            Fault.rate_limited(headers=False),
            Fault.rate_limited(sentence=False),
        ]
    )
    day = asked.ask()
    assert day.headers["retry-after"] == "40312" and asked.last.limit == "UserByModelByDay"
    dated = asked.ask()
    assert parsedate_to_datetime(dated.headers["retry-after"]).timestamp() == asked.now + 90
    assert "x-ratelimit-timeremaining" not in dated.headers
    assert set(asked.ask().headers) == {"content-type"}
    assert asked.json(asked.ask())["error"] == {"message": None, "code": None}
    assert asked.simulation.log.count(admitted=True) == 0


@pytest.mark.parametrize(
    ("fault", "ending"),
    [
        (Fault.reset_mid_stream(4), Ending.RESET),
        (Fault.half_close(4), Ending.HALF_CLOSE),
        (Fault.truncate(4), Ending.WHOLE),
        (Fault.stall(4), Ending.STALL),
    ],
)
def test_a_cut_stream_keeps_exactly_the_events_it_was_told(desk: Open, fault: Fault, ending: Ending) -> None:
    good = events(desk().ask(stream=True))
    answer = broken(desk, fault)
    assert answer.ending is ending
    assert events(answer) == good[:4]


def test_a_cut_plain_body_keeps_half_and_a_reset_after_the_head_nothing(desk: Open) -> None:
    good = desk().ask().body
    assert broken(desk, Fault.reset_mid_stream(), stream=False).body == good[: len(good) // 2]
    after_head = broken(desk, Fault.reset_after_head())
    assert after_head.frames == [] and not after_head.headless and after_head.status == 200


def test_a_reset_before_the_head_may_take_its_time(desk: Open) -> None:
    answer = broken(desk, Fault.reset_before_head(after=7))
    assert answer.headless and answer.head_after == 7 and answer.ending is Ending.RESET
    assert broken(desk, Fault.stall_before_head()).ending is Ending.STALL


def test_an_error_frame_ends_the_stream_without_done(desk: Open) -> None:
    answer = broken(desk, Fault.error_frame(2, {"message": "boom", "code": 502}))
    assert len(events(answer)) == 3
    assert json.loads(events(answer)[-1].removeprefix(b"data: ")) == {"error": {"message": "boom", "code": 502}}


def test_a_stream_can_lose_its_done_or_its_finish_reason(desk: Open) -> None:
    good = desk().ask(stream=True).body
    assert broken(desk, Fault.no_done()).body == good.removesuffix(DONE)
    lost = broken(desk, Fault.no_finish_reason()).body
    assert lost.endswith(DONE) and b'"finish_reason":"stop"' in good and b'"finish_reason":"stop"' not in lost


def test_a_filtered_output_finishes_early_with_usage_and_done(desk: Open) -> None:
    answer = broken(desk, Fault.output_filtered(4), stream_options={"include_usage": True})
    last = events(answer)
    assert b'"finish_reason":"content_filter"' in last[4] and b'"usage"' in last[5] and last[6] == DONE
    plain = broken(desk, Fault.output_filtered(), stream=False)
    assert json.loads(plain.body)["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize(
    ("fault", "undo"),
    [
        (Fault.crlf(), lambda body: body.replace(b"\r\n", b"\n")),
        (Fault.byte_order_mark(), lambda body: body.removeprefix(b"\xef\xbb\xbf")),
        (Fault.comments(), lambda body: body.replace(b": keep-alive\n\n", b"")),
        (Fault.slow_drip(), lambda body: body),
        (Fault.split_utf8(), lambda body: body.replace("é漢🙂".encode(), b"")),
        (Fault.huge_line(10_000), lambda body: body.replace(b"x" * 10_000, b"")),
    ],
)
def test_a_rewritten_stream_still_says_the_same(desk: Open, fault: Fault, undo: Callable[[bytes], bytes]) -> None:
    good = desk().ask(stream=True).body
    answer = broken(desk, fault)
    assert undo(answer.body) == good
    assert answer.frames != desk().ask(stream=True).frames


def test_split_utf8_leaves_no_frame_decodable_at_its_seams(desk: Open) -> None:
    frames = broken(desk, Fault.split_utf8()).frames
    assert len(frames) >= 4
    for (_, data), (delay, _) in pairwise(frames):
        assert delay > 0
        with pytest.raises(UnicodeDecodeError):
            data.decode()


def test_labelled_events_keep_their_data(desk: Open) -> None:
    answer = broken(desk, Fault.fields())
    blocks = answer.body.split(b"\n\n")[:-1]
    assert all(block.startswith(b"event: message\nid: ") and block.endswith(b"\nretry: 3000") for block in blocks)
    data = [line for block in blocks for line in block.split(b"\n") if line.startswith(b"data: ")]
    assert b"\n\n".join(data) + b"\n\n" == desk().ask(stream=True).body


def test_comments_can_keep_a_silent_stream_alive(desk: Open) -> None:
    answer = broken(desk, Fault.comments(every=2, gap=5))
    kept = [number for number, (_, data) in enumerate(answer.frames) if data.startswith(b":")]
    assert len(kept) >= 2 and all(answer.frames[number + 1][0] == 5 for number in kept)


def test_a_huge_line_is_one_event(desk: Open) -> None:
    answer = broken(desk, Fault.huge_line(2_000_000))
    assert max(len(event) for event in events(answer)) > 2_000_000


def test_bodies_can_be_anything_but_the_reply(desk: Open) -> None:
    page = broken(desk, Fault.html_page(503))
    assert page.status == 503 and page.headers["content-type"] == "text/html"
    assert broken(desk, Fault.empty_body()).body == b""
    with pytest.raises(ValueError):
        json.loads(broken(desk, Fault.not_json()).body)
    assert json.loads(broken(desk, Fault.error_in_ok()).body)["error"]["code"] == 502
    assert json.loads(broken(desk, Fault.json_for_stream()).body)["object"] == "chat.completion"
    assert json.loads(json.loads(broken(desk, Fault.json_in_string()).body))["object"] == "chat.completion"
    assert broken(desk, Fault.redirect("http://127.0.0.2/")).headers["location"] == "http://127.0.0.2/"
    assert broken(desk, Fault.answers(418, {"tea": True})).status == 418


def test_a_skewed_clock_shows_in_the_date(desk: Open) -> None:
    asked = desk()
    asked.simulation.script([Fault.skewed_clock(-7200)])
    assert parsedate_to_datetime(asked.ask().headers["date"]).timestamp() == asked.now - 7200


def test_faults_compose_from_left_to_right(desk: Open) -> None:
    answer = broken(desk, Fault.both(Fault.comments(), Fault.crlf(), Fault.byte_order_mark()))
    assert answer.body.startswith(b"\xef\xbb\xbf: keep-alive\r\n\r\ndata: ")


def test_a_fault_of_ones_own_is_a_name_and_a_function(desk: Open) -> None:
    def late(answer: Answer, moment: Any) -> Answer:
        answer.head_after = moment.now
        return answer

    assert broken(desk, Fault("late", late)).head_after == desk().now


def statuses(asked: Any, times: int) -> list[int]:
    return [asked.ask().status for _ in range(times)]


def test_a_sequence_is_met_in_order_and_none_is_a_good_answer(desk: Open) -> None:
    asked = desk()
    asked.simulation.script([Fault.server_error(500), None, Fault.server_error(503)])
    assert statuses(asked, 4) == [500, 200, 503, 200]


def test_a_mapping_counts_requests_from_one(desk: Open) -> None:
    asked = desk()
    asked.simulation.script({2: Fault.server_error(500), 4: Fault.server_error(503)})
    assert statuses(asked, 5) == [200, 500, 200, 503, 200]


def test_one_fault_is_met_once_or_as_often_as_told(desk: Open) -> None:
    asked = desk()
    asked.simulation.script(Fault.server_error(500))
    asked.simulation.script(Fault.server_error(503), times=2)
    assert statuses(asked, 4) == [500, 503, 503, 200]


def test_a_rule_chooses_by_what_arrived(desk: Open) -> None:
    asked = desk()
    asked.simulation.script(Fault.server_error(), when=lambda arrival: arrival.kind == "stream", times=1)
    assert asked.ask().status == 200
    assert [asked.ask(stream=True).status for _ in range(2)] == [500, 200]
    asked.simulation.script(Fault.server_error(), when=lambda arrival: "nano" in arrival.model)
    assert asked.ask(model="openai/gpt-4.1-nano").status == 500
    asked.simulation.clear_script()
    assert asked.ask(model="openai/gpt-4.1-nano").status == 200


def test_look_ups_and_refusals_take_nothing_from_a_sequence(desk: Open) -> None:
    asked = desk()
    asked.simulation.script([Fault.server_error()])
    assert asked.ask(method="GET", path="/catalog/models").status == 200
    assert asked.ask(token="expired").status == 401
    asked.simulation.set_limit("UserConcurrentRequests", 1)
    asked.simulation.script({2: Fault.server_error(503)})
    assert asked.ask(hold=True).status == 500
    assert [asked.ask().status for _ in range(3)] == [429] * 3
    asked.let_go()
    assert [asked.ask().status for _ in range(2)] == [200, 503]


def test_rates_are_met_about_as_often_as_they_say_and_the_same_again_for_the_same_seed(desk: Open) -> None:
    def run() -> Counter[str | None]:
        asked = desk(fault_rates={"server_error": 0.1, Fault.truncate(): 0.2}, seed=3)
        for _ in range(1000):
            asked.ask()
            asked.now += 600
        found: Counter[str | None] = asked.simulation.log.by("fault")
        return found

    found = run()
    assert found == run()
    assert 70 < found["server_error_500"] < 130 and 160 < found["truncate"] < 240


def test_wrong_rates_are_refused(desk: Open) -> None:
    with pytest.raises(ValueError, match="no fault is called 'meteor'"):
        desk(fault_rates={"meteor": 0.1})
    with pytest.raises(ValueError, match="more than 1"):
        desk(fault_rates={"truncate": 0.6, "stall": 0.6})
