"""Batches: files and a journal around `GitHubModels.map`, so that a run survives anything and loses nothing."""

from .journal import JournalError
from .merge import Merged, merge
from .rows import Recipe, RowError
from .run import BatchRun, Summary, opened_run, run_batch
from .rundir import RunDirectory, RunLockedError, RunMismatchError, Shard
from .runner import Limits
from .sources import Source, open_source
from .survey import ChangedRowError
from .tally import ModelTally, Tally
from .template import Template

__all__ = [
    "BatchRun",
    "ChangedRowError",
    "JournalError",
    "Limits",
    "Merged",
    "ModelTally",
    "Recipe",
    "RowError",
    "RunDirectory",
    "RunLockedError",
    "RunMismatchError",
    "Shard",
    "Source",
    "Summary",
    "Tally",
    "Template",
    "merge",
    "open_source",
    "opened_run",
    "run_batch",
]
