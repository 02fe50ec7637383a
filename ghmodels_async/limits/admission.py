"""Who need not wait in vain: sizes, deadlines, exhausted quotas and full queues, judged before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ..errors import (
    GHModelsError,
    QueueFullError,
    QuotaExhaustedError,
    RequestTimeoutError,
    RequestTooLargeError,
    WouldExceedDeadlineError,
)
from .eta import grant_at, quota_time
from .lane import BATCH, Lane
from .ledger.memory import LONG_WINDOW
from .permit import Permit
from .tokens import TokenLog
from .window import NEVER, RateLog

if TYPE_CHECKING:
    from .desk import Desk

__all__ = ["Admission"]

_IDLE: Final = 0.05
"""Part of a limit that must be free before it counts as unused."""


class Admission:
    """The judge at the door of a gate."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def admit(self, permit: Permit, *, returning: bool) -> None:
        """Let it line up, or raise. `returning`: it has its place already, only those of higher classes are before it.

        Raises:
            QueueFullError, QuotaExhaustedError, WouldExceedDeadlineError: See `Gate.acquire`.
        """
        lane, rank, queue = permit.lane, permit.rank, self._desk.queue
        if queue.waiting >= self._desk.options.queue_limit and not returning:
            raise QueueFullError(
                model=lane.model,
                queued=queue.waiting,
                maximum=self._desk.options.queue_limit,
                retry_after=max(0.0, self.eta(lane, rank)),
                fix="Ask for fewer at once, or use map(), which never has more than a window's worth in the queue.",
            )
        if permit.waits and permit.deadline is None:
            return
        ahead = sum(lane.waiting[: rank if returning else rank + 1])
        error = self.objection(permit, ahead, 0 if returning else lane.waiting[BATCH])
        if error is not None:
            raise error

    def objection(self, permit: Permit, ahead: int, batch_ahead: int) -> GHModelsError | None:
        """Why this permit cannot be served in time with `ahead` others before it; None if it can."""
        lane, now = permit.lane, self._desk.line.now()
        if not permit.waits:
            patience = now + self._desk.options.exhausted_after
            for log in (*lane.logs, *lane.token_logs) if lane.token_logs else lane.logs:
                if log.window >= LONG_WINDOW or log.blocked_until > patience:
                    opens = self._opens(log, permit, ahead, now)
                    if patience < opens < NEVER:
                        return self.exhausted(log, lane, opens, ahead)
        if permit.deadline is None:
            return None
        at = self._eta(lane, permit.rank, ahead, batch_ahead, now, permit)
        if at <= permit.deadline:
            return None
        limit = lane.decisive(now, ahead, permit.rank, batch_ahead, permit)
        wall = None if at == NEVER else self._desk.clock.wall() + (at - now)
        return WouldExceedDeadlineError(
            model=lane.model,
            eta=at - now,
            limit=limit or None,
            retry_at=wall,
            checked=f"{lane.model}: {permit.deadline - now:.1f} s left, {ahead} calls wait before this one",
            fix="Allow more time, or call later.",
        )

    def exhausted(self, log: RateLog, lane: Lane, opens: float, ahead: int) -> QuotaExhaustedError:
        """The error for a long quota that is used up, by `ahead` waiters too, until the instant `opens`."""
        limit = log.limit
        reset = datetime.fromtimestamp(self._desk.line.wall_of(opens), UTC)
        queue = f", and {ahead} calls wait before this one" if ahead else ""
        return QuotaExhaustedError(
            f"{limit.amount} {limit.unit} per {_span(limit.window)} ({limit.type}) are used up until "
            f"{reset:%Y-%m-%d %H:%M:%S} UTC.",
            model=lane.model,
            limit=limit.type,
            reset_at=reset,
            retry_after=max(0.0, opens - self._desk.line.now()),
            checked=f"{log.used()} of {log.cap} used{queue}; the number comes from: {limit.source}",
            fix='Wait until then (on_exhausted="wait" does), or use another model: quotas are per model.',
        )

    def overdue(self, permit: Permit, now: float) -> RequestTimeoutError:
        """The error for a permit whose deadline passed in the queue."""
        waited = now - permit.granted_at
        return RequestTimeoutError(
            f"The deadline passed after {waited:.1f} s in the queue of {permit.model}.", phase="queue", elapsed=waited
        )

    def review(self, lane: Lane) -> None:
        """The limits of a lane have changed: fail at once whoever can no longer make it."""
        ahead = 0
        for rank in range(len(lane.waiting)):
            for place, permit in enumerate(lane.queued(rank)):
                if permit.deadline is not None or not permit.waits:
                    error = self.objection(permit, ahead, place)
                    if error is not None:
                        self._desk.queue.fail(permit, error)
                        continue
                ahead += 1

    # --- sizes -----------------------------------------------------------------------------------------------------

    def check_size(self, lane: Lane, tokens_in: int, tokens_out: int) -> None:
        """Raise RequestTooLargeError for what the server would refuse with a 413."""
        allowed = lane.allowance
        for size, maximum, what in (
            (tokens_in, allowed.tokens_in, "tokens_in"),
            (tokens_out, allowed.tokens_out, "tokens_out"),
        ):
            if maximum is not None and size > maximum:
                raise RequestTooLargeError(
                    model=lane.model,
                    size=size,
                    maximum=maximum,
                    unit="prompt tokens" if what == "tokens_in" else "reply tokens",
                    checked=f"the limits of {lane.model}: {allowed.source_of(what)}",
                    fix="Shorten the prompt." if what == "tokens_in" else "Ask for a shorter reply (max_tokens).",
                )

    # --- estimates -------------------------------------------------------------------------------------------------

    def eta(self, lane: Lane, rank: int) -> float:
        """Seconds until a newcomer of this class could go."""
        desk = self._desk
        if desk.line.loop is None:
            return 0.0
        now = desk.line.now()
        return self._eta(lane, rank, lane.ahead(rank), lane.waiting[BATCH], now, None) - now

    def idle(self, lane: Lane) -> bool:
        """Whether each limit has room for more than wait already, a twentieth and more; at least one is on requests.

        Pacing keeps back less than that of a window that is used in full.
        """
        line, waiting = self._desk.line, sum(lane.waiting)
        if line.loop is None or not lane.logs:
            return False
        now = line.now()
        if any(place.ready_at(now) > now or place.free <= waiting for place in lane.places):
            return False
        logs = (*lane.logs, *lane.token_logs)
        return all(log.room(now) > max(waiting, log.cap * _IDLE) and log.ready_at(now) <= now for log in logs)

    def forecast(self, rows: Mapping[Lane, int]) -> float:
        """Seconds until all of these are done."""
        if self._desk.line.loop is None:
            return max((self.lower_bound(lane, count) for lane, count in rows.items()), default=0.0)
        now, last = self._desk.line.now(), 0.0
        for lane, count in rows.items():
            ahead = sum(lane.waiting) + max(0, count - 1)
            at = self._eta(lane, BATCH, ahead, lane.waiting[BATCH] + max(0, count - 1), now, None)
            service = max((place.service or 0.0 for place in lane.places), default=0.0)
            last = max(last, at - now + service)
        return last

    def lower_bound(self, lane: Lane, count: int) -> float:
        """Seconds from the first to the last of `count` requests that limits on requests enforce."""
        return quota_time([(log.amount, log.window) for log in lane.logs], count)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _eta(self, lane: Lane, rank: int, ahead: int, batch_ahead: int, now: float, permit: Permit | None) -> float:
        at = lane.eta(now, ahead, rank, batch_ahead, permit)
        active = self._desk.queue.active
        if len(active) < 2 and (not active or lane in active):
            return at
        # Models take turns at what they share: each other one goes at most once per turn of ours.
        crowd = ahead + sum(min(other.ahead(rank), ahead + 1) for other in active if other is not lane)
        shared = [log for log in lane.logs if log.limit.model is None]
        return max(at, grant_at(shared, crowd, now))

    def _opens(self, log: RateLog, permit: Permit, ahead: int, now: float) -> float:
        """When `log` alone would let this permit go."""
        if log.window < LONG_WINDOW:
            return log.blocked_until
        if isinstance(log, TokenLog):
            ahead += permit.weight(log) - 1
        return grant_at((log,), ahead, now)


def _span(seconds: float) -> str:
    for name, length in (("day", 86_400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds == length:
            return name
    return f"{seconds:g} s"
