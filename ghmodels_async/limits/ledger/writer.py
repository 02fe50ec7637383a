"""One thread that owns a store; everything that waits when it comes free goes into one transaction.

Under load the price of a commit is shared; alone, nobody waits for company. The event loop only appends to a list.
What was posted keeps its order and is kept, and tried again every second, for as long as the file cannot be written.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .rescue import UNUSABLE, is_damage
from .store import Store

__all__ = ["Operation", "Otherwise", "Writer"]

_log = logging.getLogger("ghmodels_async.limits.ledger")

Operation = Callable[[Store], Any]

Otherwise = Callable[[BaseException], "tuple[Any, Operation | None]"]
"""What an asker is told if the file cannot be written (or raises), and what is kept to be written later."""

RETRY = 1.0
"""Real seconds between two attempts to write a file that could not be written."""


#: SQLite keeps its locks in the process's memory too, so a connection must not be carried across a fork: the child
#: would find the file locked by a thread it does not have. Before a fork every writer lets go of its file; it opens it
#: anew with its next transaction.
_writers: weakref.WeakSet[Writer] = weakref.WeakSet()
_stopped: list[Writer] = []


def _before_fork() -> None:
    for writer in list(_writers):
        writer.at_file.acquire()
        writer.let_go_of_file()
        _stopped.append(writer)


def _after_fork() -> None:
    while _stopped:
        _stopped.pop().at_file.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


@dataclass(slots=True)
class _Entry:
    run: Operation
    answer: asyncio.Future[Any] | None = None
    otherwise: Otherwise | None = None


class Writer:
    """Runs operations on a store, in order, off the event loop.

    Args:
        store: Open; owned from now on.
        executor: Has one thread; owned from now on.
        reopen: Makes a new store if the old one is damaged or its file is gone. Runs in the thread.
        report: Called with the first error of a series and with None when writing works again.
    """

    def __init__(
        self,
        store: Store,
        executor: ThreadPoolExecutor,
        *,
        reopen: Callable[[], Store],
        report: Callable[[BaseException | None], None],
    ) -> None:
        self._store: Store | None = store
        self._executor = executor
        self._reopen = reopen
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._queue: list[_Entry] = []
        self._running = False
        self._closed = False
        self._trouble: BaseException | None = None
        self.at_file = threading.Lock()
        _writers.add(self)

    def post(self, run: Operation) -> None:
        """Do it soon. Never raises, never waits."""
        if not self._closed:
            self._queue.append(_Entry(run))
            self._start()

    async def ask(self, run: Operation, otherwise: Otherwise) -> Any:
        """Do it and answer once it is durable.

        Cancellation: the operation may have been done; undo it with `post`.
        """
        if self._closed:
            raise RuntimeError("the ledger is closed")
        if self._trouble is not None:
            answer, keep = otherwise(self._trouble)
            if keep is not None:
                self._queue.append(_Entry(keep))
            return answer
        self._rebind()
        entry = _Entry(run, self._loop.create_future(), otherwise)
        self._queue.append(entry)
        self._start()
        assert entry.answer is not None
        return await entry.answer

    async def aclose(self, last: Operation) -> None:
        """Do `last` after all that waits, then let go of the file. Idempotent.

        Cancellation: safe; closing again goes on with it.
        """
        if self._closed:
            return
        self._rebind()
        await self.ask(last, lambda error: (None, None))
        self._closed = True
        await self._loop.run_in_executor(self._executor, self.let_go)
        self._executor.shutdown(wait=False)

    def _rebind(self) -> None:
        """Go on under the running loop if the old one was closed: what it was told about the last batch is lost."""
        if self._loop.is_closed():
            self._loop = asyncio.get_running_loop()
            self._running = False
            self._trouble = None

    def _start(self) -> None:
        if self._running or not self._queue or self._trouble is not None:
            return
        batch, self._queue = self._queue, []
        if self._loop.is_closed():
            self._finish_without_loop(batch)
            return
        self._dispatch(batch)

    def _dispatch(self, batch: list[_Entry]) -> None:
        self._running = True
        running = self._loop.run_in_executor(self._executor, self._run, batch)
        running.add_done_callback(lambda done: self._done(batch, done))

    def _done(self, batch: list[_Entry], done: asyncio.Future[list[Any]]) -> None:
        self._running = False
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if error is None:
            if self._trouble is not None:
                self._trouble = None
                self._report(None)
            for entry, result in zip(batch, done.result(), strict=True):
                _answer(entry, result)
        else:
            self._give_up(batch, error)
        self._start()

    def _give_up(self, batch: list[_Entry], error: BaseException) -> None:
        kept: list[_Entry] = []
        for entry in batch:
            if entry.otherwise is None:
                kept.append(entry)
                continue
            try:
                result, keep = entry.otherwise(error)
            except Exception as refusal:  # it is the asker's to see
                result, keep = refusal, None
            _answer(entry, result)
            if keep is not None:
                kept.append(_Entry(keep))
        self._queue[:0] = kept
        if self._trouble is None:
            self._report(error)
        self._trouble = error
        self._loop.call_later(RETRY, self._try_again)

    def _try_again(self) -> None:
        if self._closed or self._running:
            return
        batch, self._queue = self._queue, []
        self._dispatch(batch)

    def _finish_without_loop(self, batch: list[_Entry]) -> None:
        # A permit settled by the garbage collector after its loop was closed.
        try:
            self._executor.submit(self._run, batch).result()
        except Exception as error:
            _log.warning("the quota ledger missed %d late notes: %s", len(batch), error)

    def _run(self, batch: list[_Entry]) -> list[Any]:
        """In the thread: one transaction for the batch; once more if the file had to be opened anew."""
        with self.at_file:
            try:
                return self._transact(batch)
            except UNUSABLE as error:
                if not is_damage(error):
                    raise
                self.let_go()
                return self._transact(batch)

    def _transact(self, batch: list[_Entry]) -> list[Any]:
        store = self._store
        if store is None or store.moved():
            self.let_go()
            store = self._store = self._reopen()
        with store.transaction():
            return [_attempt(entry.run, store) for entry in batch]

    def let_go_of_file(self) -> None:
        """As `let_go`, but a store in memory is all there is of it: it stays."""
        if self._store is not None and self._store.path is not None:
            self.let_go()

    def let_go(self) -> None:
        """Close the file. Whoever calls it is the writer's thread, or holds `at_file`."""
        store, self._store = self._store, None
        if store is not None:
            try:
                store.close()
            except sqlite3.Error:
                pass  # a damaged file need not close well


def _attempt(run: Operation, store: Store) -> Any:
    """ValueError is raised before anything is written: it concerns one operation, not the batch."""
    try:
        return run(store)
    except ValueError as error:
        return error


def _answer(entry: _Entry, result: Any) -> None:
    if entry.answer is None or entry.answer.done():
        return
    if isinstance(result, Exception):
        entry.answer.set_exception(result)
    else:
        entry.answer.set_result(result)
