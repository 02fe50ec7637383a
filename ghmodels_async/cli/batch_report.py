"""What a batch run says when it has ended: the summary, as text and as JSON, and the exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ghmodels_async.batch import BatchRun, Quotas, Summary, allowances, fresh_quotas, margins_of, used_quotas
from ghmodels_async.errors import GHModelsError

from .screen import tame
from .wording import reworded

if TYPE_CHECKING:
    from ghmodels_async.client import GitHubModels
    from ghmodels_async.limits import LimitState

    Before = Mapping[str, Sequence[LimitState]]

__all__ = ["exit_code_of", "json_summary", "limits_now", "print_summary", "spell"]


def exit_code_of(summary: Summary) -> int:
    """0 every row succeeded, 1 some failed or were left undone, 3 refused by the service, 4 out of quota."""
    if summary.stopped == "quota":
        return 4
    if summary.stopped == "refused":
        from .failures import exit_code

        return exit_code(summary.cause) if summary.cause is not None else 3
    failed = summary.progress.failed + summary.progress.before_failed
    return 1 if summary.stopped or failed else 0


def spell(seconds: float) -> str:
    """A duration as people say it: ``4.2 s``, ``8.4 min``, ``3 h 12 min``, ``19 d 5.6 min``, ``4 d 2 h``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    if seconds < 86_400:
        minutes = round(seconds / 60)
        return f"{minutes // 60} h {minutes % 60} min"
    days, rest = divmod(seconds, 86_400)
    if rest < 3600:
        return f"{int(days):,} d {rest / 60:.1f} min"
    return f"{int(days):,} d {round(rest / 3600)} h"


def lower_bounds(client: GitHubModels, summary: Summary) -> tuple[float, float]:
    """Least nominal seconds the quota allows for the calls made: in bursts, and evenly paced as batches are."""
    quotas, calls = _quotas(client, summary, paced=False)
    evenly, _ = _quotas(client, summary)
    paced = evenly.forecast(calls).duration
    # several models: a burst goes to the preferred one first, which is not always the quickest way to share the calls
    return min(quotas.forecast(calls).duration, paced), paced


def _quotas(
    client: GitHubModels, summary: Summary, *, paced: bool = True, margin: float = 0.0, day_margin: float = 0.0
) -> tuple[Quotas, int]:
    """The unused quotas of the models that were called, and the number of calls."""
    calls = {name: model.calls for name, model in summary.progress.models.items()}
    bound = allowances(client.profile, client.plan, [name for name in calls if calls[name]])
    started = client.clock.wall() - summary.makespan
    quotas = fresh_quotas(bound, paced=paced, margin=margin, day_margin=day_margin, wall=started)
    return quotas, sum(calls.values())


def json_summary(client: GitHubModels, run: BatchRun, summary: Summary) -> dict[str, Any]:
    progress = summary.progress
    burst, paced = lower_bounds(client, summary)
    return {
        "request_counts": progress.counts,
        "this_start": {"completed": progress.done, "failed": progress.failed, "again": progress.again},
        "from_cache": progress.cached,
        "failed_by": dict(progress.faults.most_common()),
        "refused_429": refusals(client),
        "tokens": {"prompt": progress.tokens_in, "completion": progress.tokens_out},
        "models": {name: model.done for name, model in progress.models.items()},
        "makespan": round(summary.makespan, 3),
        "lower_bound": round(burst, 3),
        "lower_bound_paced": round(paced, 3),
        "stopped": summary.stopped,
        "run_dir": str(run.directory.path),
        "output": str(run.directory.output) if summary.merged else None,
        "errors": str(run.directory.errors) if summary.merged else None,
    }


def limits_now(client: GitHubModels, run: BatchRun) -> Before:
    """What is used of the limits of a run's models; to be asked before its first call."""
    found = {}
    for name in {*run.models, *filter(None, run.progress.asked)}:
        with contextlib.suppress(GHModelsError):  # no model of this plan: its rows will say so
            found[name] = client.limits.explain(name)
    return found


