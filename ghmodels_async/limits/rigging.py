"""Which limits a model's lane hangs on: made once, shared where limits are shared, changed by lessons."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from .. import catalog
from ..errors import GHModelsError
from ..profiles import Profile
from .anchored import AnchoredLog
from .days import day_around
from .lane import BATCH, Lane
from .ledger import Block, Grant, Learned, Opened
from .ledger.memory import LONG_WINDOW
from .options import DEFAULTS
from .quota import ACCOUNT, Allowance, Limit, allowance, limit_key, with_lesson
from .road import SHORT
from .slots import Slots
from .smoother import Smoother
from .tokens import TokenLog
from .window import OPEN, RateLog

if TYPE_CHECKING:
    from .desk import Desk

__all__ = ["Rigging"]


class Rigging:
    """Lanes and logs of one gate.

    Attributes:
        lanes: By every name a caller used; names of one model share a lane.
        logs: By ledger key.
    """

    def __init__(self, profile: Profile, plan: str, desk: Desk) -> None:
        self.profile = profile
        self.plan = plan
        self._desk = desk
        self.lanes: dict[str, Lane] = {}
        self.logs: dict[str, RateLog] = {}
        self._places: dict[str, Slots] = {}
        self._lessons: dict[str, Learned] = {}
        self._grants: dict[str, list[Grant]] = {}
        self._blocks: dict[str, Block] = {}
        self._met = self._doubtful = False
        self._inherited: set[str] = set()

    def inherit(self, other: Rigging) -> None:
        """Take over logs, places and lessons. Lanes are made anew, and with them the numbers looked up again."""
        self.logs, self._places, self._lessons = other.logs, other._places, other._lessons
        self._grants, self._blocks, self._met = other._grants, other._blocks, other._met
        self._inherited = {*self.logs, *self._places}

    def lane(self, model: str) -> Lane:
        """The lane of a model; made at its first use.

        Raises:
            PlanError, ConfigurationError: See `allowance`.
        """
        if model not in self.lanes:
            name = self._full_name(model)
            if name not in self.lanes:
                self.lanes[name] = self._make(self._allowance(name))
            self.lanes[model] = self.lanes[name]
        return self.lanes[model]

    def known(self) -> list[Lane]:
        """The lanes of every model used here or remembered by the ledger; models that left the plan are passed over."""
        for key in (*self._grants, *self._blocks):
            model = key.rpartition("|")[0]
            if model != ACCOUNT:
                with suppress(GHModelsError):
                    self.lane(model)
        return list(dict.fromkeys(self.lanes.values()))

    def lanes_of(self, log: RateLog) -> list[Lane]:
        """Every lane that hangs on a log."""
        lanes = dict.fromkeys(self.lanes.values())
        return [lane for lane in lanes if log in lane.logs or log in lane.token_logs]

    def opened(self, contents: Opened) -> None:
        """Take over what the ledger knows."""
        stale = self._desk.clock.wall() - float(DEFAULTS["lesson_days"].value) * 86_400.0
        self._lessons.update((lesson.limit, lesson) for lesson in contents.learned if lesson.at > stale)
        self._blocks = {block.limit: block for block in contents.blocks}
        again, self._met = self._met, True
        self._doubtful = not contents.complete
        if not again or contents.where != "memory":  # a memory ledger opened again knows nothing that the logs do not
            self._grants = {}
            for grant in contents.grants:
                self._grants.setdefault(grant.limit, []).append(grant)
        for log in self.logs.values():
            if again and log.limit.key in self._grants:
                log.clear()  # the file knows all that we sent, and what others sent meanwhile
            if (lesson := self._lessons.get(log.limit.key)) is not None:
                log.adopt(with_lesson(log.limit, lesson))
            self._fill(log)
        for lane in dict.fromkeys(self.lanes.values()):  # made before anything was known
            lane.allow(self._allowance(lane.model))
            self.rerig(lane, *(self._log(limit) for limit in lane.allowance.limits))

    def learn(self, key: str, amount: int, window: float, paced: bool = False) -> None:
        """Remember a lesson, now and for the next process; the lanes' logs are changed by the caller."""
        self._lessons[key] = self._desk.books.learn(key, amount, window, "paced" if paced else "safe")

    def relearned(self, lane: Lane) -> None:
        """Read sizes and concurrency of a lane anew."""
        lane.allow(self._allowance(lane.model))

    def add(self, lane: Lane, limit: Limit) -> RateLog:
        """Hang a limit nobody knew of on a lane, or on all if it is the account's."""
        log = self._log(limit)
        for other in dict.fromkeys(self.lanes.values()) if limit.model is None else (lane,):
            self.rerig(other, log)
        return log

    def rerig(self, lane: Lane, *more: RateLog) -> None:
        """Bind a lane to its logs (and more), and pace its batch accordingly."""
        ledger = self._desk.books.ledger
        logs = list(dict.fromkeys((*lane.logs, *lane.token_logs, *more)))
        lane.covered = any(ledger.covers(log.window) for log in logs) or (ledger.shared and bool(lane.places))
        lane.recorded = self._desk.books.records()
        lane.hang(logs)
        self.rewatch(lane)
        self._pace(lane)

    def stepped(self) -> None:
        """The wall clock was set."""
        for log in self.logs.values():
            if isinstance(log, AnchoredLog):
                log.distrust()

    def orphaned(self) -> None:
        """The loop is gone: what was under way on it counts as sent now, and its slots linger."""
        now = self._desk.line.now()
        for log in self.logs.values():
            log.orphan(now)
        for key, place in self._places.items():
            self._places[key] = place.orphaned(now + self._desk.options.linger)
        for lane in dict.fromkeys(self.lanes.values()):
            lane.places = tuple(self._places[name] for name in lane.place_names)
            lane.hang((*lane.logs, *lane.token_logs))
            if lane.smoother is not None:
                lane.smoother.stop()

    def rewatch(self, lane: Lane) -> None:
        """Look at every answer of a lane only while that is good for something."""
        canary = any(log.canary != OPEN for log in (*lane.logs, *lane.token_logs))
        lane.watched = canary or self.profile.dialect.headers_binding

    # --- inside ----------------------------------------------------------------------------------------------------

    def _full_name(self, model: str) -> str:
        entry = catalog.find(model, self.profile.catalog) if self.profile.catalog is not None else None
        return model if entry is None else entry.id

    def _allowance(self, model: str) -> Allowance:
        overrides = self._desk.options.limits
        return allowance(self.profile, model, self.plan, overrides=overrides, learned=self._lessons)

    def _make(self, allowed: Allowance) -> Lane:
        own = limit_key(allowed.model, "concurrent")
        places = {own: self._place(own, allowed.concurrent)}
        account = limit_key(None, "concurrent")
        if allowed.account_concurrent is not None or account in self._places:
            places[account] = self._place(account, allowed.account_concurrent)
        lane = Lane(self._desk, allowed, tuple(places.values()))
        lane.place_names = tuple(places)
        known = {limit.key for limit in allowed.limits}
        others = (log for key, log in self.logs.items() if key not in known)
        learned = [
            log for log in others if log.limit.model in (None, allowed.model) and log.limit.source.startswith("learned")
        ]
        lane.hang([*(self._log(limit) for limit in allowed.limits), *learned])
        self.rerig(lane)
        return lane

    def _place(self, key: str, ceiling: int | None) -> Slots:
        if key not in self._places:
            self._places[key] = Slots(ceiling, step=int(DEFAULTS["concurrency_step"].value))
        elif key in self._inherited:
            self._inherited.discard(key)
            self._places[key].restrict(ceiling)
        return self._places[key]

    def _log(self, limit: Limit) -> RateLog:
        desk, long = self._desk, limit.window >= LONG_WINDOW
        # Once an arrival is known only timers and rounding are left: a fifteenth of what travel needs. The ledger has
        # long windows counted from the latest arrival assumed at sending; here they must not open before they do there.
        slack = desk.options.day_margin + desk.travel if long else min(desk.travel / 15, limit.window / 200)
        log = self.logs.get(limit.key)
        if log is not None:
            if limit.key in self._inherited:
                self._inherited.discard(limit.key)
                log.slack, log.travel = slack, desk.travel
                log.adopt(limit)
            return log
        if limit.unit != "requests":
            log = TokenLog(limit, slack=slack, travel=desk.travel)
        elif limit.anchor != "rolling":
            log = AnchoredLog(limit, slack=slack, turn=self._turn(limit.anchor), travel=desk.travel)
        else:
            log = RateLog(limit, slack=slack, travel=desk.travel)
        self.logs[limit.key] = log
        self._fill(log)
        return log

    def _fill(self, log: RateLog) -> None:
        """Count what the ledger knows of a limit, once."""
        line = self._desk.line
        grants = self._grants.pop(log.limit.key, ())
        if isinstance(log, TokenLog) and self._desk.books.ledger.shared:
            grants = ()  # others settle for less than they reserved: only the ledger knows what counts
        for grant in grants:
            log.fill(grant.amount, line.at_wall(grant.at))
        block = self._blocks.pop(log.limit.key, None)
        if block is not None:
            log.block(line.at_wall(block.until))
        if self._doubtful and log.window >= LONG_WINDOW:
            log.probe()  # more may be spent than is known: one request first, the rest after its answer

    def _turn(self, anchor: str) -> Callable[[float], tuple[float, float]]:
        line = self._desk.line

        def turn(instant: float) -> tuple[float, float]:
            start, end = day_around(line.wall_of(instant), anchor)
            return line.at_wall(start), line.at_wall(end)

        return turn

    def _pace(self, lane: Lane) -> None:
        """Batch leaves evenly, at the rate of the tightest window that is worth spreading over."""
        if lane.smoother is not None or not any(SHORT <= log.window < LONG_WINDOW for log in lane.logs):
            return

        def period() -> float:
            spread = (log for log in lane.logs if SHORT <= log.window < LONG_WINDOW)
            return max(((log.window + self._desk.travel) / log.cap for log in spread), default=0.001)

        lane.smoother = Smoother(
            period,
            self._desk.line,
            waiting=lambda: lane.waiting[BATCH] > 0,
            deposited=self._desk.queue.run,
        )
