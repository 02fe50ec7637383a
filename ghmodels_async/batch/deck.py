"""Which row goes next, and to which model: one deck for the whole run, one lane for each model.

Rows are pulled from the input only when a lane has room. A row that must run again waits here until it is due and then
goes before fresh ones, so that failures do not pile up at the end. A row that names its model goes to that lane; a row
that names none goes to whichever of the run's lanes asks first, which is all that spilling is.

What a parked lane cannot take now is neither kept nor lost: beyond a short shelf its rows are passed over, and the
input is read once more when the lane asks again. Memory is the rows in flight plus the shelves.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterator

from ghmodels_async.clock import Clock

from .lanes import Lane, LaneKey
from .rows import Job

__all__ = ["Deck"]

SHELF = 256
#: Real seconds: a timer that sleeps through a suspended night looks at the wall clock again this often.
LONGEST_SLEEP = 60.0


class Deck:
    """Hands out rows.

    Args:
        fresh: Starts a pass over the input: jobs neither answered nor held, and None now and then to let others run.
        eligible: The open lanes that may serve a job, preferred first; may open one.
        orphan: Told of a job that no open lane may serve; it settles it.
        clock: What `due` and parking count in.
        on_idle: Told when a lane finds nothing to do while others still may.
    """

    def __init__(
        self,
        fresh: Callable[[], Iterator[Job | None]],
        eligible: Callable[[Job], list[Lane]],
        orphan: Callable[[Job], None],
        clock: Clock,
        on_idle: Callable[[], None] = lambda: None,
    ) -> None:
        self._start_pass = fresh
        self._pass = fresh()
        self._eligible = eligible
        self._orphan = orphan
        self._clock = clock
        self._on_idle = on_idle
        self._again: list[tuple[float, int, Job]] = []
        self._passed_over: set[LaneKey] = set()
        self._exhausted = False
        self._changed = asyncio.Event()
        self._watched = False  # whether anybody waits for the change
        self._timer: tuple[float, asyncio.TimerHandle] | None = None
        self.held: set[int] = set()
        """Rows handed out or shelved and not yet settled."""
        self.closed = False

    async def take(self, lane: Lane) -> Job | None:
        """The next row for a lane; None when there will be none. Cancellation: safe, no row is lost."""
        while not (self.closed or lane.closed):
            if lane.parked_until is None or lane.parked_until <= self._clock.wall():
                lane.parked_until = None
                job = self._due(lane) or (lane.shelf.popleft() if lane.shelf else None) or await self._fresh(lane)
                if job is not None:
                    lane.idle = False
                    return job
                if self._exhausted and not self.held:
                    self.notify()
                    return None
                lane.idle = not self._busy(lane)
                if lane.idle:
                    self._on_idle()
                    if self.closed:
                        return None
            await self._wait(lane)
        return None

    def put_back(self, job: Job, wait: float = 0.0) -> None:
        """A row that was handed out runs again, `wait` nominal seconds from now at the earliest."""
        heapq.heappush(self._again, (self._clock.now() + wait, job.ordinal, job))
        self.notify()

    def settle(self, job: Job) -> None:
        """A row needs nothing more (its record is durable), or is given up for this start."""
        self.held.discard(job.ordinal)
        self.notify()

    def close(self) -> None:
        """Hand out nothing more. What is in flight goes on."""
        self.closed = True
        if self._timer is not None:
            self._timer[1].cancel()
            self._timer = None
        self.notify()

    def notify(self) -> None:
        """Let every waiting lane look again."""
        if self._watched:
            self._changed.set()
            self._changed, self._watched = asyncio.Event(), False

    @property
    def waiting(self) -> int:
        """Rows that wait here for their time or their lane."""
        return len(self._again)

    def _busy(self, lane: Lane) -> bool:
        """Whether a row is under way on a lane, or waits here for its turn on it."""
        return lane.flying > 0 or any(each is lane for _, _, job in self._again for each in self._eligible(job))

    def _due(self, lane: Lane) -> Job | None:
        later = []
        found = None
        now = self._clock.now()
        while self._again and self._again[0][0] <= now and found is None:
            entry = heapq.heappop(self._again)
            lanes = self._eligible(entry[2])
            if not lanes:
                self._orphan(entry[2])
            elif any(each is lane for each in lanes):
                found = entry[2]
            else:
                later.append(entry)
        for entry in later:
            heapq.heappush(self._again, entry)
        return found

    async def _fresh(self, lane: Lane) -> Job | None:
        """Pull until a row is for this lane; put others on their shelves or pass over them."""
        if self._exhausted and lane.key in self._passed_over:
            self._passed_over.clear()
            self._pass, self._exhausted = self._start_pass(), False
        while not self._exhausted:
            try:
                job = next(self._pass)
            except StopIteration:
                self._exhausted = True
                return None
            if job is None:
                await asyncio.sleep(0)
                continue
            lanes = self._eligible(job)
            if any(each is lane for each in lanes):
                self.held.add(job.ordinal)
                return job
            self._shelve(job, lanes)
            if not lanes:
                await asyncio.sleep(0)
        return None

    def _shelve(self, job: Job, lanes: list[Lane]) -> None:
        if not lanes:
            self.held.add(job.ordinal)
            self._orphan(job)
            return
        for lane in lanes:
            if len(lane.shelf) < SHELF:
                lane.shelf.append(job)
                self.held.add(job.ordinal)
                self.notify()
                return
        self._passed_over.update(lane.key for lane in lanes)

    async def _wait(self, lane: Lane) -> None:
        """Until something changes, the next row is due, or the lane's quota opens."""
        now = self._clock.now()
        at = now + self._clock.scale * LONGEST_SLEEP
        if lane.parked_until is not None:
            at = min(at, now + max(lane.parked_until - self._clock.wall(), 0.0) + 1e-3)
        else:
            # what is due already was not for this lane: it says nothing about when to look again
            at = min([at, *(due for due, _, _ in self._again if due > now)])
        self._ring_at(at)
        self._watched = True
        await self._changed.wait()

    def _ring_at(self, at: float) -> None:
        """Have everybody look again at a nominal instant. There is one timer, whatever the number of lanes."""
        if self._timer is not None:
            if self._timer[0] <= at:
                return
            self._timer[1].cancel()
        self._timer = (at, self._clock.call_at(at, self._ring))

    def _ring(self) -> None:
        self._timer = None
        self.notify()
