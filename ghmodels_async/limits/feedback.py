"""What answers teach a gate, once for everybody.

A 429 pauses the limit it names (not the request that met it), corrects the number we went by, and is diagnosed. The
refused request goes back to its place in the queue, and the pause is what it waits for. Of what we do not understand we
use less: only our own share, one request first (a canary) and the rest after its answer, one more per clean window.
Nothing here makes anything looser than the table except time without refusals.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import RateLimitFacts
from .diagnosis import Cause, cause_of, log_of, pause
from .lane import Lane
from .ledger import Learned
from .ledger.memory import LONG_WINDOW
from .options import DEFAULTS
from .permit import Permit
from .quota import Limit, limit_key, with_lesson
from .rigging import Rigging
from .tightening import told, unaccounted
from .window import NEVER, OUT, RateLog

if TYPE_CHECKING:
    from .desk import Desk

__all__ = ["Feedback"]

_log = logging.getLogger("ghmodels_async.limits")

_UNNAMED = 1_000_000
"""Amount of a limit of which only a pause is known: never what decides."""

_CAUTION = 3600.0
"""Seconds for which late heads count as late arrivals after a late arrival was met; twice as long each time."""

_SUSPICION = (
    "%s was refused by %s although there was room by our own count: another program, or an earlier run of this one, "
    "seems to spend the same quota. If it runs on this host, give both clients shared=True (one ledger); otherwise "
    "lower the limit with limits={...}.%s"
)
_SHARE = " Going on with a share of {share} of {amount}, one more after each clean window."


class _History:
    """What refusals of one limit have been like."""

    __slots__ = ("paced_in_vain", "refused_at", "suspicions")

    def __init__(self) -> None:
        self.refused_at = -NEVER
        self.suspicions: list[float] = []
        self.paced_in_vain = False


class Feedback:
    """What 429s, heads and other processes do to a gate's limits.

    Attributes:
        last: Ledger key of a limit -> when it last refused, and what it said.
    """

    def __init__(self, desk: Desk, rigging: Rigging) -> None:
        self._desk = desk
        self._rigging = rigging
        self._histories: dict[RateLog, _History] = {}
        self.last: dict[str, tuple[float, str]] = {}

    def inherit(self, other: Feedback) -> None:
        """Remember what another gate of the account was told."""
        self._histories, self.last = other._histories, other.last

    # --- 429 -------------------------------------------------------------------------------------------------------

    def rejected(self, permit: Permit, facts: RateLimitFacts, at: float) -> None:
        """A 429 for `permit`, whose head arrived at the instant `at`."""
        lane = permit.lane
        if facts.concurrency:
            self._crowded(lane, facts, at)
            return
        log = log_of((*lane.logs, *lane.token_logs), facts) or self._discover(lane, facts, permit.sent_at)
        history = self._histories.setdefault(log, _History())
        log.refuse(permit.mark)
        cause = cause_of(
            log,
            facts.amount or log.limit.amount,
            permit.sent_at,
            guessed=any(other.guesses(permit.sent_at - log.hold) for other in self._rigging.lanes_of(log)),
        )
        self._adopt(log, facts)
        sentence = _sentence(facts)
        # Requests that were under way when the first of them was refused say the same thing again.
        echo = permit.sent_at <= history.refused_at
        history.refused_at = at
        self.last[log.limit.key] = (at, sentence)
        until = at + pause(facts, log.window)
        if until > log.blocked_until:
            log.block(until)
            self._desk.books.block(log.limit.key, until, sentence)
        if not echo and permit.weight_in(log):
            _log.info("%s refused %s: %s (%s)", log.limit.type, lane.model, sentence, cause.value)
            if cause is Cause.LATE:  # whose was late is not known, and all of them travel the same way
                caution = min(86_400.0, max(_CAUTION, 2 * lane.caution))
                for other in self._rigging.lanes_of(log):
                    other.caution, other.cautious_until = caution, max(at + caution, other.cautious_until)
            elif cause is Cause.FOREIGN:
                self._suspect(log, lane, log.let_in_since(permit.sent_at - log.window), at)
        if log.canary == OUT and log.out_since == permit.granted_at:
            log.probe()
        self._changed(log)

    def _suspect(self, log: RateLog, lane: Lane, own: int, at: float) -> None:
        """Use only what we got through ourselves; take the server for a sliding counter if that does not help."""
        share = max(1, min(own, log.amount - 1))
        long = log.window >= LONG_WINDOW
        if not long:  # of a day nobody can wait for one clean window after the other
            log.share(share, at)
        log.probe()
        for other in self._rigging.lanes_of(log):
            other.watched = True
        history = self._histories[log]
        history.suspicions = [t for t in history.suspicions if t > at - 10 * log.window] + [at]
        if len(history.suspicions) == 1:
            share_words = "" if long else _SHARE.format(share=share, amount=log.amount)
            _log.warning(_SUSPICION, lane.model, log.limit.type, share_words)
        if long or len(history.suspicions) < int(DEFAULTS["suspicions"].value):
            return
        if not log.limit.paced and not history.paced_in_vain:
            history.suspicions = []
            self._repace(log, True)
        elif log.limit.paced and len(history.suspicions) > 2 * int(DEFAULTS["suspicions"].value):
            history.suspicions, history.paced_in_vain = [], True
            self._repace(log, False)

    def _repace(self, log: RateLog, paced: bool) -> None:
        log.adopt(replace(log.limit, paced=paced))
        self._rigging.learn(log.limit.key, log.limit.amount, log.limit.window, paced)

    def _crowded(self, lane: Lane, facts: RateLimitFacts, at: float) -> None:
        """Too many in flight: fewer from now on. No pause: a slot is free as soon as a reply ends."""
        key, place = lane.place_names[0], lane.places[0]
        for other, candidate in zip(lane.place_names[1:], lane.places[1:], strict=True):
            few_of_ours = facts.amount is not None and place.used <= facts.amount < candidate.used
            if candidate.ceiling == facts.amount or few_of_ours:
                key, place = other, candidate
        self.last[key] = (at, _sentence(facts))
        before = place.ceiling
        place.refused(facts.amount)
        if place.ceiling is not None and place.ceiling != before:
            self._rigging.learn(key, place.ceiling, 0.0)
            self._rigging.relearned(lane)

    def _discover(self, lane: Lane, facts: RateLimitFacts, sent: float) -> RateLog:
        """A limit nobody knew of. What we sent lately counts in it too."""
        own = None if facts.scope == "account" else lane.model
        window = facts.window or min(86_400.0, max(60.0, facts.wait or 60.0))
        kind = facts.type or "unnamed"
        limit = Limit(kind, facts.amount or _UNNAMED, window, own, facts.unit, source="learned from a refusal")
        log = self._rigging.add(lane, limit)
        if limit.unit == "requests":
            for other in self._rigging.lanes_of(log):
                longest = max((known for known in other.logs if known is not log), key=lambda x: x.window, default=None)
                for mark in longest.marks_since(sent - window) if longest is not None and longest.limit.model else ():
                    log.fill(1, mark)
        if facts.amount is not None:
            self._rigging.learn(limit.key, facts.amount, window)
        return log

    def _adopt(self, log: RateLog, facts: RateLimitFacts) -> None:
        """The server's numbers replace ours where they differ."""
        limit = log.limit
        amount, window = facts.amount or limit.amount, facts.window or limit.window
        if (amount, window) == (limit.amount, limit.window):
            return
        lesson = Learned(limit.key, amount, window, self._desk.clock.wall(), "paced" if limit.paced else "safe")
        better = with_lesson(limit, lesson)
        if better != limit:
            log.adopt(better)
            self._rigging.learn(limit.key, amount, window, limit.paced)

    def _changed(self, log: RateLog) -> None:
        for lane in self._rigging.lanes_of(log):
            self._desk.review(lane)
        self._desk.queue.run()

    # --- other answers ---------------------------------------------------------------------------------------------

    def answered(self, permit: Permit, at: float, status: int, headers: Mapping[str, str]) -> None:
        """A head on a watched lane."""
        if status == 429:
            return
        self._probed(permit, well=True)
        if self._rigging.profile.dialect.headers_binding and status < 400:
            self._tighten(permit.lane, headers, at)

    def settled(self, permit: Permit) -> None:
        """A permit of a watched lane is over: a canary that never got an answer must go again."""
        self._probed(permit, well=False)

    def _probed(self, permit: Permit, *, well: bool) -> None:
        for log in (*permit.rig.logs, *permit.rig.token_logs):
            if log.canary == OUT and log.out_since == permit.granted_at:
                log.probed(well)
                for lane in self._rigging.lanes_of(log):
                    self._rigging.rewatch(lane)
                self._desk.queue.run()

    def _tighten(self, lane: Lane, headers: Mapping[str, str], at: float) -> None:
        for word in told(headers):
            for log in (*lane.logs, *lane.token_logs):
                if log.limit.unit == word.unit and log.limit.amount == word.amount:
                    missing = unaccounted(word, log.used())
                    if missing > 0:
                        log.fill(missing, at + min(word.reset, log.window) - log.hold)
                    break

    # --- sizes ---------------------------------------------------------------------------------------------------

    def too_large(self, lane: Lane, maximum: int) -> None:
        """A 413 named the largest prompt."""
        known = lane.allowance.tokens_in
        if known is None or maximum != known:
            self._rigging.learn(limit_key(lane.model, "tokens_in"), maximum, 0.0)
            self._rigging.relearned(lane)


def _sentence(facts: RateLimitFacts) -> str:
    many = "too many" if facts.amount is None else f"{facts.amount}"
    per = f" per {facts.window:g} s" if facts.window else " in flight" if facts.concurrency else ""
    wait = "" if facts.wait is None else f", wait {facts.wait:g} s"
    return f"{many}{per}{wait}"
