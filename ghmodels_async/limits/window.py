"""The sliding log of one limit: who may go now, and if nobody, exactly when.

Theory of operation. The server sees requests *arrive*; we only know when they left and when their answer's head came
back. A log therefore keeps one *mark* per request: the latest instant at which it can have arrived. A mark stops
counting `window + slack` after itself, so any half-open window of arrivals holds at most `amount` of ours: a schedule
that passes servers with fixed, aligned and sliding windows and token buckets of that size alike, and loses nothing but
the slack. (Proof and measurements: docs/limits.md.)

A granted request that has not left yet has no mark, it is *held*: it counts, and nothing makes it stop counting except
`sent` (it gets a mark) or `refund`. So a request that sat a minute in a connection pool cannot be overtaken by its own
window. Better evidence moves a mark (`move`), in either direction.

Marks are plain floats in one sorted list: two requests with equal marks are interchangeable, so nobody needs to find
"his" entry again. Appending is the common case; what has expired is skipped by an index and cut off whenever the list
has doubled, so every operation is O(1) amortised (a moved mark is a binary search and a short memmove) and memory
follows what was sent lately, not what the limit would allow.

`quick` tells how many requests may be taken without asking for the time: it is what makes an uncontended acquire cost
two integer operations per limit. It is 0 whenever anything but counting decides (a block, a canary, pacing, tokens).

Longer than most files here: one invariant, and every operation that has to keep it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

from .quota import Limit

__all__ = ["DUE", "FEW", "NEVER", "OPEN", "OUT", "RateLog"]

NEVER = math.inf
"""Not at any known time: something else has to happen first."""

FEW = 64
"""Marks that are never worth cutting off."""

_MEMORY = 60.0
"""Seconds, beside one more window, for which expired marks are kept: refusals are judged by them."""

OPEN, DUE, OUT = 0, 1, 2
"""Canary states: nobody needed; one may go and must come back well; it is under way."""


class RateLog:
    """A limit on the number of requests per rolling window.

    Args:
        limit: The limit.
        slack: Seconds added to the window: clock drift, timer resolution, rounding.
        travel: Seconds by which the time to the server may vary; only even pacing needs to know.
    """

    __slots__ = (
        "_marks",
        "_share",
        "_start",
        "_tidy_at",
        "amount",
        "blocked_until",
        "canary",
        "cap",
        "held",
        "hold",
        "last_take",
        "limit",
        "out_since",
        "pace",
        "quick",
        "refused",
        "share_grows_at",
        "slack",
        "travel",
        "window",
    )

    def __init__(self, limit: Limit, *, slack: float, travel: float = 0.0) -> None:
        self.slack = slack
        self.travel = travel
        self.held = 0
        self.blocked_until = -NEVER
        self.canary = OPEN
        self.out_since = self.last_take = -NEVER
        self.share_grows_at = NEVER
        self.refused: deque[float] = deque()
        self._share: int | None = None
        self._marks: list[float] = []
        self._start = 0
        self._tidy_at = FEW
        self.adopt(limit)

    def adopt(self, limit: Limit) -> None:
        """Go on under other numbers; what is spent stays spent."""
        self.limit = limit
        self.amount = limit.amount
        self.window = limit.window
        self.hold = limit.window + self.slack
        # A sliding counter (Cloudflare's kind) admits only L-1 evenly spaced requests per window for certain.
        spaced = limit.amount - 1 if limit.amount > 1 else 0.5
        self.pace = (self.hold + self.travel) / spaced if limit.paced else 0.0
        self._refresh()

    def used(self) -> int:
        """What counts, as of the last look at the time (`ready_at` looks)."""
        return self.held + len(self._marks) - self._start

    def ready_at(self, now: float, weight: int = 1) -> float:
        """The first instant from `now` on at which `weight` more may be taken; `NEVER` if an event must come first."""
        if self.canary == OUT:
            return NEVER
        if self.share_grows_at <= now:
            self._grow(now)
        at = now
        if self.blocked_until > now:
            at = self.blocked_until
        elif self.blocked_until != -NEVER:
            self.blocked_until = -NEVER
            self._refresh()
        if self.canary == DUE:
            return max(at, self._canary_at(now))
        if self.pace and self.last_take + weight * self.pace > at:
            at = self.last_take + weight * self.pace
        excess = self.used() + weight - self.cap
        if excess > 0:
            excess -= self._expire(now)
        if excess > 0:
            at = max(at, self._freed(excess, now))
        return at

    def opening(self, now: float, nth: int) -> float:
        """When the `nth` request from `now` can be taken if all before it are taken as soon as they can."""
        if self.pace or self.canary or self.blocked_until != -NEVER:
            return self.ready_at(now, nth)
        excess = self.held + len(self._marks) - self._start + nth - self.cap
        at = now if excess <= 0 else self._freed(excess, now)  # what has expired unseen frees before `now`
        return at if at > now else now

    def take(self, now: float, weight: int = 1) -> None:
        """Count one request that is about to leave. The caller has asked `ready_at`, or `quick` was positive."""
        self.held += weight
        self.quick -= weight
        if self.pace:
            self.last_take = now
        if self.canary == DUE:
            self.canary, self.out_since = OUT, now

    def sent(self, mark: float, weight: int = 1) -> None:
        """The request left and has arrived by `mark` as far as we know."""
        self.held -= weight
        marks = self._marks
        if not marks or mark >= marks[-1]:
            marks.append(mark)
            if len(marks) > self._tidy_at:
                self._tidy(mark - self.travel)
        else:
            insort(marks, mark, self._start)

    def refund(self, weight: int = 1) -> None:
        """Nothing was sent."""
        self.held -= weight
        if self._quickly():
            self.quick += weight

    def move(self, old: float, new: float, weight: int = 1) -> None:
        """Better evidence: the request that had arrived by `old` had arrived by `new`."""
        marks = self._marks
        if marks and marks[-1] == old and len(marks) > self._start:
            marks.pop()
        else:
            position = bisect_left(marks, old, self._start)
            if position < len(marks) and marks[position] == old:
                del marks[position]
            elif new <= old:
                return  # expired and evidently rightly so
        if not marks or new >= marks[-1]:
            marks.append(new)
        else:
            insort(marks, new, self._start)

    def amend(self, mark: float, old: int, new: int) -> None:
        """A request turned out to weigh `new` instead of `old`. One request is one request."""

    def block(self, until: float) -> None:
        """Nobody before `until`. A later block wins."""
        self.blocked_until = max(self.blocked_until, until)
        self._refresh()

    def probe(self) -> None:
        """When the block ends, let one request go first and the rest after its answer."""
        self.canary = DUE
        self._refresh()

    def probed(self, well: bool) -> None:
        """The canary came back `well`, or came to nothing: then another one must go."""
        self.canary = OPEN if well else DUE
        self._refresh()

    def refuse(self, mark: float) -> None:
        """The request that had arrived by `mark` was refused. It goes on counting: some servers count refusals."""
        while self.refused and self.refused[0] < mark - 2 * self.hold:
            self.refused.popleft()
        self.refused.append(mark)

    def share(self, amount: int | None, now: float) -> None:
        """Use no more than `amount` per window (somebody else uses the rest), one more after each clean window."""
        if amount is None or amount >= self.amount:
            self._share, self.share_grows_at = None, NEVER
        else:
            self._share, self.share_grows_at = max(1, amount), max(now, self.blocked_until) + self.hold
        self._refresh()

    def fill(self, amount: int, mark: float) -> None:
        """Count `amount` requests that are not ours: somebody else sent them by `mark`."""
        position = bisect_left(self._marks, mark, self._start)
        self._marks[position:position] = [mark] * amount
        self._refresh()

    def orphan(self, now: float) -> None:
        """Whoever held permits is gone without a word: they may have been sent until now."""
        if self.canary == OUT:
            self.canary = DUE
        if self.held:
            self.fill(self.held, now)
            self.held = 0
            self._refresh()

    def clear(self) -> None:
        """Forget what was sent; what is held stays."""
        self._marks.clear()
        self._start = 0
        self._refresh()

    def release_of(self, mark: float) -> float:
        """When a mark stops counting."""
        return mark + self.hold

    def horizon(self, now: float) -> float:
        """Marks up to here no longer count at `now`."""
        return now - self.hold

    def last_mark(self) -> float | None:
        """The newest mark that still counts."""
        return self._marks[-1] if len(self._marks) > self._start else None

    def sent_since(self, instant: float) -> int:
        """How many requests can have arrived after `instant`, which may lie a little before the present window."""
        return self.held + len(self._marks) - bisect_left(self._marks, instant)

    def let_in_since(self, instant: float) -> int:
        """Those of `sent_since` that were not refused, as far as we know."""
        return self.sent_since(instant) - sum(mark >= instant for mark in self.refused)

    def marks_since(self, instant: float) -> list[float]:
        """Marks after an instant, oldest first."""
        return self._marks[bisect_left(self._marks, instant) :]

    def room(self, now: float) -> int:
        """How many more may be taken at `now`."""
        self._expire(now)
        shut = self.canary == OUT or self.blocked_until > now
        return 0 if shut else max(0, self.cap - self.used())

    def _quickly(self) -> bool:
        return not self.pace and self.canary == OPEN and self.blocked_until == -NEVER

    def _refresh(self) -> None:
        self.cap = self.amount if self._share is None else min(self.amount, self._share)
        self.quick = self.cap - self.used() if self._quickly() else 0

    def _canary_at(self, now: float) -> float:
        """When the limit has room for one more of ours beside those that the server let in.

        The server said when to come back, so its own count is not doubted by ours; but ours must not break the limit.
        """
        self._expire(now)
        excess = self.let_in_since(self.horizon(now)) + 1 - self.amount
        if excess <= 0:
            return now
        refused = set(self.refused)
        let_in = [mark for mark in self._marks[self._start :] if mark not in refused]
        return self.release_of(let_in[excess - 1]) if excess <= len(let_in) else now + self.hold

    def _freed(self, excess: int, now: float) -> float:
        """When `excess` of what counts will have stopped counting. Held requests first need to be sent: a guess."""
        position = self._start + excess - 1
        return self.release_of(self._marks[position]) if position < len(self._marks) else now + self.hold

    def _expire(self, now: float) -> int:
        """Skip what no longer counts; how much that was."""
        marks, start, horizon = self._marks, self._start, self.horizon(now)
        while start < len(marks) and marks[start] <= horizon:
            start += 1
        gone = start - self._start
        if not gone:
            return 0
        self._start = start
        self._refresh()
        return gone

    def _tidy(self, now: float) -> None:
        """Forget what no longer counts and can no longer be asked about. Nobody else looks while nobody has to wait."""
        self._expire(now)
        gone = min(self._start, bisect_left(self._marks, self.horizon(now) - self.hold - _MEMORY))
        del self._marks[:gone]
        self._start -= gone
        self._tidy_at = max(FEW, 2 * len(self._marks))

    def _grow(self, now: float) -> None:
        assert self._share is not None
        self.share(self._share + 1, now)
