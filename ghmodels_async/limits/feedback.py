"""What an answer teaches, once for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import RateLimitFacts
from .lane import Lane
from .ledger import Busy
from .options import DEFAULTS
from .permit import Permit
from .quota import Limit, limit_key
from .rigging import Rigging
from .window import RateLog

if TYPE_CHECKING:
    from .gate import Gate

__all__ = ["Feedback"]

FLOORED = 1.0
"""Servers round waits down to whole seconds: "wait 0 seconds" means less than one."""


class Feedback:
    """What 429s and heads do to a gate's limits."""

    def __init__(self, gate: Gate, rigging: Rigging) -> None:
        self._gate = gate
        self._rigging = rigging
        self.last: dict[str, tuple[float, str]] = {}

    def rejected(self, permit: Permit, facts: RateLimitFacts, at: float) -> None:
        """A 429."""
        lane = permit.lane
        if facts.concurrency:
            for place in lane.places[:1]:
                place.refused(facts.amount)
            self.last[limit_key(lane.model, "concurrent")] = (at, _sentence(facts))
            return
        log = self._find(lane, facts)
        self._adopt(log, facts)
        wait = facts.wait if facts.wait is not None else float(DEFAULTS["unknown_wait"].value)
        until = at + min(wait, log.window) + FLOORED
        log.block(until)
        self.last[log.limit.key] = (at, _sentence(facts))
        self._gate.books.block(log.limit.key, until, _sentence(facts))
        for other in self._rigging.lanes_of(log):
            self._gate._admission.review(other)
        self._gate.queue.run()

    def answered(self, permit: Permit, at: float, status: int, headers: Mapping[str, str]) -> None:
        """A head on a watched lane."""

    def settled(self, permit: Permit) -> None:
        """A permit of a watched lane is over."""

    def busy(self, lane: Lane, busy: Busy) -> None:
        """The ledger says that others were faster."""
        line = self._gate.line
        until = line.at_wall(busy.until) if busy.firm else min(line.at_wall(busy.until), line.now() + 0.25)
        for log in (*lane.logs, *lane.token_logs):
            if log.limit.key == busy.limit:
                log.block(until)

    def too_large(self, lane: Lane, maximum: int) -> None:
        """A 413 named a maximum."""
        self._rigging.learn(limit_key(lane.model, "tokens_in"), maximum, 0.0)
        self._rigging.relearned(lane)

    def _find(self, lane: Lane, facts: RateLimitFacts) -> RateLog:
        logs = (*lane.logs, *lane.token_logs)
        for log in logs:
            if log.limit.type == facts.type:
                return log
        if facts.type is None:
            windows = [log for log in logs if facts.window in (None, log.window)]
            if windows:
                return windows[0]
        limit = Limit(
            facts.type or "Unknown",
            facts.amount or 1,
            facts.window or 60.0,
            lane.model if facts.scope == "model" else None,
            facts.unit,
            source="learned",
        )
        return self._rigging.add(lane, limit)

    def _adopt(self, log: RateLog, facts: RateLimitFacts) -> None:
        amount = facts.amount or log.limit.amount
        window = facts.window or log.limit.window
        if (amount, window) != (log.limit.amount, log.limit.window):
            log.adopt(replace(log.limit, amount=amount, window=window, source="learned"))
            self._rigging.learn(log.limit.key, amount, window)


def _sentence(facts: RateLimitFacts) -> str:
    return f"{facts.amount} per {facts.window:g} s of {facts.type}, wait {facts.wait} s" if facts.window else "refused"
