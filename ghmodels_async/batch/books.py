"""Writing down how rows ended: a line in the journal first, counts only once it is durable."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ghmodels_async.clock import Clock
from ghmodels_async.stream import ChatReply
from ghmodels_async.wire import Usage

from .cache import Cache, Hit
from .envelope import Answer, cached_line, chat_answer, failure_line, fault_of, success_line, why_of
from .journal import Finished, Journal
from .lanes import Lane
from .progress import Progress
from .rows import Job

__all__ = ["Books"]


class Books:
    """The journal, the bits of what is finished, and the counts, kept in step.

    Args:
        journal: Where lines go; its JournalError passes through every method.
        finished: What is answered; updated when a line is durable.
        progress: Counts; updated when a line is durable.
        clock: For the time of finishing.
        on_settled: Told when a row's line is durable; the lane is None for a row that no call was made for.
        cache: Where successes are kept for equal requests, if anywhere.
    """

    def __init__(
        self,
        journal: Journal,
        finished: Finished,
        progress: Progress,
        clock: Clock,
        on_settled: Callable[[Job, Lane | None, BaseException | None], None],
        cache: Cache | None = None,
    ) -> None:
        self.journal = journal
        self.finished = finished
        self.progress = progress
        self._clock = clock
        self._on_settled = on_settled
        self._cache = cache

    def succeeded(self, job: Job, lane: Lane, reply: ChatReply | Answer) -> None:
        """A reply came for a row."""
        at = self._clock.wall()
        answer = reply if isinstance(reply, Answer) else chat_answer(reply, lane.model, at)
        if answer.meta.duration is not None:
            self.progress.answered_in(answer.meta.duration)
        if self._cache is not None:
            self._cache.put(job, lane.model, answer.body)
        line = success_line(job, answer, model=lane.model, finished_at=at)
        self.journal.append(line, partial(self._success_durable, job, lane, answer.usage, called=True))

    def cached(self, job: Job, lane: Lane, hit: Hit) -> None:
        """An equal request was answered before: no call."""
        line = cached_line(job, hit.body, model=lane.model, finished_at=self._clock.wall())
        self.progress.cached += 1
        self.journal.append(line, partial(self._success_durable, job, lane, None, called=False))

    def failed(self, job: Job, lane: Lane | None, error: BaseException, *, model: str | None, attempts: int) -> None:
        """A row failed for good. `lane` None: no call in flight belongs to it."""
        line = failure_line(job, error, model=model, attempts=attempts, finished_at=self._clock.wall())
        self.journal.append(line, partial(self._failure_durable, job, lane, error, called=attempts > 0))

    def _success_durable(self, job: Job, lane: Lane, usage: Usage | None, *, called: bool) -> None:
        self.finished.answered.add(job.ordinal)
        self.finished.succeeded.add(job.ordinal)
        self.progress.done += 1
        served = self.progress.model(lane.model)
        served.done += 1
        served.uncalled += not called
        if usage is not None:
            served.tokens_in += usage.prompt_tokens
            served.tokens_out += usage.completion_tokens
        self._on_settled(job, lane, None)

    def _failure_durable(self, job: Job, lane: Lane | None, error: BaseException, *, called: bool) -> None:
        self.finished.answered.add(job.ordinal)
        status, fault = fault_of(error)
        self.progress.failed += 1
        name = str(status) if status else fault
        self.progress.faults[name] += 1
        self.progress.examples.setdefault(name, f"line {job.line} ({job.custom_id}): {why_of(error)}")
        if lane is not None:
            served = self.progress.model(lane.model)
            served.failed += 1
            served.uncalled += not called
        self._on_settled(job, lane, error)
