"""Which request meets which fault: in order, by rule, or by chance."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random

from ghmodels_async.simulator.faults import Fault
from ghmodels_async.simulator.log import Arrival

__all__ = ["FAULTS", "Script"]

#: Faults that need no arguments, by the name that rates and the command line use.
FAULTS: dict[str, Callable[[], Fault]] = {
    "bare_headers": Fault.bare_headers,
    "byte_order_mark": Fault.byte_order_mark,
    "comments": Fault.comments,
    "crlf": Fault.crlf,
    "day_spent": Fault.day_spent,
    "empty_body": Fault.empty_body,
    "error_frame": Fault.error_frame,
    "error_in_ok": Fault.error_in_ok,
    "fields": Fault.fields,
    "half_close": Fault.half_close,
    "html_page": Fault.html_page,
    "huge_line": Fault.huge_line,
    "json_for_stream": Fault.json_for_stream,
    "json_in_string": Fault.json_in_string,
    "no_done": Fault.no_done,
    "no_finish_reason": Fault.no_finish_reason,
    "not_json": Fault.not_json,
    "output_filtered": Fault.output_filtered,
    "rate_limited": Fault.rate_limited,
    "reset_after_head": Fault.reset_after_head,
    "reset_before_head": Fault.reset_before_head,
    "reset_mid_stream": Fault.reset_mid_stream,
    "retired": Fault.retired,
    "server_error": Fault.server_error,
    "skewed_clock": Fault.skewed_clock,
    "slow_drip": Fault.slow_drip,
    "slow_head": Fault.slow_head,
    "split_utf8": Fault.split_utf8,
    "stall": Fault.stall,
    "stall_before_head": Fault.stall_before_head,
    "truncate": Fault.truncate,
}

_INFERENCE = ("chat", "stream", "embeddings")


@dataclass(slots=True)
class _Rule:
    fault: Fault
    when: Callable[[Arrival], bool]
    left: int | None


class Script:
    """Draws at most one fault per request: rules first, then the sequence, then chance.

    Only inference requests that the limits let through take an entry of the sequence or a chance; rules are also asked
    for look-ups (catalog, models, user).

    Args:
        rates: Fault (or its name in `FAULTS`) -> share of requests that meet it.
        luck: Decides by those shares.
    """

    def __init__(self, rates: Mapping[str | Fault, float] | None, luck: Random) -> None:
        self._luck = luck
        self._rates = [(_named(fault), share) for fault, share in (rates or {}).items()]
        if sum(share for _, share in self._rates) > 1:
            raise ValueError("fault_rates add up to more than 1")
        self._sequence: deque[Fault | None] = deque()
        self._rules: list[_Rule] = []

    def extend(self, faults: Iterable[Fault | None] | Mapping[int, Fault]) -> None:
        """Append to the sequence; a mapping counts requests from 1 and leaves the others whole."""
        if isinstance(faults, Mapping):
            faults = [faults.get(ordinal) for ordinal in range(1, max(faults, default=0) + 1)]
        self._sequence.extend(faults)

    def rule(self, fault: Fault, when: Callable[[Arrival], bool], times: int | None) -> None:
        """Play `fault` whenever `when` says so, at most `times` times."""
        self._rules.append(_Rule(fault, when, times))

    def clear(self) -> None:
        """Forget the sequence and the rules; rates stay."""
        self._sequence.clear()
        self._rules.clear()

    def draw(self, arrival: Arrival) -> Fault | None:
        """The fault for this request."""
        for rule in self._rules:
            if rule.left != 0 and rule.when(arrival):
                if rule.left is not None:
                    rule.left -= 1
                return rule.fault
        if arrival.kind not in _INFERENCE:
            return None
        if self._sequence:
            return self._sequence.popleft()
        chance = self._luck.random() if self._rates else 1.0
        for fault, share in self._rates:
            chance -= share
            if chance < 0:
                return fault
        return None


def _named(fault: str | Fault) -> Fault:
    if isinstance(fault, Fault):
        return fault
    if fault not in FAULTS:
        raise ValueError(f"no fault is called {fault!r}; there are {', '.join(sorted(FAULTS))}")
    return FAULTS[fault]()