def print_summary(
    client: GitHubModels, run: BatchRun, summary: Summary, before: Before, *, max_error_rate: float | None = None
) -> None:
    """The closing summary. `before`: `limits_now` when the run began; `max_error_rate`: as it was given."""
    progress = summary.progress
    failed = progress.before_failed + progress.failed
    lines = [("ok", f"{progress.before_done + progress.done:,}"), ("failed", _failed(summary, failed))]
    if progress.before_done:
        lines[0] = ("ok", f"{lines[0][1]} ({progress.before_done:,} of earlier starts)")
    if progress.remaining:
        lines.append(("not done", f"{progress.remaining:,}"))
    if progress.cached:
        lines.append(("from cache", f"{progress.cached:,}"))
    lines.append(("429s seen", f"{refusals(client):,}"))
    lines.append(("tokens", f"{progress.tokens_in:,} in, {progress.tokens_out:,} out"))
    if (price := client.usage.cost.known_dollars) > 0:
        lines.append(("list price", f"${price:.4f}, where use is paid for"))
    if len(progress.models) > 1:
        lines.append(("models", ", ".join(f"{name}: {model.done:,}" for name, model in progress.models.items())))
    lines += _pace(client, summary, before)
    if summary.merged:
        lines.append(("results", f"{run.directory.output}"))
        if summary.merged.failed:
            lines.append(("errors", f"{run.directory.errors}"))
    else:
        lines.append(("finished rows", f"safe in {run.directory.path}; `ghmodels batch merge` writes them out"))
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        print(f"{name:<{width}}  {value}")
    if summary.stopped:
        print(_why(summary) if summary.stopped != "error_rate" else _failing(summary, run, max_error_rate))
        print("Start the same command again to go on; it does only what is missing.")


# Longer than most: one line after the other, and they add up only together.
def _pace(client: GitHubModels, summary: Summary, before: Before) -> list[tuple[str, str]]:
    """Where the time went: what the quota alone takes, what pacing, margin and earlier use add, and what is left."""
    burst, paced = lower_bounds(client, summary)
    scale = client.clock.scale
    took = spell(summary.makespan) + (f" simulated, {summary.makespan / scale:.1f} s real" if scale != 1 else "")
    lines = [("makespan", took)]
    if paced <= 0:
        return lines
    quotas, calls = _quotas(client, summary, **margins_of(client.clock))
    safe = quotas.forecast(calls).duration
    windows = [window for model in quotas.models for window in model.windows] or quotas.account
    shortest = min(window.window for window in windows) - margins_of(client.clock)["margin"]
    lines.append(
        ("quota allows", f"{spell(burst)} at the very least: {calls:,} calls, each window used up in one burst")
    )
    about = f"calls leave evenly spread instead; at most one window ({spell(shortest)}), however long the run"
    lines.append(("pacing costs", f"{spell(paced - burst)}: {about}"))
    if safe - paced >= 0.01 * safe:
        margin = margins_of(client.clock)["margin"]
        why = f" ({margin / scale * 1000:.0f} ms real at speed {scale:g})" if scale != 1 else ""
        share = f"{(safe - paced) / safe:.1%}"
        lines.append(("margin costs", f"{spell(safe - paced)}, {share}: {margin:.1f} s on every window{why}"))
    used = used_quotas(quotas, lambda name: before.get(name, ()), wall=client.clock.wall() - summary.makespan)
    taken = min(used.forecast(calls).duration, summary.makespan) - safe
    if taken >= 0.01 * safe:
        lines.append(("used before", f"{spell(taken)}: waits for quota that was used before this start"))
        safe += taken
    if summary.makespan > safe:
        rest = summary.makespan - safe
        what = "start, last answers, end" if not summary.stopped else "start, end, the wait it was stopped in"
        real = f" ({rest / scale:.1f} s real)" if scale != 1 else ""
        lines.append(("the rest", f"{spell(rest)}: {what}{real}"))
    return lines


def _failed(summary: Summary, failed: int) -> str:
    faults = ", ".join(f"{name}: {count:,}" for name, count in summary.progress.faults.most_common(5))
    return f"{failed:,}" + (f" ({faults})" if faults else "")


def _why(summary: Summary) -> str:
    reasons = {
        "interrupted": "Stopped as asked.",
        "quota": "Stopped: the quota is used up.",
        "refused": "Stopped: no call can succeed.",
        "journal": "Stopped: finished rows could not be written.",
    }
    text = reasons.get(summary.stopped or "", "Stopped.")
    if isinstance(summary.cause, GHModelsError):
        text += f"\n{reworded(str(summary.cause))}"
    return text


def _failing(summary: Summary, run: BatchRun, bound: float | None) -> str:
    """How many rows failed, of what most did, with one of them, and what can be done."""
    progress = summary.progress
    ended, where = progress.done + progress.failed, run.directory.path
    allowed = "" if bound is None else f", more than --max-error-rate {bound:g} allows"
    share = f"{progress.failed / ended:.1%}"
    lines = [f"Stopped: too many rows failed, {progress.failed:,} of {ended:,} ({share}){allowed}."]
    for name, count in progress.faults.most_common(1):
        example = tame(reworded(progress.examples[name]))
        lines.append(f"The commonest failure is {name}, {count:,} rows; one is {example}")
    lines.append(
        f"`ghmodels batch merge {where}` writes errors.jsonl, with every reason. Mend what is wrong, then "
        f"`ghmodels batch retry-failed {where}` runs the failed rows again; or raise --max-error-rate."
    )
    return "\n".join(lines)


def refusals(client: GitHubModels) -> int:
    """429s the server answered to this client."""
    return sum(client.usage.rate_limited.values())
