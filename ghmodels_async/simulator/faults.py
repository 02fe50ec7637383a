"""Everything that goes wrong in the wild, as values: a `Fault` turns a good answer into a broken one.

Faults that cut a stream count its events: ``after=3`` lets three `data:` events through (filter results and role are
the first two). An answer that is not a stream is cut in the middle of its bytes. Compose faults with `Fault.both`.

    Fault.server_error(503), Fault.reset_mid_stream(after=5), Fault.both(Fault.crlf(), Fault.comments())

A fault of your own is ``Fault("name", lambda answer, moment: ...)``. The file is longer than others because it is one
table: splitting it would only hide half of the names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from ghmodels_async.simulator import mangling, refusals
from ghmodels_async.simulator.admission import Refused
from ghmodels_async.simulator.answer import Answer, Ending, dump, json_answer
from ghmodels_async.simulator.events import event

__all__ = ["Fault", "Moment"]


@dataclass(frozen=True, slots=True)
class Moment:
    """When a fault is played: nominal Unix seconds, and the same reply as one JSON body."""

    now: float
    whole: Callable[[], Answer]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break an answer.

    Args:
        name: Shown in the request log.
        play: Makes the broken answer from the good one.
        counts: Whether the request costs quota and holds a slot all the same.
    """

    name: str
    play: Callable[[Answer, Moment], Answer] = field(repr=False, compare=False)
    counts: bool = True

    # Answers of another status.

    @classmethod
    def server_error(cls, status: int = 500, *, retry_after: float | None = None) -> Fault:
        """5xx with upstream's sorry, or any other status."""
        headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
        return cls(f"server_error_{status}", lambda answer, moment: _with(refusals.server_error(status), headers))

    @classmethod
    def answers(cls, status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Fault:
        """Any status, JSON body and headers."""
        return cls(f"answers_{status}", lambda answer, moment: json_answer(status, body, headers))

    @classmethod
    def html_page(cls, status: int = 502) -> Fault:
        """A proxy's page instead of the service's answer."""
        page = f"<html><head><title>{status} Bad Gateway</title></head><body><h1>{status}</h1>nginx</body></html>"
        return cls(f"html_{status}", lambda answer, moment: _raw(status, "text/html", page.encode()))

    @classmethod
    def retired(cls) -> Fault:
        """410 with the retirement body."""
        return cls("retired", lambda answer, moment: refusals.retired(), counts=False)

    @classmethod
    def redirect(cls, location: str, status: int = 307) -> Fault:
        """Send the caller elsewhere."""
        moved = {"location": location}
        return cls(f"redirect_{status}", lambda answer, moment: Answer(status, moved, []), counts=False)

    @classmethod
    def rate_limited(
        cls,
        type: str = "UserByModelByMinute",
        amount: int = 10,
        window: float = 60,
        wait: float = 30,
        *,
        date: bool = False,
        headers: bool = True,
        sentence: bool = True,
    ) -> Fault:
        """429 that the quota would not have given.

        Args:
            type: Which limit to name.
            amount: Its amount.
            window: Its window in seconds.
            wait: Seconds to wait, shown floored.
            date: Write `retry-after` as an HTTP date, and no other number.
            headers: Whether the limit headers are there at all.
            sentence: Whether the body says anything.
        """

        def play(answer: Answer, moment: Moment) -> Answer:
            refused = refusals.rate_limited(Refused(type, amount, window, wait))
            if not sentence:
                refused.frames = [(0.0, dump({"error": {"message": None, "code": None}}))]
            if date:
                refused.headers["retry-after"] = formatdate(moment.now + wait, usegmt=True)
                del refused.headers["x-ratelimit-timeremaining"]
            return refused if headers else mangling.bare(refused)

        return cls("rate_limited", play, counts=False)

    @classmethod
    def day_spent(cls, wait: float = 85841, amount: int = 50) -> Fault:
        """429 of a daily limit, with a wait of most of a day."""
        return cls.rate_limited("UserByModelByDay", amount, 86400, wait)

    # Connections that break.

    @classmethod
    def reset_before_head(cls, after: float = 0.0) -> Fault:
        """RST `after` seconds from arrival, instead of a head."""
        return cls("reset_before_head", lambda answer, moment: Answer(0, {}, [], after, Ending.RESET, headless=True))

    @classmethod
    def reset_after_head(cls) -> Fault:
        """RST between head and body."""
        return cls("reset_after_head", lambda answer, moment: mangling.cut(answer, 0, Ending.RESET))

    @classmethod
    def reset_mid_stream(cls, after: int = 3) -> Fault:
        """RST after some events."""
        return cls("reset_mid_stream", lambda answer, moment: mangling.cut(answer, after, Ending.RESET))

    @classmethod
    def half_close(cls, after: int = 3) -> Fault:
        """FIN in the middle of the HTTP message."""
        return cls("half_close", lambda answer, moment: mangling.cut(answer, after, Ending.HALF_CLOSE))

    @classmethod
    def truncate(cls, after: int = 3) -> Fault:
        """The HTTP message ends well, its content does not."""
        return cls("truncate", lambda answer, moment: mangling.cut(answer, after, Ending.WHOLE))

    @classmethod
    def stall_before_head(cls) -> Fault:
        """No head, for ever."""
        return cls("stall_before_head", lambda answer, moment: Answer(0, {}, [], 0.0, Ending.STALL, headless=True))

    @classmethod
    def stall(cls, after: int = 3) -> Fault:
        """Nothing more after some events, for ever."""
        return cls("stall", lambda answer, moment: mangling.cut(answer, after, Ending.STALL))

    @classmethod
    def slow_head(cls, seconds: float = 30.0) -> Fault:
        """The head comes that much later."""
        return cls("slow_head", lambda answer, moment: mangling.later(answer, seconds))

    @classmethod
    def slow_drip(cls, interval: float = 0.05, size: int = 1) -> Fault:
        """`size` bytes every `interval` seconds."""
        return cls("slow_drip", lambda answer, moment: mangling.dripped(answer, interval, size))

    # Content that is not what was asked for.

    @classmethod
    def error_frame(cls, after: int = 3, error: Any = None) -> Fault:
        """An error object as an event in mid-stream, then a clean end."""
        shown = error or {"message": "The server had an error while processing your request.", "type": "server_error"}

        def play(answer: Answer, moment: Moment) -> Answer:
            broken = mangling.cut(answer, after, Ending.WHOLE)
            broken.frames.append((0.0, event({"error": shown})))
            return broken

        return cls("error_frame", play)

    @classmethod
    def error_in_ok(cls, error: Any = None) -> Fault:
        """200 with an error object as its whole body."""
        shown = error or {"message": "Provider returned error", "code": 502}
        return cls("error_in_ok", lambda answer, moment: json_answer(200, {"error": shown}))

    @classmethod
    def json_for_stream(cls) -> Fault:
        """The whole reply as one JSON body where a stream was asked for."""
        return cls("json_for_stream", lambda answer, moment: moment.whole())

    @classmethod
    def json_in_string(cls) -> Fault:
        """The reply's JSON once more as a JSON string, as some gateway did."""
        text = "application/json"
        return cls("json_in_string", lambda answer, moment: _raw(200, text, dump(moment.whole().body.decode())))

    @classmethod
    def empty_body(cls, status: int = 200) -> Fault:
        """No body at all."""
        return cls("empty_body", lambda answer, moment: _raw(status, "application/json", b""))

    @classmethod
    def not_json(cls, status: int = 200) -> Fault:
        """Text that claims to be JSON."""
        return cls("not_json", lambda answer, moment: _raw(status, "application/json", b"upstream connect error"))

    @classmethod
    def no_done(cls) -> Fault:
        """The stream ends without `[DONE]`."""
        return cls("no_done", lambda answer, moment: mangling.without(answer, b"data: [DONE]"))

    @classmethod
    def no_finish_reason(cls) -> Fault:
        """`[DONE]` comes, a finish reason never does."""
        return cls("no_finish_reason", lambda answer, moment: mangling.without(answer, b'"delta":{},"finish_reason"'))

    @classmethod
    def output_filtered(cls, after: int = 5) -> Fault:
        """The content filter stops the reply: finish reason `content_filter`."""
        return cls("output_filtered", lambda answer, moment: mangling.finished_early(answer, after, "content_filter"))

    # The same content, written as nobody expects.

    @classmethod
    def split_utf8(cls) -> Fault:
        """Every character beyond ASCII is cut in two; some are put in to be sure."""
        return cls("split_utf8", lambda answer, moment: mangling.split_utf8(answer))

    @classmethod
    def crlf(cls) -> Fault:
        """CRLF line ends."""
        return cls("crlf", lambda answer, moment: mangling.mapped(answer, lambda data: data.replace(b"\n", b"\r\n")))

    @classmethod
    def byte_order_mark(cls) -> Fault:
        """A BOM before the first event."""
        return cls("byte_order_mark", lambda answer, moment: mangling.opened(answer, b"\xef\xbb\xbf"))

    @classmethod
    def comments(cls, every: int = 1, gap: float = 0.0) -> Fault:
        """A comment line before every n-th event, `gap` seconds ahead of it."""
        return cls("comments", lambda answer, moment: mangling.commented(answer, every, gap))

    @classmethod
    def fields(cls) -> Fault:
        """`event`, `id` and `retry` fields on every event."""
        return cls("fields", lambda answer, moment: mangling.labelled(answer))

    @classmethod
    def huge_line(cls, size: int = 1_500_000) -> Fault:
        """One content event whose line is `size` bytes longer."""
        return cls("huge_line", lambda answer, moment: mangling.swollen(answer, size))

    @classmethod
    def bare_headers(cls) -> Fault:
        """None of the service's own headers."""
        return cls("bare_headers", lambda answer, moment: mangling.bare(answer))

    @classmethod
    def skewed_clock(cls, seconds: float = 3600) -> Fault:
        """The server's `date` is off by that much."""
        return cls(
            "skewed_clock",
            lambda answer, moment: _with(answer, {"date": formatdate(moment.now + seconds, usegmt=True)}),
        )

    @classmethod
    def both(cls, *faults: Fault) -> Fault:
        """One fault after the other, left to right."""

        def play(answer: Answer, moment: Moment) -> Answer:
            for fault in faults:
                answer = fault.play(answer, moment)
            return answer

        return cls("+".join(fault.name for fault in faults), play, all(fault.counts for fault in faults))


def _with(answer: Answer, headers: Mapping[str, str]) -> Answer:
    answer.headers.update(headers)
    return answer


def _raw(status: int, kind: str, body: bytes) -> Answer:
    return Answer(status, {"content-type": kind}, [(0.0, body)] if body else [])
