"""Batches: files and a journal around `GitHubModels.map`, so that a run survives anything and loses nothing."""

from .forecast import Forecast, ModelQuota, Reset, Window, forecast
from .journal import JournalError
from .merge import Merged, merge
from .progress import ModelProgress, Progress
from .quotas import ANSWER_SECONDS, Quotas, allowances, fresh_quotas, margin_of, used_quotas
from .rows import Recipe, RowError
from .run import BatchRun, Summary, opened_run, run_batch
from .rundir import RunDirectory, RunLockedError, RunMismatchError, Shard
from .runner import Limits
from .sources import Source, open_source
from .survey import ChangedRowError
from .template import Template

__all__ = [
    "ANSWER_SECONDS",
    "BatchRun",
    "ChangedRowError",
    "Forecast",
    "JournalError",
    "Limits",
    "Merged",
    "ModelProgress",
    "ModelQuota",
    "Progress",
    "Quotas",
    "Recipe",
    "Reset",
    "RowError",
    "RunDirectory",
    "RunLockedError",
    "RunMismatchError",
    "Shard",
    "Source",
    "Summary",
    "Template",
    "Window",
    "allowances",
    "forecast",
    "fresh_quotas",
    "margin_of",
    "merge",
    "open_source",
    "opened_run",
    "run_batch",
    "used_quotas",
]
