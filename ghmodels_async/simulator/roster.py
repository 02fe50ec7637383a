"""Which models the simulated service serves, what limits them, and how they behave.

Limits come from the profile and names from its catalog. How fast a model answers is a guess: plausible numbers of
hosted models in 2025-2026, good enough to make streams look and overlap like streams.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from ghmodels_async import catalog
from ghmodels_async.profiles.profile import Profile, Quota, matches

__all__ = ["Pace", "Roster", "Served"]


#: A service without a catalog knows every model but those whose name starts with this.
UNKNOWN = "no-such-model"


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds to the first token and tokens per second after it."""

    first_token: float
    tokens_per_second: float


#: First match wins. A guess (see above).
_PACES: tuple[tuple[str, Pace], ...] = (
    ("*nano*", Pace(0.35, 150)),
    ("*gpt-5-mini*", Pace(2.0, 110)),
    ("*gpt-5-chat*", Pace(0.6, 80)),
    ("*gpt-5*", Pace(4.0, 80)),
    ("*/o[134]-mini*", Pace(2.0, 110)),
    ("*/o[134]*", Pace(5.0, 70)),
    ("*mini*", Pace(0.45, 95)),
    ("*gpt-4*", Pace(0.6, 75)),
    ("*-r1*", Pace(1.0, 35)),
    ("*405b*", Pace(1.2, 25)),
    ("*70b*", Pace(0.6, 55)),
    ("*8b*", Pace(0.3, 130)),
    ("*", Pace(0.6, 60)),
)

#: Models that think out loud inside `<think>` tags. Source: sample output in GitHub's own documentation.
_THINK_ALOUD = ("*deepseek-r1*", "*mai-ds-r1*")
#: Models whose thinking is billed and never shown. Source: OpenAI's model cards.
_THINK_SILENTLY = ("*/o1*", "*/o3*", "*/o4*", "*/gpt-5", "*/gpt-5-mini*", "*/gpt-5-nano*")


@dataclass(frozen=True, slots=True)
class Served:
    """One model the service knows."""

    id: str
    short_name: str
    version: str
    pace: Pace
    thinks_aloud: bool = False
    thinks_silently: bool = False
    wants_completion_tokens: bool = False
    fixed_temperature: bool = False
    embeds: bool = False
    max_output: int | None = None
    context: int | None = None
    inputs: tuple[str, ...] = ("text",)
    outputs: tuple[str, ...] = ("text",)
    filtered: bool = False
    """Whether a content filter annotates every chunk (OpenAI models behind Azure)."""


class Roster:
    """The models of one profile on one plan."""

    def __init__(self, profile: Profile, plan: str) -> None:
        self.profile = profile
        self.plan = plan
        self._served: dict[str, Served | None] = {}

    def find(self, name: str) -> Served | None:
        """The model of that full or short name, or None if the service does not know it."""
        if name not in self._served:
            self._served[name] = self._look_up(name)
        return self._served[name]

    def quota(self, served: Served) -> Quota | None:
        """All limits of the model on this plan, account-wide ones included; None if the plan does not have it."""
        return self.profile.quota_of(served.id, self.plan)

    def listed(self) -> list[catalog.CatalogEntry]:
        """What the catalog lists; empty for a profile without a snapshot."""
        if self.profile.catalog is None:
            return []
        return [entry for entry in catalog.cards(self.profile.catalog) if entry.available]

    def examples(self) -> list[str]:
        """Names that fit the profile's own globs, for a service whose models nobody listed."""
        names = [glob.replace("*", "") or "simulated-model" for glob in self.profile.models]
        return [f"simulated{name}" if name.startswith(":") else name for name in names] or ["simulated-model"]

    def _look_up(self, name: str) -> Served | None:
        if self.profile.catalog is None:
            return None if name.rpartition("/")[2].startswith(UNKNOWN) else self._describe(name, None)
        entry = catalog.find(name, self.profile.catalog)
        return None if entry is None or entry.by != "catalog" else self._describe(entry.id, entry)

    def _describe(self, model: str, entry: catalog.CatalogEntry | None) -> Served:
        key = model.lower() if "/" in model else f"any/{model.lower()}"
        short = model.rpartition("/")[2]
        version = entry.version if entry is not None else None
        limits = entry.limits if entry is not None else None
        openai = key.startswith(("openai/", "any/gpt", "any/o", "any/text-embedding"))
        dialect = self.profile.dialect
        return Served(
            id=model,
            short_name=short,
            version=f"{short}-{version}" if version and openai and "-" in version else short,
            pace=next(pace for glob, pace in _PACES if fnmatchcase(key, glob)),
            thinks_aloud=_matches(key, _THINK_ALOUD),
            thinks_silently=_matches(key, _THINK_SILENTLY),
            wants_completion_tokens=dialect.wants_completion_tokens(model),
            fixed_temperature=matches(model, dialect.fixed_temperature_models),
            embeds="embed" in key,
            max_output=limits.max_output_tokens if limits else None,
            context=limits.max_input_tokens if limits else None,
            inputs=tuple(entry.supported_input_modalities) if entry is not None else ("text", "image", "audio"),
            outputs=tuple(entry.supported_output_modalities) if entry is not None else ("text",),
            filtered=openai and self.profile.catalog is not None,
        )


def _matches(key: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(key, glob) for glob in globs)
