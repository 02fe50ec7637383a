"""When a request can have reached the server at the latest, judged by what came back.

A mark that is too early lets the next request through too soon: a 429. A mark that is too late wastes quota: every
second of lateness costs a second per window. What we know about the arrival `a` of a request that left at `s` and whose
head came back at `h` is only s < a < h. The cases, in the order of the branches:

1. `h` within `travel` of `s`: the head itself is the tightest bound.
2. The server answers before it generates: an event stream (its head is sent when the request is accepted) or an error.
   The head is the bound however late it is: a late head means slow travel, and the log must believe it. This is what
   makes a heavy tail of the uplink harmless (0 instead of 0.9 % refused, docs/limits.md).
3. The head says how long the server worked (`openai-processing-ms`, Envoy's `x-envoy-upstream-service-time`): the
   request had arrived that long before the head, so a late head of a whole reply is evidence again.
4. A whole reply whose head came after seconds of generation: `h` says nothing about travel. `s + travel` is assumed.
   Believing `h` would cost the generation time once per window (4 s: 6 % of a minute) on every server, to guard against
   packets that are late by more than `travel`, which are rare. The gate notices when they are not: a 429 that only a
   late arrival explains makes it `cautious` for a while, and then `h` is believed.
5. No head at all (reset, timeout): it may have arrived until the end.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["latest_arrival"]

_WORKED = ("openai-processing-ms", "x-envoy-upstream-service-time")


def latest_arrival(
    sent: float, head: float, status: int, headers: Mapping[str, str], *, travel: float, cautious: bool = False
) -> float:
    """The latest instant at which the request can have arrived.

    Args:
        sent: When its first bytes left.
        head: When the head of its answer arrived.
        status: The answer's status.
        headers: Lower-case names.
        travel: The longest a request is assumed to take to the server, seconds.
        cautious: Whether travel beyond `travel` has been met lately.
    """
    if head <= sent + travel:
        return head
    if cautious or status >= 400 or headers.get("content-type", "").startswith("text/event-stream"):
        return head
    for name in _WORKED:
        if (value := headers.get(name)) is not None:
            return max(sent, head - _milliseconds(value))
    return sent + travel


def _milliseconds(text: str) -> float:
    try:
        worked = float(text) / 1000
    except ValueError:
        return 0.0
    return worked if 0 <= worked < 86_400 else 0.0
