"""The parts of one gate, wired once: queues, books, limits, lessons and time; and where permits report.

Nothing is decided here. `Gate` is the public face, `Permit` reports what happens to its request, and both find each
other's parts through the desk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from ..clock import Clock
from ..profiles import Profile
from .admission import Admission
from .books import Books
from .dispatcher import Dispatcher
from .feedback import Feedback
from .lane import BATCH, Lane
from .ledger import Ledger
from .options import GateOptions
from .permit import GRANTED, QUEUED, Permit
from .rigging import Rigging
from .shares import Shares
from .sharing import heed
from .timeline import TimeLine

__all__ = ["Desk"]

_log = logging.getLogger("ghmodels_async.limits")


class Desk:
    """Parts of a gate.

    Attributes:
        travel: The longest a request is assumed to take to the server: the safety margin, nominal seconds.
        epoch: Counts event loops; permits of an earlier one have no say any more.
    """

    def __init__(
        self, profile: Profile, *, plan: str, clock: Clock, options: GateOptions, ledger: Ledger, line: TimeLine
    ) -> None:
        self.options = options
        self.clock = clock
        self.line = line
        self.travel = options.margin_at(clock.scale)
        self.epoch = 0
        self.admission = Admission(self)
        shares = Shares((0.0, options.default_share, options.batch_share))
        self.queue = Dispatcher(line, shares, recheck=options.recheck, overdue=self.admission.overdue)
        self.queue.woken = self.wake
        self.books = Books(ledger, line, lease_from=options.lease_from)
        self.rigging = Rigging(profile, plan, self)
        self.feedback = Feedback(self, self.rigging)
        self._opening: asyncio.Lock | None = None

    def inherit(self, other: Desk) -> None:
        """Go on where a gate that nobody uses any more ended, under other options: what was spent stays spent."""
        self.rigging.inherit(other.rigging)
        self.feedback.inherit(other.feedback)

    # --- queues ----------------------------------------------------------------------------------------------------

    def enqueue(self, permit: Permit, returning: bool) -> None:
        """Let it line up, or raise why it need not; grant it at once if that can be."""
        self.admission.admit(permit, returning=returning)
        self.queue.enqueue(permit, returning)
        self.queue.run()

    async def confirm(self, permit: Permit) -> None:
        """Have the ledger reserve what it must know; back to the queue as long as somebody else was faster.

        Cancellation: safe: everything is given back.
        """
        while True:
            try:
                busy = await self.books.reserve(permit)
            except BaseException:
                permit.give_back()
                raise
            if busy is None:
                return
            heed(permit.lane, busy, self.line)  # before anything is given back, or the next in line would ask at once
            permit.give_back()
            permit.granted_at = self.line.now() - permit.queue_wait
            self.enqueue(permit, True)
            if permit.state == QUEUED:
                try:
                    await permit.future  # type: ignore[misc]  # a queued permit has one
                except BaseException:
                    self.abandon(permit)
                    raise

    def abandon(self, permit: Permit) -> None:
        """Its task was cancelled while it waited, or an error was given to it."""
        future = permit.future
        if future is not None and future.done() and not future.cancelled():
            future.exception()  # looked at: it is raised, or gives way to a cancellation
        if permit.state == QUEUED:
            self.queue.withdraw(permit)
            self.queue.run()
        elif permit.state == GRANTED:
            permit.give_back()

    # --- what permits report ---------------------------------------------------------------------------------------

    def answered(self, permit: Permit, at: float, status: int, headers: Mapping[str, str]) -> None:
        """A head came back on a lane that watches heads."""
        self.feedback.answered(permit, at, status, headers)

    def settled(self, permit: Permit, until: float | None) -> None:
        """It ended; its slots are free, or will be at `until`."""
        if permit.row is not None:
            self.books.settled(permit, until)
        if until is None:
            for place in permit.rig.places:
                place.lift()
        if permit.lane.watched:
            self.feedback.settled(permit)
        if self.queue.waiting:
            self.queue.run()

    def refunded(self, permit: Permit) -> None:
        """It was never sent."""
        lane = permit.lane
        self.books.refunded(permit)
        if permit.rank == BATCH and lane.smoother is not None:
            lane.smoother.refund()
        if lane.watched:
            self.feedback.settled(permit)
        if self.queue.waiting:
            self.queue.run()

    def review(self, lane: Lane) -> None:
        """The limits of a lane have changed: fail at once whoever can no longer make it."""
        if any(lane.waiting):
            self.admission.review(lane)

    # --- time and loops --------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Look at the clocks, then at the queues."""
        stepped = self.line.check()
        if stepped:
            _log.warning("The wall clock was set by %+.0f s. Windows go on by elapsed time.", stepped)
            self.rigging.stepped()
        self.queue.run()

    async def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Belong to this loop, and know what the ledger knows.

        Raises:
            RuntimeError: Another loop is still open.

        Cancellation: safe, opening again is allowed.
        """
        if loop is not self.line.loop:
            self._bind(loop)
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if not self.books.opened:
                contents = await self.books.open()
                self.rigging.opened(contents)
                if contents.notice:
                    _log.warning("%s", contents.notice)

    async def close(self) -> None:
        """Stop pacing, give back leased quota, close the ledger. The logs stay."""
        for lane in self.rigging.lanes.values():
            if lane.smoother is not None:
                lane.smoother.stop()
        self.queue.disarm()
        await self.books.close()

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        old = self.line.loop
        if old is not None and not old.is_closed():
            raise RuntimeError(
                "This client is in use on another event loop that is still open. Use one client per loop, or close the "
                "first loop before the next asyncio.run()."
            )
        self.queue.forget()
        self._opening = None
        self.line.bind(loop)
        if old is not None:
            self.epoch += 1
            self.books.rebound()
            self.rigging.orphaned()
