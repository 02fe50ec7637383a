"""Everything that can be known to be wrong with an input before the first call: nothing is sent, nothing is spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ghmodels_async import catalog
from ghmodels_async.errors import ConfigurationError, PlanError
from ghmodels_async.limits.quota import Allowance, allowance
from ghmodels_async.profiles import Profile
from ghmodels_async.wire.measure import word_count

from .cache import repeatable
from .duplicates import Duplicates
from .objections import objections
from .rows import Job, RawRow, Recipe, RowError

__all__ = ["Checked", "Problem", "check_rows"]

_REMEMBERED = 1000
#: What OpenAI and Azure take in one batch file (OpenAI API reference, "Create batch", read 2026-11-22).
OPENAI_ROWS, OPENAI_BYTES = 50_000, 200 * 1000 * 1000


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: `line` in the input from 1, or 0 for the run as a whole."""

    line: int
    why: str


@dataclass
class Checked:
    """What was found. `problems` holds the first ones in input order, `wrong` counts all of them.

    Attributes:
        rows: Rows read.
        size: Bytes of all rows.
        models: Rows per model; rows that name none count for the run's first model.
        cacheable: Rows whose answers a cache may keep: embeddings, and chats that are not sampled.
        ignored: Fields of short lines that are no request fields, with the rows that have them.
        notes: What is not wrong but worth knowing.
    """

    rows: int = 0
    size: int = 0
    embeddings: int = 0
    cacheable: int = 0
    wrong: int = 0
    problems: list[Problem] = field(default_factory=list)
    models: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def check_rows(
    rows: Iterator[RawRow], recipe: Recipe, models: Sequence[str], profile: Profile, plan: str, *, shown: int = 20
) -> Checked:
    """Read every row and collect what is wrong with it. Blocking; memory does not grow with the rows.

    Args:
        rows: The input from its start.
        recipe: How rows become requests.
        models: Models for rows that name none.
        profile: Where they would go.
        plan: The user's plan there.
        shown: How many problems to keep.
    """
    checker = _Checker(recipe, models, profile, plan, shown)
    with Duplicates() as names:
        for raw in rows:
            checker.row(raw, names)
        for line, earlier in names.repeats():
            checker.wrong(line, f"the same id as line {earlier}")
    return checker.finish()


class _Checker:
    def __init__(self, recipe: Recipe, models: Sequence[str], profile: Profile, plan: str, shown: int) -> None:
        self.found = Checked()
        self._recipe = recipe
        self._models = tuple(models)
        self._profile = profile
        self._plan = plan
        self._shown = shown
        self._known: dict[str, Allowance | str] = {}
        self._passed: set[str] = set()
        """Shapes of requests the endpoint has nothing against: most inputs have one, and asking costs the most."""
        for model in models:
            about = self._allowance(model)
            if isinstance(about, str):
                self.wrong(0, about)

    def row(self, raw: RawRow, names: Duplicates) -> None:
        found = self.found
        found.rows += 1
        found.size += len(raw.data)
        try:
            job = self._recipe.job(raw)
            names.add(job.custom_id, raw.line)
            models = (job.model,) if job.model else self._models
            if not models:
                raise RowError(raw.line, "the row names no model; give one with --model")
            found.models[models[0]] += 1
            found.embeddings += job.embeddings
            found.cacheable += repeatable(job)
            if job.ignored:
                found.ignored.update(job.ignored)
            for why in self._problems(raw, job, models):
                self.wrong(raw.line, why)
        except RowError as error:
            self.wrong(raw.line, error.why)

    def wrong(self, line: int, why: str) -> None:
        found = self.found
        found.wrong += 1
        problems = found.problems
        # repeats are found last but may stand first; the shown ones are the first by line
        if len(problems) < self._shown or line < problems[-1].line:
            problems.append(Problem(line, why))
            problems.sort(key=lambda problem: problem.line)
            del problems[self._shown :]

    def finish(self) -> Checked:
        found, notes = self.found, self.found.notes
        if not found.rows:
            self.wrong(0, "the input has no rows")
        if found.rows > OPENAI_ROWS:
            notes.append(f"OpenAI and Azure take at most {OPENAI_ROWS:,} rows in one batch file (we take any number)")
        if found.size > OPENAI_BYTES:
            notes.append("OpenAI and Azure take at most 200 MB in one batch file (we take any size)")
        if found.ignored:
            fields = ", ".join(f"{name} ({count:,} rows)" for name, count in found.ignored.most_common(8))
            notes.append(f"fields that are no request fields and stay unused: {fields}")
        return found

    def _problems(self, raw: RawRow, job: Job, models: Sequence[str]) -> Iterator[str]:
        request = job.request(models[0])
        asked = _plain_shape(job, models[0])
        if asked is None or asked not in self._passed:
            found = objections(self._profile, request)
            yield from found
            if asked is not None and not found and len(self._passed) < _REMEMBERED:
                self._passed.add(asked)
        if job.model:
            about = self._allowance(job.model)
            if isinstance(about, str):
                yield about
                return
        for model in models:
            card = catalog.find(model, self._profile.catalog) if self._profile.catalog else None
            if card is not None and card.chats == job.embeddings:
                sort = "embeddings" if job.embeddings else "chat"
                yield f"a row for {sort}, which {model} does not do"
                return
        most = self._most_tokens(models)
        if most is not None and len(raw.data) > 2 * most:
            words = word_count(job.body.get("messages", job.body.get("input")))
            if words > most:
                yield f"too large: at least {words:,} tokens, {models[0]} takes {most:,} on plan {self._plan}"

    def _most_tokens(self, models: Sequence[str]) -> int | None:
        """What the most generous of the models takes in; None when one of them has no known bound."""
        bounds = []
        for model in models:
            about = self._allowance(model)
            if isinstance(about, str):
                continue
            if about.tokens_in is None:
                return None
            bounds.append(about.tokens_in)
        return max(bounds, default=None)

    def _allowance(self, model: str) -> Allowance | str:
        """What binds the model, or why it cannot be used."""
        about = self._known.get(model)
        if about is None:
            about = self._known[model] = self._looked_up(model)
        return about

    def _looked_up(self, model: str) -> Allowance | str:
        if self._profile.catalog and catalog.find(model, self._profile.catalog) is None:
            near = catalog.nearest(model, snapshot=self._profile.catalog)
            return f"unknown model {model!r}" + (f"; did you mean {near[0]}?" if near else "")
        try:
            return allowance(self._profile, model, self._plan)
        except PlanError as error:
            on = f" (on {', '.join(error.plans)})" if error.plans else ""
            return f"model {model} is not available on plan {self._plan}{on}"
        except ConfigurationError as error:
            return error.why


def _plain_shape(job: Job, model: str) -> str | None:
    """What the endpoint could object to in a request whose messages are nothing but role and text; else None."""
    messages = job.body.get("messages")
    if not messages or not all(len(m) == 2 and type(m.get("content")) is str and "role" in m for m in messages):
        return None
    return f"{model} {[(name, value) for name, value in job.body.items() if name != 'messages']}"
