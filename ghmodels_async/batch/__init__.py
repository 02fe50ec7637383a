"""Batches: files and a journal around `GitHubModels.map`, so that a run survives anything and loses nothing."""

from .cache import Cache
from .check import Checked, Problem, check_rows
from .envelope import FAULTS, matches
from .forecast import Forecast, ModelQuota, Reset, Window, forecast
from .inputs import count_input, recipe_of
from .journal import JournalError, failures, fault_counts, read_finished
from .merge import Merged, merge
from .plan import Choice, choices, plan_rows
from .progress import ModelProgress, Progress
from .quotas import ANSWER_SECONDS, Quotas, allowances, fresh_quotas, margins_of, used_quotas
from .rows import Recipe, RowError
from .run import BatchRun, Summary, run_batch
from .rundir import RunDirectory, RunLockedError, RunMismatchError, Shard
from .segments import RecordHead
from .sources import Source, open_source
from .survey import ChangedRowError, count_rows
from .template import Template
from .verdicts import Limits

__all__ = [
    "ANSWER_SECONDS",
    "FAULTS",
    "BatchRun",
    "Cache",
    "ChangedRowError",
    "Checked",
    "Choice",
    "Forecast",
    "JournalError",
    "Limits",
    "Merged",
    "ModelProgress",
    "ModelQuota",
    "Problem",
    "Progress",
    "Quotas",
    "Recipe",
    "RecordHead",
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
    "check_rows",
    "choices",
    "count_input",
    "count_rows",
    "failures",
    "fault_counts",
    "forecast",
    "fresh_quotas",
    "margins_of",
    "matches",
    "merge",
    "open_source",
    "plan_rows",
    "read_finished",
    "recipe_of",
    "run_batch",
    "used_quotas",
]
